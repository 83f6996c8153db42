"""Parts of ``spec.serving``: what else pods answer beside predictions."""

from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel


class Explain(ApiModel):
    """Explanations of predictions."""

    max_evaluations: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000_000,
            description="Most predictions that one request to explain may take. Default 20000.",
        ),
    ] = None
    max_seconds: Annotated[
        float | None,
        Field(gt=0, le=600, description="Longest time that one request to explain may take. Default 5 seconds."),
    ] = None
