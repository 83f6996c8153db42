"""Rules for ``spec.preflight``."""

from typing import Final

from serin_operator.api.rule import Rule

_COMMAND: Final = "spec.preflight.command"
_QUANTITIES: Final = "self.all(k, isQuantity(string(self[k])) && !quantity(string(self[k])).isLessThan(quantity('0')))"
_NO_QUANTITY: Final = "Write numbers with a unit of Kubernetes: 2 or 500m for cpu, 512Mi for memory."

PREFLIGHT_RULES: Final = (
    Rule(
        "spec.preflight.budget",
        "has(self.maxP99Seconds) || has(self.maxBatchP99Seconds) || has(self.maxMemory) || has(self.maxLoadSeconds)"
        " || has(self.maxSlowdown)",
        "A budget needs a limit: add maxSlowdown, or another max.",
    ),
    Rule(
        "spec.preflight.budget.maxMemory",
        "type(self) == int ? self > 0 : (isQuantity(self) && quantity(self).isGreaterThan(quantity('0')))",
        "A size is a number above 0 with a unit of Kubernetes: 512Mi or 2Gi.",
    ),
    Rule(
        _COMMAND,
        "has(self.image) || has(self.command)",
        "Say what to run: an image with an entrypoint, or a command in the serving image.",
    ),
    Rule(
        f"{_COMMAND}.image",
        "!self.contains('://') && self.matches('^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$')",
        "Write an image as registry/name:tag, without https:// and spaces.",
    ),
    Rule(
        f"{_COMMAND}.env[].name",
        "self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
        "Use letters, digits, '_', '-' and '.', no digit first.",
    ),
    *(Rule(f"{_COMMAND}.resources.{kind}", _QUANTITIES, _NO_QUANTITY) for kind in ("requests", "limits")),
    Rule(
        "spec",
        "!has(self.preflight) || !has(self.preflight.command) || !has(self.runtime) || !has(self.runtime.pod)"
        " || !has(self.runtime.pod.volumes) || !self.runtime.pod.volumes.exists(v, v.mountPath.matches('^/model(/|$)'))",
        "The preflight's command has the model at /model: mount the volume elsewhere.",
        field=".runtime.pod.volumes",
    ),
)
