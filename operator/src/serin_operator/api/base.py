"""What every type of the API has in common, and values that many of them have."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Quantity = Annotated[
    int | str,
    Field(description='A quantity as Kubernetes writes it: 2, 500m, 1.5Gi. A decimal number in quotes: "0.5".'),
]
LabelValue = Annotated[str, Field(max_length=63, description="Value of the label.")]


class ApiModel(BaseModel):
    """Base of every API type: frozen, camelCase on the wire, unknown fields ignored (the API server prunes them)."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")
