"""URIs as they may be shown: events and conditions travel further than the spec that holds the URI."""

import re
from typing import Final

_SECRETS: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)([^/?#]*@)?([^?#]*)([?#].*)?$", re.IGNORECASE | re.DOTALL)


def shown(uri: str) -> str:
    """The URI with `…` for its user information and its query, which may open the store."""
    found = _SECRETS.match(uri)
    if found is None:
        return uri
    scheme, user, rest, query = found.groups()
    return f"{scheme}{'…@' if user else ''}{rest}{'?…' if query else ''}"


COMES_ALONE: Final = "^(https?:|(s3|gs|az|hf):.*[.]onnx$)"
"""Sources of which one file is fetched: what lies beside it stays there, a signature too. In CEL and in Python the same."""


def comes_alone(uri: str) -> bool:
    """Whether nothing that lies beside the model comes along with it."""
    return re.match(COMES_ALONE, uri) is not None
