"""Which channels there are: written by whoever installs the operator, refused by name when they cannot be."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from serin_operator.act.notices.kinds import KINDS
from serin_operator.act.notices.templates import problem_of
from serin_operator.api.notify import CHANNEL_LENGTH, Notify, Occasion

MOST_CHANNELS: Final = 32


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Channel(_Strict):
    """One receiver. Its address and keys are files in the folder of its name."""

    name: Annotated[str, Field(max_length=CHANNEL_LENGTH, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    kind: str
    templates: dict[str, str] = {}

    @field_validator("kind")
    @classmethod
    def _is_one(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind}; there are {', '.join(KINDS)}")
        return kind

    @field_validator("templates")
    @classmethod
    def _can_be_filled_in(cls, templates: dict[str, str]) -> dict[str, str]:
        for occasion, template in templates.items():
            if occasion != "Default" and Occasion.of(occasion) is None:
                raise ValueError(f"there is no occasion {occasion}; there are Default, {', '.join(Occasion)}")
            if problem := problem_of(template):
                raise ValueError(f"{occasion}: {problem}")
        return templates


class NoticeSettings(_Strict):
    """All channels, and who hears of models that do not say so."""

    cluster: Annotated[str, Field(max_length=100)] = ""
    channels: Annotated[tuple[Channel, ...], Field(max_length=MOST_CHANNELS)] = ()
    defaults: Annotated[tuple[Notify, ...], Field(max_length=8)] = ()
    folder: Path = Path("/etc/serin/notify")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        names = [channel.name for channel in self.channels]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two channels are called {', '.join(sorted(twice))}; rename one")
        if unknown := [each.channel for each in self.defaults if each.channel not in names]:
            raise ValueError(f"defaults name {', '.join(unknown)}, and channels are {', '.join(names) or 'none'}")
        return self
