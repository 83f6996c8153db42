"""Signatures of notices, as Standard Webhooks has them: a receiver checks with any of its libraries who has sent what.

The scheme (https://www.standardwebhooks.com): HMAC-SHA256 over ``id.timestamp.body``, base64, after ``v1,``. A timestamp of
each attempt lets receivers refuse what is old; the id is the same in each, and names the notice.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

_PREFIX: Final = "whsec_"


def keys_in(text: str) -> tuple[bytes, ...]:
    """The keys of a file, one a line: several while a key is being replaced. ``whsec_…`` is base64, anything else is itself.

    Raises:
        ValueError: A key is empty, or not what its prefix promises; the message does not hold it.
    """
    return tuple(_key(line.strip()) for line in text.splitlines() if line.strip())


def headers_of(id_: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The headers of one attempt; without a key there is no signature, and the id is still told."""
    headers = {"webhook-id": id_, "webhook-timestamp": str(timestamp)}
    signed = f"{id_}.{timestamp}.".encode() + body
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys]
    return {**headers, "webhook-signature": " ".join(signatures)} if signatures else headers


def _key(line: str) -> bytes:
    if not line.startswith(_PREFIX):
        return line.encode()
    try:
        key = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a key begins with whsec_ and is not base64") from error
    if not key:
        raise ValueError("a key is empty")
    return key
