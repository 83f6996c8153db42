"""The keys of a JSON Web Key Set that tokens can be proven by, and why the others cannot be used.

Words of the library are never passed on: it shows whole keys in them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import jwt

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a private key only: a shared secret or `none` in a token's head is never believed."""
_MOST_TOLD: Final = 10


def key_set(file: Path) -> tuple[dict[str | None, "jwt.PyJWK"], list[str]]:
    """The usable keys by their ids, and a sentence for each of the others.

    Raises `OSError`, or `ValueError` when the file is no key set or nobody could pass with it.
    """
    keys: dict[str | None, Any] = {}
    left_out: list[str] = []
    for number, told in enumerate(_told(file), 1):
        key, problem = _key(told)
        name = f"key {number}" + (
            f" (kid {str(told['kid'])[:60]!r})" if isinstance(told, dict) and "kid" in told else ""
        )
        if key is None:
            left_out.append(f"{name} {problem}")
            continue
        if key.key_id in keys:
            left_out.append(f"{name} takes the place of one before it: give each key a kid of its own")
        keys[key.key_id] = key
    if not keys:
        raise ValueError(
            f"{file}: nobody could come in, no key of the set can prove a token ({'; '.join(left_out[:_MOST_TOLD])}): "
            "give the public keys of whoever signs the tokens"
        )
    return keys, left_out


def _told(file: Path) -> list[Any]:
    try:
        told = json.loads(file.read_text())
    except (ValueError, RecursionError):
        told = None
    keys = told.get("keys") if isinstance(told, dict) else None
    if not isinstance(keys, list) or not keys:
        raise ValueError(f'{file} is not a JSON Web Key Set: write {{"keys": […]}} with at least one key')
    return keys


def _key(told: Mapping[str, Any]) -> tuple["jwt.PyJWK | None", str]:
    import jwt  # noqa: PLC0415 (only with a key set)

    if not isinstance(told, dict):
        return None, "is no JSON object"
    if told.get("kty") == "oct":
        return None, "is a shared secret, and only signatures by a private key are believed"
    if told.get("use", "sig") != "sig":
        return None, "is not for signatures"
    try:
        key = jwt.PyJWK.from_dict(told)
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError):
        return None, "is incomplete, or of a type or algorithm that is not known"
    if key.algorithm_name not in ALGORITHMS:
        return None, f"is for {str(key.algorithm_name)[:20]}, and believed are {', '.join(ALGORITHMS)}"
    return key, ""
