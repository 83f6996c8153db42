"""Inputs to measure a model with: those that it was warmed up with, as one row and as a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serin_server.model.load import Model
from serin_server.model.tensors import Signature
from serin_server.model.warmup import Feed


@dataclass(frozen=True, slots=True)
class Feeds:
    """One row, and the rows of all recorded requests repeated until there are so many; None where it takes no other number."""

    one: Feed
    many: Feed | None
    rows: int

    @property
    def has_rows(self) -> bool:
        """Whether it takes any number of rows."""
        return self.many is not None


def feeds_of(model: Model, rows: int) -> Feeds | None:
    """What to measure a model with; None where nothing is known that it takes."""
    known = model.warmed.feeds
    if not known:
        return None
    if model.signature.has_free_rows:
        one = {name: array[:1] for name, array in known[0].items()}
        many = _batch(known, model.signature, rows)
        if _takes(model, one) and _takes(model, many):
            return Feeds(one, many, rows)
    return Feeds(known[0], None, rows)


def _batch(known: Sequence[Feed], signature: Signature, rows: int) -> dict[str, Any]:
    first = known[0]
    alike = [each for each in known if all(each[name].shape[1:] == first[name].shape[1:] for name in first)]
    whole = {spec.name: np.concatenate([each[spec.name] for each in alike]) for spec in signature.inputs}
    return {name: array[np.arange(rows) % len(array)] for name, array in whole.items()}


def _takes(model: Model, feed: Feed) -> bool:
    """Whether it runs: what has a free first dimension may still want certain numbers of rows."""
    try:
        model.session.run(feed)
    except Exception:  # noqa: BLE001 (whatever the graph raises, it does not take this)
        return False
    return True
