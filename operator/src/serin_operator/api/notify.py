"""``spec.notify``: who hears of what becomes of rollouts, outside the cluster."""

from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.reasons import ExplainedReason


class Occasion(ExplainedReason):
    """What notices are sent about."""

    STARTED = "Started", "A new version begins its rollout."
    STEP = "Step", "A step's weight is in force, or the new version has all traffic and bakes."
    HELD = "Held", "It waits for a person: something keeps it from going on, its deadline has passed, or it is paused."
    PROMOTED = "Promoted", "A version became stable."
    ROLLED_BACK = "RolledBack", "A version was rolled back; the message has the evidence."
    GUARD_FAILED = "GuardFailed", "A promoted version turned out worse; the message has the evidence, and what is done."
    PREFLIGHT_FAILED = "PreflightFailed", "A version was refused before it got traffic."
    ABORTED = "Aborted", "A person ended a rollout."
    SUPERSEDED = "Superseded", "A rollout ended because the spec moved on."
    SOURCE_CHANGED = (
        "SourceChanged",
        "The source of the model that serves has other bytes than those recorded: new pods cannot load it.",
    )
    RECOVERED = "Recovered", "What was held, could not go on or had changed is so no more."


DEFAULT_OCCASIONS: Final = tuple(
    each for each in Occasion if each not in {Occasion.STARTED, Occasion.STEP, Occasion.SUPERSEDED}
)
"""Without ``about``: how rollouts end, and what waits for a person."""

CHANNEL_LENGTH: Final = 50
"""Longest name of a channel: the names of its volume and folder are made of it."""


class Notify(ApiModel):
    """One channel, and what it hears of."""

    channel: Annotated[
        str,
        Field(
            min_length=1,
            max_length=CHANNEL_LENGTH,
            description="Name of a channel of the installation (notify.channels of the chart).",
        ),
    ]
    about: Annotated[
        list[Occasion] | None,
        Field(
            min_length=1,
            max_length=len(Occasion),
            description="What is told. Default: all but Started, Step and Superseded.",
        ),
    ] = None

    @property
    def occasions(self) -> tuple[Occasion, ...]:
        """What is told, defaults applied."""
        return DEFAULT_OCCASIONS if self.about is None else tuple(self.about)
