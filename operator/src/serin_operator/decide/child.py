"""Identity of a child object, as decisions read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class ChildMeta:
    """Identity of a child object, and whether it is ours."""

    api_version: str
    kind: str
    name: str
    uid: str
    resource_version: str
    owned: bool
    """Our ModelDeployment is its controller; False: an orphan that can be adopted."""
    created_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)
