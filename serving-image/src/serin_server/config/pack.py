"""Several models of one server: who they are, and in which settings each differs from the others."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from serin_server.config.settings import InvalidSetting, Settings, checked, parsed
from serin_server.uris import shown

OWN: Final[Mapping[str, str]] = {
    "version": "model_version",
    "revision": "model_revision",
    "sha256": "model_sha256",
    **{
        name: name
        for name in (
            "threads", "providers", "max_batch_rows", "batching", "preferred_batch_rows", "batch_window_seconds",
            "concurrent_runs", "request_timeout_seconds", "max_in_flight", "warmup", "warmup_seconds", "baseline",
            "prediction_output", "feedback_kind", "feedback_tolerance", "explain", "explain_background",
            "embeddings", "embedding_shortens",
        )
    },
}  # fmt: skip
"""What a model may have of its own, by the name that people write."""

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_RESERVED: Final = frozenset({"stats"})
_KINDS: Final = {field.name: field.type for field in fields(Settings)}


def members_of(settings: Settings) -> dict[str, Settings]:
    """The settings of each model of a pack, by its name. Raises `InvalidSetting`.

    `models` is `NAME=URI[;setting=value…]`, several by white space. What a model does not set is as the server's settings say.
    """
    for problem in problems_of(settings):
        raise InvalidSetting(problem)
    members: dict[str, Settings] = {}
    for text in settings.models.split():
        name, is_named, rest = text.partition("=")
        uri, *own = rest.split(";")
        if not (is_named and uri and _NAME.fullmatch(name)) or name in _RESERVED:
            raise InvalidSetting(
                f"SERIN_MODELS: {shown(text)!r} is no model: write NAME=URI, the name in letters, digits, '.', '_' and '-'"
            )
        if name in members:
            raise InvalidSetting(f"SERIN_MODELS: two models are called {name!r}: give each a name of its own")
        members[name] = _member(settings, name, uri, own)
    return members


def _member(settings: Settings, name: str, uri: str, own: list[str]) -> Settings:
    given: dict[str, Any] = {}
    for text in filter(None, own):
        key, is_set, value = text.partition("=")
        field = OWN.get(key.strip().replace("-", "_"))
        if field is None or not is_set:
            raise InvalidSetting(f"SERIN_MODELS: model {name!r} cannot have {key[:100]!r} of its own: {', '.join(OWN)}")
        given[field] = parsed(f"SERIN_MODELS: {key} of model {name!r}", _KINDS[field], value.strip())
    made = replace(settings, models="", model_name=name, model_uri=uri, cache_dir=settings.cache_dir / name, **given)
    try:
        return checked(made)
    except InvalidSetting as error:
        raise InvalidSetting(f"SERIN_MODELS: model {name!r}: {error}") from None


def problems_of(settings: Settings) -> Iterator[str]:
    """What a pack cannot have."""
    if not settings.models.split():
        yield "SERIN_MODELS names no model: write NAME=URI, several by white space"
    if settings.processes > 1:
        yield f"SERIN_PROCESSES={settings.processes}: several models share one process; start more pods, or one process"
    if settings.is_pairing:
        yield "SERIN_PAIRING_SAMPLE: versions are compared where each is served alone; serve that model by itself"
