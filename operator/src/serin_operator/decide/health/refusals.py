"""What the API server means when it refuses an object: one reason, and a sentence with the way out.

The words come from many hands (admission webhooks, policies, quotas, controllers that quote them in events) and there is no
field that tells them apart, so they are recognised by the fixed part of each.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Refusal

LONGEST: Final = 700

HELD_AGAINST_NOBODY: Final = frozenset(
    {
        Reason.WEBHOOK_UNAVAILABLE,
        Reason.POLICY_DENIED,
        Reason.SIDECAR_NOT_READY,
        Reason.READINESS_GATE,
    }
)
"""What is the cluster's doing: a version waits for it, and is never refused or rolled back because of it."""


@dataclass(frozen=True)
class _Kind:
    """One way of refusing: how it is recognised, and what can be done."""

    pattern: re.Pattern[str]
    reason: Reason
    advice: Callable[[re.Match[str]], str]
    replaces: bool = False
    """The advice is the whole sentence: it names all that the message does."""


def _kind(pattern: str, reason: Reason, advice: str, *, replaces: bool = False) -> _Kind:
    def filled(match: re.Match[str]) -> str:
        return advice.format(**{key: value or "" for key, value in match.groupdict().items()})

    return _Kind(re.compile(pattern), reason, filled, replaces)


_KINDS: Final = (
    _kind(
        r'error looking up service account (?P<namespace>[^/\s]+)/(?P<name>[^:\s]+): serviceaccount "[^"]+" not found',
        Reason.MISSING_REFERENCE,
        "ServiceAccount {name} does not exist in namespace {namespace}: create it, or correct spec.runtime.serviceAccountName",
        replaces=True,
    ),
    _kind(
        r"no PriorityClass with name (?P<name>\S+) was found",
        Reason.MISSING_REFERENCE,
        "PriorityClass {name} does not exist: create it, or correct spec.runtime.pod.priorityClassName",
        replaces=True,
    ),
    _kind(
        r'RuntimeClass "(?P<name>[^"]+)" not found',
        Reason.MISSING_REFERENCE,
        "RuntimeClass {name} does not exist: create it, or correct spec.runtime.pod.runtimeClassName",
        replaces=True,
    ),
    _kind(
        r'failed calling webhook "(?P<name>[^"]+)"',
        Reason.WEBHOOK_UNAVAILABLE,
        "admission webhook {name} does not answer: bring it back, or remove its configuration; Serin goes on trying",
    ),
    _kind(
        r"conversion webhook for (?P<name>.+?),? (?:Kind=\S+ )?failed",
        Reason.WEBHOOK_UNAVAILABLE,
        "the conversion webhook for {name} does not answer: bring it back; Serin goes on trying",
    ),
    _kind(
        r"failed quota: (?P<name>[^:\s]+): must specify",
        Reason.QUOTA_EXCEEDED,
        "ResourceQuota {name} counts what pods ask for: set it in spec.runtime.resources",
    ),
    _kind(
        r"exceeded quota|insufficient quota",
        Reason.QUOTA_EXCEEDED,
        "raise the ResourceQuota, or use fewer or smaller pods",
    ),
    _kind(
        r"unable to validate against any security context constraint",
        Reason.POLICY_DENIED,
        "the namespace chooses the user of its pods (OpenShift): install the chart with podUser=Cluster, then retry",
    ),
    _kind(
        r'violates PodSecurity "(?P<name>[^"]+)"',
        Reason.POLICY_DENIED,
        "the namespace enforces Pod Security level {name}: a container beside Serin's, or its image, does not keep to it",
    ),
    _kind(
        r'admission webhook "(?P<name>[^"]+)" denied the request',
        Reason.POLICY_DENIED,
        "policy {name} refuses it: make it fit, or exempt it; Serin goes on trying",
    ),
    _kind(
        r"(?i:policy) '(?P<name>[^']+)'(?: with binding '[^']+')? denied request",
        Reason.POLICY_DENIED,
        "policy {name} refuses it: make it fit, or exempt it; Serin goes on trying",
    ),
    _kind(
        r"image policy webhook backend denied",
        Reason.POLICY_DENIED,
        "the cluster's image policy refuses it: sign or allow the image; Serin goes on trying",
    ),
    _kind(
        r"(?:maximum|minimum) [\w.-]+ usage per (?:Container|Pod) is|limit to request ratio per (?:Container|Pod)",
        Reason.CREATION_FORBIDDEN,
        "a LimitRange of the namespace says so: correct spec.runtime.resources, or the LimitRange",
    ),
    _kind(
        r"because it is being terminated",
        Reason.CREATION_FORBIDDEN,
        "the namespace is being deleted: nothing can be made in it any more",
    ),
    _kind(
        r'User "(?P<name>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"',
        Reason.CREATION_FORBIDDEN,
        "{name} may not {verb} {resource}: install the chart's roles again, or give it the right",
    ),
    _kind(
        r"cannot set blockOwnerDeletion|finalizers on: ",
        Reason.CREATION_FORBIDDEN,
        "the operator may not update finalizers of ModelDeployments: install the chart's roles again",
    ),
    _kind(r" is invalid: ", Reason.INVALID_SPEC, "correct the field that it names"),
)


def refused(message: str) -> Refusal:
    """Why an object was refused, from the words of the API server, or of an event that quotes it.

    What changes with every attempt (ids of requests, random ends of pods' names) is taken out, so that the same refusal
    is told in the same words.
    """
    said = _shortened(_cleaned(message))
    for kind in _KINDS:
        if match := kind.pattern.search(said):
            advice = kind.advice(match)
            return Refusal(kind.reason, advice if kind.replaces else f"{said.rstrip('.; ')}; {advice}")
    return Refusal(Reason.CREATION_FORBIDDEN, said)


def steady(message: str) -> str:
    """``message`` without what may change while it means the same: ids, times, addresses, counts. For comparing only.

    Names that have digits in them (``v2``, ``node1``) stay as they are.
    """
    text = _ADDRESS.sub("#", _cleaned(message))
    return _NUMBER.sub("#", text)


_ID: Final = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_REQUEST: Final = re.compile(
    r"(?i)\b((?:request|req|trace|correlation|operation)[-_ ]?(?:uu)?id[\"']?\s*[:=]?\s*[\"']?)[\w./+-]+"
)
_TIME: Final = re.compile(
    r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|\s?[+-]\d{2}:?\d{2})?|\b\d{2}:\d{2}:\d{2}(?:\.\d+)?\b"
)
_HEX: Final = re.compile(r"\b(?:0x[0-9a-fA-F]+|(?=[0-9a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,63})\b")
_POD: Final = re.compile(r'(\bpods? "[^"\s]+-)[bcdfghjklmnpqrstvwxz2456789]{5}"')
_ADDRESS: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[[0-9a-fA-F:]+\](?::\d+)?")
_NUMBER: Final = re.compile(r"(?<![\w-])\d+(?:\.\d+)?(?:[numkMGTPE]i?|ms|s|h)?(?![\w-])")


def _cleaned(message: str) -> str:
    text = " ".join(message.split())
    text = _POD.sub(r'\1…"', text)
    text = _REQUEST.sub(r"\1…", text)
    for changing in (_ID, _TIME, _HEX):
        text = changing.sub("…", text)
    return text


def _shortened(message: str) -> str:
    """Both ends of a message that quotes a whole object: what was refused, and why."""
    return message if len(message) <= LONGEST else f"{message[:200]} … {message[200 - LONGEST :]}"
