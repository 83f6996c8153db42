"""What `serin-server resolve` asks of a model beyond that it loads: the promises that its author gave.

Each gate gives a row: its name, a verdict and a sentence that may be read by everybody, so without values of samples.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from serin_server.commands.budget import budget
from serin_server.commands.compatible import changes
from serin_server.commands.golden import judged, samples_of
from serin_server.commands.row import OFF, Row, sentence
from serin_server.commands.stable import StableModel
from serin_server.commands.trained import trained
from serin_server.config.settings import Settings
from serin_server.dataplane.samples import UnreadableSamples
from serin_server.failures import OF_SIGNATURES, LoadFailure, Reason, one_line
from serin_server.model.load import Model
from serin_server.model.onnx_file import model_file
from serin_server.model.promise import Promise, promise_from, promise_of
from serin_server.process.model import trust_of

VERIFY: Final = "verify"


def gates(settings: Settings, model: Model) -> list[Row]:
    """The rows of every gate that is asked for and needs nothing but the model as it was published."""
    rows = [judge(settings, model) for judge in GATES.values()]
    return [row for row in rows if row is not None]


def gates_beside_stable(settings: Settings, model: Model) -> list[Row]:
    """The rows of those that may want the model of stable too, about the model as it will be served."""
    with StableModel(settings, model) as stable:
        rows = [judge_beside(settings, model, stable) for judge_beside in BESIDE_STABLE.values()]
    return [row for row in rows if row is not None]


def rows_of(failure: LoadFailure) -> list[Row]:
    """The row of a gate that let nothing be loaded."""
    return [Row(VERIFY, "Fail", sentence(failure.message), failure.reason)] if failure.reason in OF_SIGNATURES else []


def _verify(settings: Settings, model: Model) -> Row | None:
    """Who has signed the model; one that nobody has who may was never loaded."""
    if not trust_of(settings).asks:
        return None
    return Row(VERIFY, "Pass", sentence(f"every file is signed by {model.signer}"), Reason.SIGNATURE_INVALID)


def _golden(settings: Settings, model: Model) -> Row | None:
    """Whether enough golden samples give the outputs that were recorded with them."""
    if settings.preflight_golden == OFF:
        return None
    least = settings.preflight_golden_min_match
    try:
        verdict = judged(model, samples_of(settings, model))
    except UnreadableSamples as error:
        fits, said = False, f"{one_line(error, 180)}: put golden.jsonl beside the model, or name a ConfigMap"
    else:
        right = verdict.samples - len(verdict.failures)
        fits = right >= least * verdict.samples
        needed = "all" if least == 1 else f"{least:g}"
        said = f"{right} of {verdict.samples} golden samples give their outputs, {needed} of them must"
        said += f"; {verdict.first_without_values}" if verdict.first_without_values else ""
    passed = "Pass" if fits else settings.preflight_golden.capitalize()
    return Row("goldenSamples", passed, sentence(said), Reason.GOLDEN_SAMPLE_FAILED)


def _signature(settings: Settings, model: Model) -> Row | None:
    """Whether clients of stable can go on with this version, as far as stable's signature was written down."""
    if settings.preflight_signature == OFF:
        return None
    version, stable = _stable(settings.preflight_stable)
    verdict, said = _compared(
        settings.preflight_signature, version, stable, promise_of(model.signature, model_file(model.path))
    )
    return Row("signature", verdict, sentence(said), Reason.SIGNATURE_CHANGED)


def _stable(text: str) -> tuple[str, Promise | None]:
    try:
        told = json.loads(text)
        version = str(told.get("version") or "stable")
        return version, promise_from(told) if told.get("signatureDigest") else None
    except (ValueError, AttributeError):
        return "stable", None


def _compared(asked: str, version: str, stable: Promise | None, new: Promise) -> tuple[str, str]:
    if stable is None:
        return (
            "Unknown",
            f"of {version} no signature was recorded, by an earlier release: nothing to compare with, until the next version",
        )
    if stable.digest == new.digest:
        return "Pass", f"it takes the requests of {version}, and gives its outputs"
    found = changes(stable, new)
    wrong = [change.sentence for change in found if change.breaks or asked == "same"]
    if wrong or (asked == "same" and stable.truncated):
        said = "; ".join(wrong) or "it differs in tensors beyond those that were recorded"
        return "Warn" if asked == "warn" else "Fail", f"unlike {version}: {said}"
    if stable.truncated:
        return (
            "Unknown",
            f"only {len(stable.inputs)} inputs and {len(stable.outputs)} outputs of {version} were recorded: those fit",
        )
    said = "; ".join(change.sentence for change in found) or "nothing that they see has changed"
    return "Pass", f"clients of {version} can go on: {said}"


Gate = Callable[[Settings, Model], Row | None]
GATES: Final[Mapping[str, Gate]] = {VERIFY: _verify, "signature": _signature, "goldenSamples": _golden}
"""How each gate is judged, by its name in the spec; None of one that was not asked for. The first that fails gives the reason."""

GateBesideStable = Callable[[Settings, Model, StableModel], Row | None]
BESIDE_STABLE: Final[Mapping[str, GateBesideStable]] = {"baseline": trained, "budget": budget}
"""Those that may want the model of stable too, after all others: what is slow comes last."""
