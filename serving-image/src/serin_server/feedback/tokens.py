"""Signed tokens: what was predicted, by which revision and when, readable by any pod that has the key.

A token is `<key id>.<base64url>`: encoded is the JSON list `[revision, unix milliseconds, request id, [prediction of
each row]]` and behind it the first 16 bytes of the HMAC-SHA-256 of key id, dot and list. Where the control was asked as
well, the list goes on with its revision and `[[row, its prediction], …]` for the rows on which it differs, and where the
client is known with a number that stands for it, and where slices are asked for with those of the rows.
Nothing is kept on the server. A token says what it says to anybody who holds it; it is signed, not secret.
"""

from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Final, NamedTuple

import msgspec
import orjson

from serin_server.keys import Keys
from serin_server.model.predictions import Prediction
from serin_server.slicing import OfRows

MAX_ROWS: Final = 256
MAX_CONTROL_BYTES: Final = 4096
"""The most that the control's part may add to a token before it is encoded; a longer one is left out."""
_SIGNATURE_BYTES: Final = 16
_BLOCK_BYTES: Final = 64
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class Forged(Exception):
    """A token that was not made with any of the keys, or was changed."""


class Claim(msgspec.Struct, array_like=True):
    """What a token says. Those of the release before end with the predictions."""

    revision: str
    predicted_at_ms: int
    request_id: str
    predictions: list[Prediction]
    control_revision: str = ""
    differences: list[tuple[int, Prediction]] = []
    client: int = 0
    slices: list[OfRows] = []

    def control_prediction(self, row: int) -> Prediction | None:
        """What the control predicted for a row; None where it was not asked."""
        if not self.control_revision:
            return None
        return next((told for number, told in self.differences if number == row), self.predictions[row])


class ControlPart(NamedTuple):
    """What the control said of the same request: its revision, and a prediction for each row."""

    revision: str
    predictions: list[Prediction]


class _Hmac:
    """HMAC-SHA-256 with one key, its two padded blocks hashed beforehand: half the time of `hmac.digest`."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def signature(self, message: bytes) -> bytes:
        """The first bytes of the HMAC of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()[:_SIGNATURE_BYTES]


class TokenSigner:
    """Makes and reads tokens."""

    __slots__ = ("_by_id", "_key", "_prefix", "_revision")

    def __init__(self, keys: Keys, revision: str) -> None:
        self._revision = revision
        self.use(keys)

    def use(self, keys: Keys) -> None:
        """Signs and believes with other keys from now on; a token of a key that is gone is forged."""
        self._by_id = {key_id: _Hmac(key) for key_id, key in keys.by_id.items()}
        self._key = self._by_id[keys.signing_id]
        self._prefix = keys.signing_id.encode() + b"."

    def sign(
        self,
        predicted_at: float,
        request_id: str,
        predictions: list[Prediction],
        control: ControlPart | None = None,
        client: int = 0,
        slices: Sequence[OfRows] = (),
    ) -> bytes:
        """The token of one response."""
        about: tuple[object, ...] = (self._revision, int(predicted_at * 1000), request_id, predictions)
        if control is not None:
            revision = control.revision
            differences: list[tuple[int, Prediction]] = []
            if predictions != control.predictions:
                pairs = enumerate(zip(predictions, control.predictions, strict=True))
                differences = [(row, told) for row, (own, told) in pairs if not is_same(own, told)]
            if differences and len(orjson.dumps(differences)) > MAX_CONTROL_BYTES:
                revision, differences = "", []
            about = (*about, revision, differences, client)
        elif client:
            about = (*about, "", (), client)
        if slices:
            rest = about[4:] or ("", (), client)
            about = (*about[:4], *rest, [(each.by, each.names, each.codes) for each in slices])
        return self.sealed(orjson.dumps(about))

    def number_of(self, address: bytes) -> int:
        """A number that stands for a client, the same on every server with this key, and means nothing to anybody else."""
        return int.from_bytes(self._key.signature(b"client " + address)[:4], "big")

    def sealed(self, told: bytes) -> bytes:
        """Any bytes, readable and signed."""
        return self._prefix + _encoded(told + self._key.signature(self._prefix + told))

    def read(self, token: str) -> Claim:
        """What a token says. Raises `Forged`."""
        try:
            return msgspec.json.decode(self.opened(token), type=Claim)
        except ValueError as error:
            raise Forged(f"the token cannot be read: {error}") from None

    def opened(self, token: str) -> bytes:
        """What was sealed. Raises `Forged`."""
        key_id, _, encoded = token.partition(".")
        key = self._by_id.get(key_id)
        try:
            decoded = urlsafe_b64decode(encoded)
            if _encoded(decoded) != encoded.encode():
                # Base64 has several spellings of the same bytes: each would count as another token.
                raise Forged("the token was changed")
            told, signature = decoded[:-_SIGNATURE_BYTES], decoded[-_SIGNATURE_BYTES:]
            if key is None or not compare_digest(key.signature(key_id.encode() + b"." + told), signature):
                raise Forged("the token was not signed with a key of this model")
        except (ValueError, TypeError) as error:
            raise Forged(f"the token cannot be read: {error}") from None
        return told


def is_same(one: Prediction, other: Prediction) -> bool:
    """Whether two predictions are the same: 1 is 1.0, and never "1"."""
    return one == other


def _encoded(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_URL_SAFE)
