"""Rules for ``spec.serving``."""

from typing import Final

from serin_operator.api.rule import Rule, object_key, object_name

_REFERENCES: Final = (
    object_name("spec.serving.tls.secretName", "Secret"),
    *(
        rule
        for path in ("spec.serving.tls.clientCA", "spec.serving.jwt.jwks")
        for rule in (
            Rule(
                path,
                "has(self.secretKeyRef) != has(self.configMapKeyRef)",
                "Give exactly one of secretKeyRef and configMapKeyRef.",
            ),
            object_name(f"{path}.secretKeyRef.name", "Secret"),
            object_key(f"{path}.secretKeyRef.key"),
            object_name(f"{path}.configMapKeyRef.name", "ConfigMap"),
            object_key(f"{path}.configMapKeyRef.key"),
        )
    ),
    *(
        rule
        for path in ("spec.serving.apiKeys.secretKeyRef", "spec.serving.feedback.secretKeyRef")
        for rule in (object_name(f"{path}.name", "Secret"), object_key(f"{path}.key"))
    ),
)

_FEEDBACK: Final = (
    Rule(
        "spec.serving.feedback",
        "(has(self.signing) && self.signing == 'FromSecret') == has(self.secretKeyRef)",
        "Signing FromSecret and secretKeyRef belong together: give both, or use signing Managed without secretKeyRef.",
        "has(self.secretKeyRef) ? 'secretKeyRef is only read with signing FromSecret: set that, or remove secretKeyRef'"
        " : 'signing FromSecret needs your keys: add secretKeyRef with the name and key of a Secret, or use Managed'",
        field=".secretKeyRef",
    ),
)

_LOGS: Final = (
    Rule(
        "spec.serving.payloadLog.to",
        "self == 'Stdout' || (isURL(self) && self.matches('^https?://[^/?#@]+([/?]|$)'))",
        "Write Stdout, or the http:// or https:// address that takes CloudEvents, without credentials: everybody can read"
        " a spec.",
    ),
    Rule(
        "spec.serving.tracing.endpoint",
        "isURL(self) && self.matches('^https?://[^?#@]+$')",
        "Write a collector's http:// or https:// address, without credentials.",
    ),
    Rule(
        "spec.serving.payloadLog.hide[]",
        "!self.contains(',')",
        "Name one tensor an item, without commas: the model's metadata has the names.",
    ),
)

_LIMITS: Final = (
    Rule(
        "spec.serving.limits.memoryBudget",
        "type(self) == int ? self >= 1 : (isQuantity(self) && quantity(self).isGreaterThan(quantity('0')))",
        "A quantity is a number above 0 with a unit of Kubernetes, for example 256Mi or 1Gi.",
    ),
    Rule(
        "spec",
        "!has(self.serving) || !has(self.serving.limits) || !has(self.serving.limits.memoryBudget) || !has(self.runtime)"
        " || !has(self.runtime.resources) || !has(self.runtime.resources.limits)"
        " || !('memory' in self.runtime.resources.limits)"
        " || !isQuantity(string(self.serving.limits.memoryBudget))"
        " || !isQuantity(string(self.runtime.resources.limits['memory']))"
        " || quantity(string(self.serving.limits.memoryBudget))"
        ".isLessThan(quantity(string(self.runtime.resources.limits['memory'])))",
        "memoryBudget must leave room for the model: lower it, or raise spec.runtime.resources.limits.memory.",
        field=".serving.limits.memoryBudget",
    ),
    Rule(
        "spec",
        "!has(self.runtime) || !has(self.runtime.batchWindowSeconds) || !has(self.serving) || !has(self.serving.limits)"
        " || !has(self.serving.limits.requestTimeoutSeconds) || self.serving.limits.requestTimeoutSeconds == 0.0"
        " || self.runtime.batchWindowSeconds < self.serving.limits.requestTimeoutSeconds",
        "batchWindowSeconds must be less than spec.serving.limits.requestTimeoutSeconds, or no request is ever in time:"
        " lower the window, to 0.005 for example.",
        field=".runtime.batchWindowSeconds",
    ),
)

_PREDICTION: Final = (
    Rule(
        "spec.serving.prediction",
        "!has(self.tolerance) || (has(self.kind) && self.kind == 'Regression')",
        "A class is right or wrong: remove tolerance, or set kind Regression.",
        field=".tolerance",
    ),
)

_ANSWERS: Final = (
    Rule(
        "spec.serving.cors.origins[]",
        "self == '*' || self.matches('^[a-z][a-z0-9+.-]*://[^/?#@, ]+$')",
        "Write an origin as browsers do, without a path: https://app.example.com, or * for any.",
    ),
    Rule(
        "spec.serving",
        "!has(self.rateLimit) || has(self.apiKeys) || has(self.jwt)",
        "rateLimit counts by key: add apiKeys or jwt, or remove it.",
        field=".rateLimit",
    ),
)

SERVING_RULES: Final = (*_REFERENCES, *_FEEDBACK, *_LOGS, *_LIMITS, *_PREDICTION, *_ANSWERS)
