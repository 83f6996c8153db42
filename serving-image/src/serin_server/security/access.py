"""Who may ask for predictions: API keys, or JSON Web Tokens signed by a key of a JWKS file."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serin_server.refusals import Kind, Refusal
from serin_server.security.keyset import ALGORITHMS, key_set

if TYPE_CHECKING:
    import jwt

_MOST_REMEMBERED: Final = 1024


class AccessControl:
    """Checks credentials; with neither keys nor a key set everybody may come in."""

    def __init__(
        self,
        api_keys_file: Path | None,
        jwks_file: Path | None,
        audience: str = "",
        issuer: str = "",
        tell: Callable[[list[str]], None] | None = None,
    ) -> None:
        """`tell` hears of the keys of a set that cannot be used, at each load."""
        self._tell = tell
        self._api_keys_file = api_keys_file
        self._jwks_file = jwks_file
        self._audience = audience
        self._issuer = issuer
        self._digests: frozenset[bytes] = frozenset()
        self._keys: dict[str | None, Any] = {}
        self._believed: dict[bytes, tuple[float, bytes]] = {}
        """Until when a token holds, and whose it is, by its digest."""
        self.files = (api_keys_file, jwks_file)
        self.reload()

    def reload(self) -> None:
        """Reads the files again. Raises `OSError` or `ValueError` saying what is wrong."""
        digests = frozenset(_digest(key) for key in _api_keys(self._api_keys_file))
        keys, left_out = ({}, []) if self._jwks_file is None else key_set(self._jwks_file)
        self._keys, self._digests = keys, digests
        self._believed.clear()
        if left_out and self._tell is not None:
            self._tell(left_out)

    def check(self, authorization: bytes | None, api_key: bytes | None = None) -> bytes:
        """Lets a request in, and says whose it is: a word for each key, and for each subject of tokens.

        Raises `Refusal` (unauthenticated) that says what is missing, never what was close.
        """
        scheme, _, credential = (authorization or b"").partition(b" ")
        presented = api_key or (credential.strip() if scheme.lower() == b"bearer" else b"")
        if not presented:
            raise Refusal(Kind.UNAUTHENTICATED, "send a key or token: Authorization: Bearer …")
        digest = _digest(presented)
        if digest in self._digests:
            return digest
        until, caller = self._believed.get(digest, (0.0, b""))
        if until > time.time():
            return caller
        if not self._keys:
            raise Refusal(Kind.UNAUTHENTICATED, "the key is not known")
        return self._believe(presented, digest)

    def _believe(self, token: bytes, digest: bytes) -> bytes:
        import jwt  # noqa: PLC0415 (only with a key set)

        try:
            key = self._keys.get(jwt.get_unverified_header(token).get("kid")) or self._only_key()
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience or None,
                issuer=self._issuer or None,
                options={"require": ["exp"], "verify_aud": bool(self._audience)},
            )
            until = float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise Refusal(Kind.UNAUTHENTICATED, f"the token is not valid: {error}") from None
        if len(self._believed) >= _MOST_REMEMBERED:
            self._believed.clear()
        # Tokens are renewed: who has a subject is known by that. A signature can be written in more ways than one.
        subject = claims.get("sub")
        known_by = (
            f"{claims.get('iss')} {subject}".encode(errors="surrogatepass") if subject else token.rpartition(b".")[0]
        )
        caller = _digest(known_by)
        self._believed[digest] = until, caller
        return caller

    def _only_key(self) -> "jwt.PyJWK":
        if len(self._keys) != 1:
            raise ValueError("its kid names no key of the key set")
        return next(iter(self._keys.values()))  # type: ignore[no-any-return]


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _api_keys(file: Path | None) -> list[bytes]:
    if file is None:
        return []
    keys = []
    for line in filter(None, map(bytes.strip, file.read_bytes().splitlines())):
        name, colon, key = line.partition(b":")
        if not colon or not name or len(key) < 16:
            raise ValueError(f"{file}: each line must be <name>:<key>, the key of 16 characters or more")
        keys.append(key.strip())
    if not keys:
        raise ValueError(f"{file} holds no key: write a line <name>:<key>")
    return keys
