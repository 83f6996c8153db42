"""What `serin-server resolve` asks of a model beyond that it loads: the promises that its author gave.

Each gate gives a row: its name, a verdict and a sentence that may be read by everybody, so without values of samples.
"""

from dataclasses import dataclass
from typing import Final

from serin_server.commands.golden import judged, samples_of
from serin_server.config.settings import Settings
from serin_server.dataplane.samples import UnreadableSamples
from serin_server.failures import Reason, one_line
from serin_server.model.load import Model

OFF: Final = "off"
_SENTENCE: Final = 250


@dataclass(frozen=True, slots=True)
class Row:
    """One gate and what came of it."""

    name: str
    verdict: str
    """Pass, Warn or Fail."""
    message: str
    reason: Reason

    def told(self) -> dict[str, str]:
        """As the operator reads it."""
        return {"name": self.name, "verdict": self.verdict, "message": self.message}


def preflight(settings: Settings, model: Model) -> list[Row]:
    """The rows of every gate that is asked for."""
    return [] if settings.preflight_golden == OFF else [_golden(settings, model)]


def _golden(settings: Settings, model: Model) -> Row:
    """Whether enough golden samples give the outputs that were recorded with them."""
    least = settings.preflight_golden_min_match
    try:
        verdict = judged(model, samples_of(settings, model))
    except UnreadableSamples as error:
        fits, said = False, f"{one_line(error, 180)}: put golden.jsonl beside the model, or name a ConfigMap"
    else:
        right = verdict.samples - len(verdict.failures)
        fits = right >= least * verdict.samples
        said = f"{right} of {verdict.samples} golden samples give their outputs, {least:g} of them must"
        said += f"; {verdict.first_without_values}" if verdict.first_without_values else ""
    passed = "Pass" if fits else settings.preflight_golden.capitalize()
    return Row("goldenSamples", passed, one_line(said, _SENTENCE), Reason.GOLDEN_SAMPLE_FAILED)
