"""What `-o json` of each command is: scripts rely on it."""

from typing import Any


def maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "additionalProperties": False, "properties": properties}


def a_list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT: dict[str, Any] = {"type": "string"}
BOOL: dict[str, Any] = {"type": "boolean"}
NUMBER: dict[str, Any] = {"type": "number"}
ARM = {
    "version": TEXT,
    "revision": TEXT,
    "sha256": maybe("string"),
    "weight": maybe("integer"),
    "readyReplicas": maybe("integer"),
    "replicas": maybe("integer"),
}
METRIC = an_object(
    metric=TEXT,
    verdict={"enum": ["Pass", "Fail", "Inconclusive"]},
    reason=TEXT,
    message=TEXT,
    samples=maybe("integer"),
    evidence=maybe("number"),
    needed=maybe("number"),
)
STAGE = an_object(weight={"type": "integer"}, holdSeconds={"type": "integer"}, pause=BOOL)
CANARY = an_object(
    **ARM,
    kind=maybe("string"),
    phase=maybe("string"),
    step=maybe("integer"),
    verdict=maybe("string"),
    stages=a_list(STAGE),
    metrics=a_list(METRIC),
)
WAITS = an_object(sentence=TEXT, until=maybe("string"), seconds=maybe("number"), then=maybe("string"))
SUMMARY = {
    "namespace": TEXT,
    "name": TEXT,
    "wanted": TEXT,
    "seen": BOOL,
    "ready": BOOL,
    "stalled": BOOL,
    "reason": TEXT,
    "message": TEXT,
    "stable": {"anyOf": [{"type": "null"}, an_object(**ARM)]},
    "canary": {"anyOf": [{"type": "null"}, CANARY]},
    "waitsFor": {"anyOf": [{"type": "null"}, WAITS]},
}
ENTRY = {
    "version": TEXT,
    "revision": TEXT,
    "outcome": TEXT,
    "reason": maybe("string"),
    "message": maybe("string"),
    "uri": TEXT,
    "sha256": maybe("string"),
    "variant": maybe("string"),
    "sourceSha256": maybe("string"),
    "startedAt": maybe("string"),
    "promotedAt": maybe("string"),
    "endedAt": maybe("string"),
}
ACTION = an_object(action=TEXT, at=maybe("string"), by=maybe("string"), outcome=TEXT, message=TEXT)
SCHEMAS: dict[str, dict[str, Any]] = {
    "get": an_object(items=a_list(an_object(**SUMMARY))),
    "get credit-risk": an_object(**SUMMARY),
    "status credit-risk": an_object(**SUMMARY, outcome={"enum": ["serves", "stalled", "under way"]}),
    "why credit-risk": an_object(
        **ENTRY,
        meaning=maybe("string"),
        evidence=maybe("number"),
        needed=maybe("number"),
        metrics=a_list(METRIC),
        waitsFor=maybe("string"),
        next=a_list(TEXT),
    ),
    "history credit-risk": an_object(name=TEXT, versions=a_list(an_object(**ENTRY)), actions=a_list(ACTION)),
    "diff credit-risk": an_object(
        a=TEXT, b=TEXT, different=a_list(an_object(what=TEXT, a=maybe("string"), b=maybe("string")))
    ),
    "pause credit-risk": ACTION,
    "doctor": an_object(
        items=a_list(
            an_object(check=TEXT, state={"enum": ["ok", "note", "bad", "unknown"]}, says=TEXT, do=maybe("string"))
        )
    ),
    "top": an_object(
        items=a_list(
            an_object(
                namespace=TEXT,
                name=TEXT,
                version=TEXT,
                readyReplicas=maybe("integer"),
                ready=BOOL,
                requests=maybe("number"),
                errors=maybe("number"),
                p99=maybe("number"),
            )
        )
    ),
    "lint": an_object(
        items=a_list(
            an_object(
                file=TEXT,
                name=TEXT,
                mistakes=a_list(an_object(field=TEXT, says=TEXT)),
                does=a_list(TEXT),
                slips=a_list(TEXT),
                hints=a_list(an_object(field=TEXT, says=TEXT)),
            )
        )
    ),
    "simulate": an_object(
        name=TEXT,
        outcome=TEXT,
        seconds=NUMBER,
        message=TEXT,
        requests={"type": "integer"},
        labels={"type": "integer"},
        story=a_list(an_object(seconds=NUMBER, reason=TEXT, message=TEXT)),
        times={"type": "object", "additionalProperties": {"type": "integer"}},
    ),
}
