"""`kubectl serin lint`: what the API server would say of a file, what it would do, and what would slip through."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kubectl_serin.command import Answer, Command, Hands
from kubectl_serin.files import Found, read
from kubectl_serin.plan import stages_of
from kubectl_serin.problems import Exit
from kubectl_serin.words import cleaned, seconds

if TYPE_CHECKING:
    from rich.console import Console

    from serin_operator.api.spec import ModelDeploymentSpec


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="YAML with ModelDeployments; - for standard input")


def _run(said: Namespace, _hands: Hands) -> Answer:
    looked = [_looked_at(found) for found in read(said.files)]
    is_bad = any(one["mistakes"] for one in looked)

    def render(console: "Console") -> None:
        from kubectl_serin.tables import below

        for one in looked:
            console.print(f"{one['file']}: {one['name']}: {'refused' if one['mistakes'] else 'ok'}")
            for mistake in one["mistakes"]:
                console.print(below(f"{mistake['field']}: {mistake['says']}"))
            for line in (*one["does"], *one["slips"]):
                console.print(below(line))
            for hint in one["hints"]:
                console.print(below(f"nothing comes of {hint['field']}: {hint['says']}"))

    return Answer({"items": looked}, render, Exit.NO if is_bad else Exit.DONE)


def _looked_at(found: Found) -> dict[str, Any]:
    bad = [{"field": cleaned(one.field), "says": cleaned(one.says)} for one in found.mistakes()]
    if bad:
        return {"file": found.file, "name": cleaned(found.name), "mistakes": bad, **_NOTHING}
    from kubectl_serin.hints import hints
    from kubectl_serin.slips import slips
    from serin_operator.api.spec import ModelDeploymentSpec
    from serin_operator.decide.analysis import InvalidAnalysis

    spec, about = found.spec, {"file": found.file, "name": cleaned(found.name)}
    try:
        slipping = list(slips(spec))
    except InvalidAnalysis as error:  # what no rule of the schema can see, and the operator refuses
        field = error.field if error.field.startswith("spec.") else f"spec.analysis.{error.field}"
        mistake = {"field": cleaned(field), "says": cleaned(f"{error.why}; {error.way_out}")}
        return {**about, "mistakes": [mistake], **_NOTHING}
    told = [{"field": hint.field, "says": hint.says} for hint in hints(ModelDeploymentSpec.model_validate(spec))]
    return {**about, "mistakes": [], "does": list(_does(spec)), "slips": slipping, "hints": told}


_NOTHING: Mapping[str, list[Any]] = {"does": [], "slips": [], "hints": []}


def _does(spec: dict[str, Any]) -> list[str]:
    """What it does, with the defaults that are not written there."""
    from serin_operator.api.optimize import DEFAULT_MAX_LOSS, DEFAULT_MIN_SPEEDUP
    from serin_operator.api.spec import ModelDeploymentSpec
    from serin_operator.decide.wanted.settings import settings_of

    parsed = ModelDeploymentSpec.model_validate(spec)
    settings = settings_of(parsed)
    stages = stages_of(spec)
    way = ", ".join(
        f"{s.words} for {seconds(s.hold_seconds)}{' and until a person says so' if s.pause else ''}" for s in stages
    )
    lines = [
        f"{settings.replicas} pod{'s' if settings.replicas != 1 else ''}; a new version gets {way or 'all requests as soon as its pods are ready'}, then everything",
        f"the old pods are kept for {seconds(settings.bake_seconds)}; in all it takes {seconds(_least(settings))} at least",
    ]
    if settings.analysed:
        lines.append(f"without a verdict within {seconds(settings.deadline_seconds)}: {settings.on_deadline}")
    elif stages:
        lines.append(
            "nothing is compared: a version that answers, and answers wrongly, is promoted (add spec.analysis)"
        )
    if guard := settings.guard:
        then = "the version before comes back" if guard.goes_back else "people are told"
        lines.append(f"a guard goes on comparing for {seconds(guard.seconds)} after the promotion; if it fails, {then}")
    if _lacks_tokens(parsed):
        lines.append(
            "slices by an input of the model never count without spec.serving.feedback.signing; by an attribute they do"
        )
    if optimize := parsed.model.optimize:
        share = DEFAULT_MAX_LOSS if optimize.max_accuracy_loss is None else optimize.max_accuracy_loss
        lines.append(
            f"{', '.join(optimize.variants)}: the quickest that is {optimize.min_speedup or DEFAULT_MIN_SPEEDUP:g} times as quick is"
            f" served, if it loses {f'at most {share:g}' if share else 'none'} of the golden rows; {_rows_for(share)}"
        )
    return lines


def _rows_for(share: float) -> str:
    from serin_operator.api.optimize import fewest_rows

    if not share:
        return "nothing is promised beyond those in golden.jsonl, so the more the better"
    return (
        f"to be sure of that it takes {fewest_rows(share):,} of them in golden.jsonl, with fewer the original is served"
    )


def _lacks_tokens(spec: "ModelDeploymentSpec") -> bool:
    """Whether there are slices, and no tokens that would tell inputs of predictions."""
    feedback = spec.serving.feedback if spec.serving else None
    is_sliced = spec.analysis is not None and any(metric.slices for metric in spec.analysis.metrics)
    return is_sliced and (feedback is None or feedback.signing is None)


def _least(settings: Any) -> float:  # noqa: ANN401 - the operator's settings, which are loaded late
    return float(sum(stage.hold_seconds for stage in settings.stages) + settings.bake_seconds)


COMMAND = Command(
    "lint",
    "what this file would do, and what is wrong with it; needs no cluster",
    """\
Schema, rules and defaults are the operator's own, of the release that this tool
came with. Ends with 1 if a ModelDeployment would be refused.

  kubectl serin lint model.yaml
  helm template . | kubectl serin lint -
""",
    _arguments,
    _run,
    needs_cluster=False,
)
