"""Fields of the spec that are settings of the server, and the variables by which they reach it.

One table for its readers: the environment of the pods, the rules that refuse to have a thing said twice, and the tests.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from serin_operator.api.logs_and_limits import STDOUT
from serin_operator.api.quantity import whole_units
from serin_operator.api.rule import Rule
from serin_operator.api.serving import Unsigned

VARIABLES: Final[Mapping[str, str]] = {
    "runtime.batching": "SERIN_BATCHING",
    "runtime.maxBatchRows": "SERIN_MAX_BATCH_ROWS",
    "runtime.batchWindowSeconds": "SERIN_BATCH_WINDOW_SECONDS",
    "runtime.preferredBatchRows": "SERIN_PREFERRED_BATCH_ROWS",
    "serving.jwt.audience": "SERIN_JWT_AUDIENCE",
    "serving.jwt.issuer": "SERIN_JWT_ISSUER",
    "serving.feedback.unsigned": "SERIN_FEEDBACK_UNSIGNED",
    "serving.feedback.maxAgeSeconds": "SERIN_FEEDBACK_MAX_AGE_SECONDS",
    "serving.accessLog.sample": "SERIN_ACCESS_LOG_SAMPLE",
    "serving.payloadLog.to": "SERIN_PAYLOAD_LOG",
    "serving.payloadLog.sample": "SERIN_PAYLOAD_LOG_SAMPLE",
    "serving.payloadLog.maxBytes": "SERIN_PAYLOAD_LOG_MAX_BYTES",
    "serving.payloadLog.hide": "SERIN_PAYLOAD_LOG_HIDE",
    "serving.tracing.endpoint": "SERIN_OTLP_ENDPOINT",
    "serving.tracing.sample": "SERIN_OTLP_SAMPLE",
    "serving.limits.maxBodyBytes": "SERIN_MAX_BODY_BYTES",
    "serving.limits.maxHeaderBytes": "SERIN_MAX_HEADER_BYTES",
    "serving.limits.memoryBudget": "SERIN_MEMORY_BUDGET_BYTES",
    "serving.limits.maxInFlight": "SERIN_MAX_IN_FLIGHT",
    "serving.limits.requestTimeoutSeconds": "SERIN_REQUEST_TIMEOUT_SECONDS",
    "serving.limits.readTimeoutSeconds": "SERIN_READ_TIMEOUT_SECONDS",
    "serving.limits.idleTimeoutSeconds": "SERIN_IDLE_TIMEOUT_SECONDS",
    "serving.limits.connectionMaxRequests": "SERIN_CONNECTION_MAX_REQUESTS",
    "serving.limits.connectionMaxSeconds": "SERIN_CONNECTION_MAX_SECONDS",
    "serving.explain": "SERIN_EXPLAIN",
    "serving.explain.maxEvaluations": "SERIN_EXPLAIN_MAX_EVALUATIONS",
    "serving.explain.maxSeconds": "SERIN_EXPLAIN_SECONDS",
    "serving.compression.minBytes": "SERIN_GZIP_MIN_BYTES",
    "serving.cors.origins": "SERIN_CORS_ORIGINS",
    "serving.rateLimit.requestsPerSecond": "SERIN_RATE_LIMIT_PER_SECOND",
    "serving.rateLimit.burst": "SERIN_RATE_LIMIT_BURST",
    "analysis.pairing.sample": "SERIN_PAIRING_SAMPLE",
    "analysis.pairing.maxPerSecond": "SERIN_PAIRING_MAX_PER_SECOND",
    "analysis.pairing.timeoutSeconds": "SERIN_PAIRING_TIMEOUT_SECONDS",
    "serving.prediction.output": "SERIN_PREDICTION_OUTPUT",
    "serving.prediction.kind": "SERIN_FEEDBACK_KIND",
    "serving.prediction.tolerance": "SERIN_FEEDBACK_TOLERANCE",
}
"""Path below ``spec`` to the variable that carries its value."""

FILE_VARIABLES: Final[Mapping[str, str]] = {
    "SERIN_TLS_CERT_FILE": "serving.tls.secretName",
    "SERIN_TLS_KEY_FILE": "serving.tls.secretName",
    "SERIN_TLS_CLIENT_CA_FILE": "serving.tls.clientCA",
    "SERIN_API_KEYS_FILE": "serving.apiKeys.secretKeyRef",
    "SERIN_JWKS_FILE": "serving.jwt.jwks",
    "SERIN_FEEDBACK_KEY_FILE": "serving.feedback.signing",
}
"""Variables that carry the path of a file, to the field that has it mounted."""

NOT_SEEN_BY_CEL: Final = frozenset({"runtime.batching"})
"""Fields without a type: no rule can ask for them, so their variables are Serin's alone."""


