"""What is asked of the API server for routes alone, and what it means by the errors it tells in general words."""

from collections.abc import Mapping
from typing import Final

from serin_operator.api.names import HTTP_ROUTE, ObjectRef
from serin_operator.cluster.errors import ApiError, Conflict, Invalid, Transient

_STRICT: Final = {"fieldValidation": "Strict"}
_TEST_FAILED: Final = "rejected our request due to an error in our request"
_NO_SUCH_FIELD: Final = "field not declared in schema"


def validation(ref: ObjectRef) -> Mapping[str, str]:
    """Parameters of a write: a field that the cluster's version of the Gateway API lacks is refused, not dropped."""
    return _STRICT if ref.kind == HTTP_ROUTE else {}


def of_apply(error: ApiError) -> ApiError:
    """An apply with a field that the kind does not have is told with 500, and it does not pass."""
    unknown = isinstance(error, Transient) and _NO_SUCH_FIELD in error.message
    return Invalid(error.message) if unknown else error


def of_json_patch(error: ApiError) -> ApiError:
    """A JSON Patch that does not fit is told with 422; what validation has against its result, in other words."""
    unfit = isinstance(error, Invalid) and _TEST_FAILED in error.message
    return Conflict(error.message) if unfit else error
