"""The parts of ``status`` that tell what people did with the annotation ``serin.dev/action``."""

from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel


class ActionStatus(ApiModel):
    """One action that a person asked for with the annotation serin.dev/action."""

    action: Annotated[str, Field(max_length=256, description="As it was written; of a very long one its digest.")]
    at: Annotated[str, Field(description="When the operator heard it.")]
    by: Annotated[
        str | None,
        Field(
            max_length=256,
            description="The field manager that wrote it, for example kubectl-annotate, if that can be told.",
        ),
    ] = None
    outcome: Annotated[
        str,
        Field(
            description="Begun (it decides something that has not ended), Done, Failed or Ignored (nothing was done)."
        ),
    ]
    message: Annotated[str, Field(max_length=1024, description="What came of it, or why it was ignored.")]
    revision: Annotated[str | None, Field(description="The revision whose rollout tells what came of it.")] = None


class PauseStatus(ApiModel):
    """A pause by annotation: no step and no promotion until somebody writes resume, or promote."""

    since: Annotated[str, Field(description="When it was asked for.")]
    by: Annotated[
        str | None, Field(max_length=256, description="The field manager that wrote it, if that can be told.")
    ] = None


class HoldStatus(ApiModel):
    """A version that a person went back to: it is wanted instead of the spec's."""

    version: Annotated[str, Field(description="Label of the version.")]
    revision: Annotated[str, Field(description="Its revision; its objects are <name>-<revision>.")]
    instead_of: Annotated[
        str, Field(description="The spec's revision then: when the spec makes another one, nothing is held any more.")
    ]
    since: Annotated[str, Field(description="When it was asked for.")]
    by: Annotated[
        str | None, Field(max_length=256, description="The field manager that wrote it, if that can be told.")
    ] = None
    guard_of: Annotated[
        str | None,
        Field(max_length=63, description="The version whose guard failed, where that goes back and no person."),
    ] = None