def variables_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """The variables that ``spec`` sets through fields of its own.

    Args:
        spec: As ``model_dump(by_alias=True, exclude_none=True)`` gives it.
    """
    found = ((path, variable, _at(spec, path.split("."))) for path, variable in VARIABLES.items())
    return {variable: _SPELLED.get(path, _text)(value) for path, variable, value in found if value is not None}


def _at(value: object, path: Iterable[str]) -> object:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _text(value: object) -> str:
    """As the server reads it: words in small letters, lists with commas."""
    match value:
        case StrEnum():
            return value.lower()
        case list():
            return ",".join(map(_text, value))
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)


_SPELLED: Final[Mapping[str, Callable[[object], str]]] = {
    "serving.explain": lambda _: "on",
    "serving.feedback.unsigned": lambda said: "on" if said == Unsigned.ACCEPT else "off",
    "serving.payloadLog.to": lambda said: "stdout" if said == STDOUT else str(said),
    "serving.limits.memoryBudget": lambda said: str(whole_units(str(said))),
}
"""Fields whose values the server spells in another way."""


_SAME: Final = " say the same thing: remove one of them"


def said_twice() -> tuple[Rule, ...]:
    """Rules that refuse variables in ``spec.runtime.env`` which a field sets too, one for each part of the spec."""
    by_variable = {**{variable: path for path, variable in VARIABLES.items()}, **FILE_VARIABLES}
    parts: dict[str, dict[str, str]] = {}
    for variable, path in by_variable.items():
        if path not in NOT_SEEN_BY_CEL:
            parts.setdefault(path.rpartition(".")[0], {})[variable] = path
    return tuple(_said_twice(part, inside) for part, inside in parts.items())


def _said_twice(part: str, paths: Mapping[str, str]) -> Rule:
    env = "self.runtime.env"
    is_twice = {v: f"has(self.{path}) && {env}.exists(e, e.name == '{v}')" for v, path in paths.items()}
    any_twice = " || ".join(f"e.name == '{v}' && has(self.{path})" for v, path in paths.items())
    *others, last = (f"'{v} and spec.{path}'" for v, path in paths.items())
    # A ternary of whole names: to pick the name out of the list costs more than the API server allows a message.
    named = "".join(f"{twice} ? {name} : " for twice, name in zip(is_twice.values(), others, strict=False))
    rule = f"{_absent('runtime.env', part)} || !{env}.exists(e, {any_twice})"
    if not others:
        return Rule("spec", rule, last.strip("'") + _SAME + ".", field=".runtime.env")
    return Rule(
        "spec",
        rule,
        f"A field of spec.{part} and a variable in spec.runtime.env{_SAME}.",
        f"({named}{last}) + '{_SAME}'",
        field=".runtime.env",
    )


def _absent(*paths: str) -> str:
    """CEL that is true when one of the paths is not there to its end."""
    ways = (path.split(".")[: depth + 1] for path in paths for depth in range(len(path.split("."))))
    return " || ".join(dict.fromkeys(f"!has({'.'.join(['self', *way])})" for way in ways))
