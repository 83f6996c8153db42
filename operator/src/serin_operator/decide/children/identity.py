"""Whose an object is: ours by its controller and by its name; everything else with our labels is foreign.

Labels are copied freely (``kubectl expose`` copies them to a Service, ``kubectl debug --copy-to`` to a pod), so they alone
make nothing ours: what is not ours is neither adopted nor deleted, and no decision counts it.
"""

import re
from collections.abc import Mapping
from typing import Any

from serin_operator.api import names
from serin_operator.decide.world import Foreign, Why

JsonObject = Mapping[str, Any]

OF_THE_WHOLE = {
    "Deployment": ("-collector",),
    "Service": ("", "-control", "-preview", "-canary", "-collector"),
    "PodDisruptionBudget": ("",),
    "NetworkPolicy": ("-collector",),
    names.HTTP_ROUTE: ("",),
}
"""What may follow the ModelDeployment's name in the names of children that belong to no revision, by kind."""
OF_A_REVISION = frozenset({"Deployment", "Service", "ControllerRevision"})


def is_expected(kind: str, obj: JsonObject, name: str) -> bool:
    """Whether an object of ``kind`` has a name that a child of the ModelDeployment ``name`` may have."""
    its, revision = obj["metadata"]["name"], revision_label(obj)
    if its in {f"{name}{suffix}" for suffix in OF_THE_WHOLE.get(kind, ())}:
        return True
    if revision is None:
        return False
    if kind == "Job":
        return re.fullmatch(re.escape(names.resolve_job(name, revision)) + r"(-\d+)?", its) is not None
    return kind in OF_A_REVISION and its == names.revision_object(name, revision)


def foreign_child(kind: str, obj: JsonObject, name: str, uid: str) -> Foreign | None:
    """Why an object of ``kind`` with our labels is none of the ModelDeployment's children; None: it is one."""
    its, owner = obj["metadata"]["name"], controller(obj)
    if owner is not None and owner["uid"] != uid:
        if is_predecessor(owner, name):
            said = f"{kind} {its} belongs to an earlier {names.KIND} {name}; it goes as soon as it has been collected"
            return Foreign(kind, its, Why.PREDECESSOR, said)
        said = f"{kind} {its} belongs to {owner.get('kind', 'an object')} {owner.get('name', owner['uid'])}"
        return Foreign(kind, its, Why.OTHER_OWNER, f"{said}: rename it, or this {names.KIND}")
    if not is_expected(kind, obj, name):
        said = f"{kind} {its} has Serin's labels and is not Serin's: take label {names.LABEL_MODEL_DEPLOYMENT} off it"
        return Foreign(kind, its, Why.LABELS_ONLY, said)
    if kind == "ControllerRevision" and not _remembers_a_birth(obj):
        said = f"{kind} {its} does not hold what Serin writes into one (version, uri, sha256, template): delete it"
        return Foreign(kind, its, Why.LABELS_ONLY, said)
    if obj["metadata"].get("deletionTimestamp"):
        return Foreign(kind, its, Why.LEAVING, f"{kind} {its} is being deleted; it is made again when it has gone")
    return None


def _remembers_a_birth(obj: JsonObject) -> bool:
    """Whether a ControllerRevision can be read: its data are free, and may be half of a restored back-up, or another's."""
    data = obj.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("template"), Mapping):
        return False
    return all(isinstance(data.get(key), str) and data[key] for key in ("version", "uri", "sha256"))


def foreign_pod(obj: JsonObject, name: str) -> Foreign | None:
    """Why a pod with our labels is none of ours; None: a ReplicaSet of a revision's Deployment, or a resolve Job, made it.

    ReplicaSets are not watched, so their names have to do: a Deployment names them after itself.
    """
    its, owner, revision = obj["metadata"]["name"], controller(obj), revision_label(obj)
    if owner is None or revision is None:
        made = "nobody's: a copy for debugging perhaps"
    else:
        kind, by = owner.get("kind", ""), owner.get("name", "")
        if kind == "ReplicaSet" and by.startswith(f"{names.revision_object(name, revision)}-"):
            return None
        job: JsonObject = {"metadata": {"name": by, "labels": {names.LABEL_REVISION: revision}}}
        if kind == "Job" and is_expected(kind, job, name):
            return None
        made = f"of {kind} {by}"
    said = f"pod {its} has Serin's labels and is {made}: delete it, or take label {names.LABEL_MODEL_DEPLOYMENT} off it"
    return Foreign("Pod", its, Why.LABELS_ONLY, said)


def controller(obj: JsonObject) -> JsonObject | None:
    """The owner reference of the controller."""
    references = obj["metadata"].get("ownerReferences") or []
    return next((reference for reference in references if reference.get("controller")), None)


def is_predecessor(owner: JsonObject, name: str) -> bool:
    """Whether a controller that is not the present ModelDeployment was one of the same name, since deleted."""
    return bool(
        owner.get("kind") == names.KIND
        and owner.get("name") == name
        and str(owner.get("apiVersion", names.API_VERSION)).startswith(f"{names.GROUP}/")
    )


def revision_label(obj: JsonObject) -> str | None:
    """The revision that an object says it belongs to."""
    label = (obj["metadata"].get("labels") or {}).get(names.LABEL_REVISION)
    return label if isinstance(label, str) else None
