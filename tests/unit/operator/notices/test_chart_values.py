"""The chart's schema offers the kinds and occasions that there are, and no others."""

import json
from pathlib import Path
from typing import Any

from serin_operator.act.notices.channels import MOST_CHANNELS
from serin_operator.act.notices.kinds import KINDS
from serin_operator.api.notify import CHANNEL_LENGTH, Occasion


def test_the_schema_of_the_values_knows_every_kind_and_occasion() -> None:
    schema: Any = json.loads(Path("charts/serin/values.schema.json").read_text())
    notify = schema["properties"]["notify"]["properties"]
    channel = notify["channels"]["items"]["properties"]
    assert channel["kind"]["enum"] == list(KINDS)
    assert channel["name"]["maxLength"] == CHANNEL_LENGTH
    assert channel["templates"]["propertyNames"]["enum"] == ["Default", *Occasion]
    assert notify["defaults"]["items"]["properties"]["about"]["items"]["enum"] == list(Occasion)
    assert notify["channels"]["maxItems"] == MOST_CHANNELS
