"""`kubectl serin diff`: what is different between two versions."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.kubectl import JsonObject
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.reading import Entry, Model
from kubectl_serin.signatures import signatures
from kubectl_serin.words import at, cleaned
from serin_operator.api.names import CONTAINER, revision_object

if TYPE_CHECKING:
    from rich.console import Console


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument("old", metavar="A", nargs="?", help="a version; default: the one that serves")
    parser.add_argument("new", metavar="B", nargs="?", help="another one; default: the newest in the history")


def _run(said: Namespace, hands: Hands) -> Answer:
    model, now = Model(hands.kubectl.model_deployment(said.name)), hands.now()
    old = _entry(model, said.old or (model.stable.revision if model.stable else None))
    new = _entry(model, said.new or (model.ledger[0].revision if model.ledger else None))
    sides = [
        {**_of_ledger(entry), **signature, **_of_birth(_born(hands, model, entry))}
        for entry, signature in zip((old, new), signatures(old, new), strict=True)
    ]
    names = list(dict.fromkeys(name for side in sides for name in side))
    different = [
        {"what": n, "a": sides[0].get(n), "b": sides[1].get(n)} for n in names if sides[0].get(n) != sides[1].get(n)
    ]

    def render(console: "Console") -> None:
        from kubectl_serin.tables import table

        console.print(f"{old.version} (began {at(old.started, now)}) and {new.version} (began {at(new.started, now)})")
        if not different:
            console.print("nothing is different")
            return
        console.print(
            table(
                ["what", old.version, new.version],
                [[str(each) if each else "-" for each in d.values()] for d in different],
            )
        )

    return Answer({"a": old.revision, "b": new.revision, "different": different}, render)


def _entry(model: Model, version: str | None) -> Entry:
    found = model.entry(version) if version else None
    if found is None:
        known = ", ".join(dict.fromkeys(entry.version for entry in model.ledger)) or "none"
        raise Problem(f"{model.name} has no version {version or 'yet'}", f"in its history are: {known}", Exit.ABSENT)
    return found


def _of_ledger(entry: Entry) -> dict[str, str]:
    return {
        "revision": entry.revision,
        "uri": entry.uri,
        "sha256": entry.sha256 or "",
        "variant": entry.variant,
        "made from sha256": entry.source_sha256,
        "signer": entry.signer,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "what was found": entry.message,
    }


def _born(hands: Hands, model: Model, entry: Entry) -> JsonObject | None:
    """The memory of how its pods were made; None where it is gone, or may not be seen."""
    try:
        return hands.kubectl.json("controllerrevision", revision_object(model.name, entry.revision))
    except Problem:
        return None


def _of_birth(born: JsonObject | None) -> dict[str, str]:
    """How the pods are made: image, resources, variables, places; flat, so that each can differ for itself."""
    template = ((born or {}).get("data") or {}).get("template") or {}
    spec = template.get("spec") or {}
    ours: JsonObject = next((c for c in spec.get("containers") or () if c.get("name") == CONTAINER), {})
    found = {"image": ours.get("image"), "resources": ours.get("resources")}
    found |= {f"env {one['name']}": one.get("value") or one.get("valueFrom") for one in ours.get("env") or ()}
    found |= {
        name: spec.get(name)
        for name in ("nodeSelector", "tolerations", "serviceAccountName", "affinity", "runtimeClassName")
    }
    return {name: text for key, value in found.items() for name, text in _flat(key, value)}


_SAID_ALREADY = ("env SERIN_MODEL_", "env SERIN_SOURCE_")


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON
    if value is None or name.startswith(_SAID_ALREADY):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    else:
        yield name, cleaned(value)


COMMAND = Command(
    "diff",
    "what is different between two versions: model, signature, pods, and what was found",
    """\
Versions are named by label or revision. Without any: what serves, and the newest.

  kubectl serin diff credit-risk 2026-11-01 2026-11-20
""",
    _arguments,
    _run,
)
