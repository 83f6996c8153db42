"""The gate `baseline`: what a version's baseline.json says of its training, alone and beside that of the version that serves."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from serin_server.baseline import Baseline, Distribution, InvalidBaseline, read
from serin_server.commands.row import OFF, Row, sentence
from serin_server.commands.stable import StableModel
from serin_server.config.settings import Settings
from serin_server.failures import Reason
from serin_server.features.likely import baseline_file
from serin_server.model.load import Model
from serin_server.process.assembly import baseline_of

_NAME: Final = "baseline"
_MAKE: Final = "make it with serin_server.baseline"
_MOST_NAMED: Final = 3


def trained(settings: Settings, model: Model, stable: StableModel) -> Row | None:
    """Whether training came to something, and how far its data is from stable's; None where nobody asked."""
    if settings.preflight_baseline == OFF:
        return None
    baseline = baseline_of(settings, model)
    if baseline is None:
        return _missing(
            settings, f"there is no baseline.json in the model's folder (a URI of a single file has none): {_MAKE}"
        )
    simple = {} if baseline.simple_accuracy is None else {"simpleAccuracy": baseline.simple_accuracy}
    wins = _beats(settings, baseline)
    if wins is not None and wins.verdict != "Pass":
        return replace(wins, measured=simple)
    drift = _drift(settings, baseline, stable)
    told = [each for each in (drift, wins) if each is not None]
    text = "; ".join(each.message for each in told) or f"of {baseline.rows} rows and {len(baseline.features)} features"
    return Row(_NAME, told[0].verdict if told else "Pass", sentence(text), Reason.BASELINE_NOT_BEATEN, simple)


def _missing(settings: Settings, text: str) -> Row:
    verdict = settings.preflight_baseline.capitalize() if settings.preflight_baseline_required == "on" else "Unknown"
    return Row(_NAME, verdict, sentence(text), Reason.BASELINE_MISSING)


def _beats(settings: Settings, baseline: Baseline) -> Row | None:
    if settings.preflight_baseline_must_beat == OFF:
        return None
    own, simple = baseline.accuracy, baseline.simple_accuracy
    if own is None or simple is None:
        return _missing(settings, f"baseline.json has no accuracy and simpleBaseline to compare: {_MAKE}")
    if own > simple:
        return _row("Pass", f"an accuracy of {own:.4g} in training, {simple:.4g} by the simple baseline")
    text = f"an accuracy of {own:.4g} in training is not above the simple baseline's {simple:.4g}"
    return _row(settings.preflight_baseline.capitalize(), text)


def _row(verdict: str, text: str) -> Row:
    return Row(_NAME, verdict, sentence(text), Reason.BASELINE_NOT_BEATEN)


def _drift(settings: Settings, baseline: Baseline, stable: StableModel) -> Row | None:
    limit = settings.preflight_baseline_max_drift
    if not limit or not stable.is_known:
        return None
    if stable.is_same:
        return _row("Pass", f"the same training data as {stable.version}")
    path = stable.path()
    if path is None:
        return _row("Unknown", f"training data is not compared: {stable.why_not}")
    file = baseline_file(None, path)
    try:
        before = read(file) if file else None
    except InvalidBaseline:
        before = None
    if before is None:
        return _row("Unknown", f"training data is not compared: {stable.version} has no baseline.json that can be read")
    moved = drifts(baseline, before)
    if not moved:
        return _row("Unknown", f"training data is not compared: no feature has the name of one of {stable.version}")
    far = [f"{name} (PSI {index:.2g})" for name, index in moved if index > limit]
    if not far:
        return _row(
            "Pass",
            f"its training data is near that of {stable.version}: PSI {moved[0][1]:.2g} at most, {limit:g} allowed",
        )
    more = f" and {len(far) - _MOST_NAMED} more" if len(far) > _MOST_NAMED else ""
    return _row(
        "Warn", f"unlike the training data of {stable.version}: {', '.join(far[:_MOST_NAMED])}{more}, at most {limit:g}"
    )


def drifts(new: Baseline, old: Baseline) -> list[tuple[str, float]]:
    """The features that both have by name and kind, with how far each has moved, the farthest first."""
    known = {each.name: each for each in old.features}
    both = [(each, known[each.name]) for each in new.features if each.name in known]
    moved = [(one.name, psi(one, other)) for one, other in both if one.is_categorical == other.is_categorical]
    return sorted(moved, key=lambda each: -each[1])


def psi(new: Distribution, old: Distribution) -> float:
    """The population stability index between two features, in the bins of the one that has fewer, less what noise alone makes of it.

    Σ (p - q)·ln(p / q), with half a row more in each bin; (B - 1)(1/n + 1/m) is its mean where nothing moved (Yurdakul 2018).
    """
    if len(new.counts) < len(old.counts):  # what lies within a bin is guessed: so the wider bins are looked at
        new, old = old, new
    counts = _in_categories(new, old) if old.is_categorical else _in_bins(new, old.edges)
    n, m, bins = math.fsum(counts), sum(old.counts), len(old.counts)
    if not n or not m:
        return 0.0
    p = [(each + 0.5) / (n + 0.5 * bins) for each in counts]
    q = [(each + 0.5) / (m + 0.5 * bins) for each in old.counts]
    index = math.fsum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    return max(0.0, index - (bins - 1) * (1 / n + 1 / m))


def _in_categories(new: Distribution, old: Distribution) -> list[float]:
    counted = dict(zip(map(str, new.categories), new.counts, strict=False))
    counts = [float(counted.get(str(each), 0)) for each in old.categories]
    return [*counts, max(0.0, sum(new.counts) - math.fsum(counts))]


def _in_bins(new: Distribution, edges: Sequence[float]) -> list[float]:
    """Rows of `new` in bins with other edges: within a bin of its own its rows lie evenly."""
    own = list(new.edges)
    low = min([new.least, *(np.nextafter(edge, -np.inf) for edge in own[:1])])
    high = max([new.most, low, *(np.nextafter(edge, np.inf) for edge in own[-1:])])
    below = np.interp(edges, [low, *own, high], np.cumsum([0, *new.counts]), left=0.0)
    return [float(each) for each in np.diff([0.0, *below, float(sum(new.counts))])]
