"""One ModelDeployment as a tree, for people."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from kubectl_serin.evidence import Metric, metrics_of
from kubectl_serin.kubectl import JsonObject
from kubectl_serin.plan import PAST_STAGES, Stage, Waits, stages_of, waits_of
from kubectl_serin.reading import Model, moment
from kubectl_serin.words import at, bar, cleaned, digest, percent, pods, seconds

MOST_PODS = 12
COLOURS = {"Pass": "green", "Fail": "red", "Inconclusive": "yellow"}


def show(console: Console, model: Model, found: list[JsonObject] | None, now: datetime) -> None:
    """Print the tree.

    Args:
        console: Where to.
        model: What is shown.
        found: Its pods; None: they may not be seen.
        now: The present.
    """
    ready = model.condition("Ready")
    tree = Tree(_title(model), guide_style="dim")
    _versions(tree, model)
    if model.canary:
        _stages(tree, model)
    if metrics := metrics_of(model.canary):
        branch = tree.add("evidence against the new version; at a full bar it is rolled back")
        for metric in metrics:
            _metric(branch, metric)
    if guard := model.status.get("guard"):
        _guard(tree, guard, now)
    _pods(tree, found)
    degraded = model.condition("Degraded")
    if degraded.status == "True" and degraded.message != ready.message:
        tree.add(Text(f"degraded: {degraded.reason}: {degraded.message}", "yellow"))
    if waits := waits_of(model):
        why = "stands because of " if model.condition("Stalled").status == "True" else "waits for "
        sentence = f"{ready.reason}: {waits.sentence}" if ready.reason and model.is_seen else waits.sentence
        branch = tree.add(Text.assemble((why, "bold"), sentence))
        if ends := _ends(waits, now):
            branch.add(ends)
    if url := model.status.get("url"):
        tree.add(Text(cleaned(url), "dim"))
    console.print(tree)


def _title(model: Model) -> Text:
    stalled, ready = model.condition("Stalled"), model.condition("Ready")
    if not model.is_seen:
        state = ("not looked at yet", "yellow")
    elif stalled.status == "True":
        state = (f"stalled: {stalled.reason}", "red")
    elif model.canary:
        state = (
            f"{'going back to' if model.canary.get('kind') == 'Rollback' else 'rolling out'} {_version(model)}",
            "yellow",
        )
    else:
        state = (
            "ready" if ready.status == "True" else f"not ready: {ready.reason}",
            "green" if ready.status == "True" else "yellow",
        )
    return Text.assemble((model.name, "bold"), f" in {model.namespace}  ", state)


def _version(model: Model) -> str:
    return model.candidate.version if model.candidate else "?"


def _versions(tree: Tree, model: Model) -> None:
    for what, arm in (("serves", model.stable), ("new", model.candidate)):
        if arm:
            entry = model.entry(arm.revision)
            variant = entry.variant if entry else ""
            parts = (f"{percent(arm.weight):>5}", pods(arm.ready, arm.replicas), digest(arm.sha256), variant)
            tree.add(
                Text.assemble(f"{what:<7}", (arm.version, "bold"), "  " + "  ".join(part for part in parts if part))
            )
    if not model.stable:
        tree.add("nothing serves yet")
    if hold := model.status.get("hold"):
        back = f"back to {cleaned(hold.get('version', '?'))}"
        why = (
            f"{back}, since the guard of {cleaned(hold['guardOf'])} failed"
            if hold.get("guardOf")
            else f"a person went {back}"
        )
        tree.add(Text(f"held: {why}; the spec names {model.wanted}"))


def _stages(tree: Tree, model: Model) -> None:
    phase = cleaned(model.canary.get("phase", "?"))
    stages = stages_of(model.spec)
    branch = tree.add(Text.assemble("phase  ", (phase, "bold")))
    index = model.canary.get("step")
    is_past = phase in PAST_STAGES
    for number, stage in enumerate(stages):
        is_here = index == number and not is_past
        is_done = is_past or (isinstance(index, int) and number < index)
        branch.add(_stage(stage, model, is_done=is_done, is_here=is_here))
    branch.add(Text(f"{'▶' if is_past else '○'} 100 %  then the old pods are kept for a while"))


def _guard(tree: Tree, guard: JsonObject, now: datetime) -> None:
    """The comparison that goes on after a promotion."""
    version, previous = cleaned(guard.get("version", "?")), cleaned(guard.get("previous", "?"))
    until = f"until {at(moment(guard.get('until')), now)} UTC"
    branch = tree.add(Text.assemble("guard  ", (version, "bold"), f" is compared with {previous} {until}"))
    for metric in metrics_of(guard):
        _metric(branch, metric)


def _stage(stage: Stage, model: Model, *, is_done: bool, is_here: bool) -> Text:
    held = float((model.canary.get("observed") or {}).get("held") or 0.0)
    mark = "✓" if is_done else "▶" if is_here else "○"
    time = f"{seconds(held)} of {seconds(stage.hold_seconds)}" if is_here else seconds(stage.hold_seconds)
    waits = ", then a person" if stage.pause else ""
    return Text(f"{mark} {stage.words:>5}  {time}{waits}", "bold" if is_here else "")


def _metric(branch: Tree, metric: Metric) -> None:
    """A metric, and below it its slices."""
    below = branch.add(_words(metric))
    for one in metric.slices:
        colour = COLOURS.get(one.verdict, "")
        below.add(Text.assemble((f"{one.name}  ", "bold"), (one.verdict, colour), f" ({one.reason})  {one.words}"))


def _words(metric: Metric) -> Text:
    line = Text.assemble(
        (f"{metric.name}  ", "bold"), (metric.verdict, COLOURS.get(metric.verdict, "")), f" ({metric.reason})  "
    )
    line.append(f"{bar(metric.share)}  " if metric.share is not None else "")
    line.append(metric.about)
    counts = [f"{arm} {told}" for arm, told in (("canary", metric.canary), ("stable", metric.stable)) if told]
    return line.append("\n" + ", ".join(counts)) if counts else line


def _pods(tree: Tree, found: list[JsonObject] | None) -> None:
    if found is None:
        tree.add(Text("pods: you may not see them (the role view may)", "dim"))
        return
    servers = [pod for pod in found if _labels(pod).get("serin.dev/component") == "server"]
    if not servers:
        return
    branch = tree.add("pods")
    for pod in sorted(servers, key=lambda pod: pod["metadata"]["name"])[:MOST_PODS]:
        branch.add(_pod(pod))
    if len(servers) > MOST_PODS:
        branch.add(f"and {len(servers) - MOST_PODS} more: kubectl get pods -l serin.dev/component=server")


def _labels(pod: JsonObject) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _pod(pod: JsonObject) -> Text:
    status: dict[str, Any] = pod.get("status") or {}
    is_ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    statuses: Iterable[dict[str, Any]] = status.get("containerStatuses") or ()
    ours = next((c for c in statuses if c.get("name") == "server"), {})
    waiting = (ours.get("state") or {}).get("waiting") or {}
    state = "terminating" if pod["metadata"].get("deletionTimestamp") else "ready" if is_ready else "not ready"
    more = [cleaned(waiting["reason"])] if waiting.get("reason") else []
    if restarts := ours.get("restartCount"):
        more.append(f"{restarts} restarts")
    text = f"{cleaned(pod['metadata']['name'])}  {state}" + (f"  {', '.join(more)}" if more else "")
    return Text(text, "" if state == "ready" else "yellow")


def _ends(waits: Waits, now: datetime) -> Text | None:
    if waits.until is None:
        return Text(waits.then) if waits.then else None
    left = (waits.until - now).total_seconds()
    soon = f"in {seconds(left)}" if left > 0 else "any moment"
    return Text(f"at {at(waits.until, now)} UTC ({soon}) {waits.then}")
