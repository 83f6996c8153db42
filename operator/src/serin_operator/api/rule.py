"""One rule in CEL, and those that many fields share."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        path: Where it stands: ``spec.rollout.steps[].weight``; ``{}`` are the values of a map, empty is the root.
        rule: CEL; ``self`` is the value at the path.
        says: The rule and the way out, for people; in the reference, and the message when ``tells`` cannot be computed.
        tells: CEL that computes the message, with the bad value in it. Default: ``says``.
        field: Where the error points, below the path: ``.headerSecret``.
    """

    path: str
    rule: str
    says: str
    tells: str = ""
    field: str = ""


LABEL_KEY: Final = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_VALUE: Final = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_SUBDOMAIN: Final = r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')"


def object_name(path: str, kind: str, where: str = "in this namespace") -> Rule:
    """The name of another object, as Kubernetes allows it."""
    return Rule(path, _SUBDOMAIN, f"Give the name of a {kind} {where}: a-z, 0-9, '-' and '.', as kubectl shows it.")


def object_key(path: str) -> Rule:
    """A key of a Secret or ConfigMap."""
    return Rule(path, "self.matches('^[-._a-zA-Z0-9]+$')", "Keys have letters, digits, '-', '_' and '.' only.")
