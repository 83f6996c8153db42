"""One variant beside the original: what it loses, and how much quicker it is as it would be served."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import Final
from urllib.parse import quote

from serin_server.commands.feeds import Feeds
from serin_server.commands.golden import judged
from serin_server.commands.measure import PASS, Clock, Ratio, Run, compared
from serin_server.commands.optimizing.accuracy import Questions, most_lost
from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure
from serin_server.model.deadline import RunOptions, TookTooLong, within
from serin_server.model.footprint import room_bytes
from serin_server.model.load import Model
from serin_server.model.onnx_file import model_file
from serin_server.model.promise import promise_of
from serin_server.model.session import Session
from serin_server.model.warmup import Feed
from serin_server.process.model import load_as_set

_EACH_SECONDS: Final = 8.0
_TIMES_ITS_SIZE: Final = 3
_SPARE_BYTES: Final = 128 << 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a variant."""

    variant: str
    text: str
    model: Model | None = None
    """The variant, where it keeps the promise."""
    speed: float = 0.0
    """How many times as quick it is, at the least."""


def tried(
    settings: Settings, original: Model, variant: str, folder: Path, asked: Questions, feeds: Feeds, seconds: float
) -> Tried:
    """What comes of a variant: nothing that it does wrong ends the version, since the original can be served."""
    try:
        return within(max(seconds, 0.1), partial(_tried, settings, original, variant, folder, asked, feeds))
    except TookTooLong:
        return Tried(variant, "there was no time left to try it")
    except LoadFailure as failure:
        return Tried(variant, f"it cannot be loaded ({failure.reason})")
    except Exception as error:  # noqa: BLE001 (whatever the graph raises)
        return Tried(variant, f"it does not run ({type(error).__name__})")


def _tried(
    settings: Settings,
    original: Model,
    variant: str,
    folder: Path,
    asked: Questions,
    feeds: Feeds,
    options: RunOptions,
) -> Tried:
    if room_bytes() < _TIMES_ITS_SIZE * original.size_bytes + _SPARE_BYTES:
        return Tried(variant, "memory has no room for it beside the original")
    model = load_as_set(alone(settings, folder))
    if _promised(model) != _promised(original):
        return Tried(variant, "it has another signature")
    lost = asked.lost_by(settings, model, options)
    if lost > most_lost(asked.rows, settings.optimize_max_accuracy_loss):
        return Tried(variant, f"it loses {lost} of {asked.rows:,} rows")
    if settings.preflight_golden == "fail" and (missed := _missed(settings, model, asked)):
        return Tried(variant, missed)
    ratios = _beside(settings, original, model, feeds, options)
    slowest = max(ratios.values(), key=lambda ratio: ratio.high)
    what = next(name for name, ratio in ratios.items() if ratio is slowest)
    text = f"{1 / slowest.middle:.3g} times as quick for {what}"
    if slowest.within(1 / settings.optimize_min_speedup) != PASS:
        return Tried(variant, f"{text}{', its requests share no runs' if _shares_no_more(original, model) else ''}")
    return Tried(variant, f"{text}, loses {lost} of {asked.rows:,} rows", model, 1 / slowest.high)


def alone(settings: Settings, folder: Path) -> Settings:
    """The settings of a model in a folder here, whose original was fetched and verified."""
    proven = replace(settings, verify_keys=None, verify_certificates=None, verify_root=None)
    return replace(proven, model_uri=quote(str(folder)), model_sha256="", store="")


def _promised(model: Model) -> str:
    return promise_of(model.signature, model_file(model.path)).digest


def _missed(settings: Settings, model: Model, asked: Questions) -> str:
    """How the gate of golden samples is failed, which a variant has to pass as its original did; empty: it passes."""
    verdict = judged(model, list(asked.samples))
    fit = verdict.samples - len(verdict.failures)
    if fit >= settings.preflight_golden_min_match * verdict.samples:
        return ""
    return f"{fit} of {verdict.samples} golden samples give their outputs (preflight.goldenSamples)"


def _beside(settings: Settings, original: Model, variant: Model, feeds: Feeds, options: RunOptions) -> dict[str, Ratio]:
    """How many times as long the variant takes, for a row and for many: from as many requests, where only the original shares runs."""
    limits = (1 / settings.optimize_min_speedup,)
    is_pinned = settings.intra_op_threads == 1 and not original.session.is_on_device
    clock: Clock = thread_time if is_pinned else perf_counter
    one = partial(_run, variant.session, options, feeds.one), partial(_run, original.session, options, feeds.one)
    ratios = {"a row": compared(*one, limits, _EACH_SECONDS, clock=clock)}
    if feeds.many:
        new: Run = partial(_run, variant.session, options, feeds.many)
        if _shares_no_more(original, variant):
            new = partial(_repeated, one[0], feeds.rows)
        old = partial(_run, original.session, options, feeds.many)
        ratios[f"{feeds.rows} rows"] = compared(new, old, limits, _EACH_SECONDS, clock=clock)
    return ratios


def _shares_no_more(original: Model, variant: Model) -> bool:
    """Whether requests would share runs of the original, and none of the variant, whose rows depend on one another."""
    return original.batching.is_batchable and not variant.batching.is_batchable


def _run(session: Session, options: RunOptions, feed: Feed) -> object:
    return session.run(feed, options=options)


def _repeated(run: Run, times: int) -> None:
    for _ in range(times):
        run()
