"""Random keys: the only thing that is written into the cluster and follows from nothing that was observed."""

import secrets
from typing import Final

_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 4


def new_line() -> str:
    """One `<id>:<secret>` line, as the server reads them: an id that tokens name, and 256 random bits."""
    return f"{secrets.token_hex(_ID_BYTES)}:{secrets.token_urlsafe(_SECRET_BYTES)}\n"
