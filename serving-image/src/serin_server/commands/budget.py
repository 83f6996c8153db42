"""The gate `budget`: what a model takes of time and memory where it will run, and beside the version that serves.

Measured is the model's run alone, without network, queue and JSON, by the runtime, threads and limits that will serve.
"""

from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter, thread_time
from typing import Any, Final

from serin_server.commands.calibration import UNSURE, calibration_seconds
from serin_server.commands.feeds import Feeds, feeds_of
from serin_server.commands.measure import FAIL, NEAR, PASS, Clock, Ratio, Timed, compared, timed, typical
from serin_server.commands.row import OFF, Row, sentence
from serin_server.commands.stable import StableModel
from serin_server.config.settings import Settings
from serin_server.failures import Reason, one_line
from serin_server.model.deadline import RunOptions, TookTooLong, within
from serin_server.model.footprint import forget_peak, peak_bytes, room_bytes
from serin_server.model.load import Model
from serin_server.model.onnx_file import model_file
from serin_server.model.session import Session, open_session
from serin_server.model.warmup import WarmUp
from serin_server.process.model import placement_of

_NAME: Final = "budget"
_UNKNOWN: Final = "unknown"
_WORST: Final = (FAIL, NEAR, _UNKNOWN, PASS)
_LONGEST_SECONDS: Final = 90.0
_MORE_LOADS: Final = 2
_NEARLY: Final = 1.25
_BESIDE_BYTES: Final = 128 << 20
"""What a session takes beside three times its file, where nobody has measured it."""


@dataclass(frozen=True, slots=True)
class _Found:
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class _Measured:
    one: Timed
    many: Timed | None
    typical_one: float
    typical_many: float
    memory_bytes: int
    calibration: float


def budget(settings: Settings, model: Model, stable: StableModel) -> Row | None:
    """Whether the model keeps to the budget; None where nobody asked for it."""
    if settings.preflight_budget == OFF:
        return None
    feeds = feeds_of(model, settings.preflight_batch_rows)
    if feeds is None:
        return _row(
            "Unknown", "nothing to measure it with: put requests beside the model in golden.jsonl or warmup.jsonl"
        )
    try:
        return within(_LONGEST_SECONDS, partial(_judged, settings, model, stable, feeds))
    except TookTooLong as late:
        return _row("Unknown", f"it could not be measured within {late.seconds:g} s")
    except Exception as error:  # noqa: BLE001 (whatever the graph raises on other numbers of rows than it was tried with)
        return _row("Unknown", f"it could not be measured: {type(error).__name__}: {one_line(error, 150)}")


def _row(verdict: str, text: str, measured: dict[str, float] | None = None) -> Row:
    return Row(_NAME, verdict, sentence(text), Reason.OVER_BUDGET, measured or {})


def _judged(settings: Settings, model: Model, stable: StableModel, feeds: Feeds, options: RunOptions) -> Row:
    measured = _measure(settings, model, feeds, options)
    found = [
        _latency(measured.one, settings.preflight_max_p99_seconds, "one row" if feeds.has_rows else "one request"),
        _batch(measured.many, settings, feeds),
        _memory(measured.memory_bytes, settings.preflight_max_memory_bytes),
        _loading(settings, model, feeds),
        _slowdown(settings, model, stable, feeds, measured, options),
    ]
    told = sorted(filter(None, found), key=lambda each: _WORST.index(each.verdict))
    verdicts = {FAIL: settings.preflight_budget.capitalize(), NEAR: "Warn", _UNKNOWN: "Unknown", PASS: "Pass"}
    made_up = " (on made-up inputs)" if model.warmed.kind is WarmUp.MADE_UP else ""
    text = "; ".join(each.text for each in told) + made_up
    return _row(verdicts[told[0].verdict], text, _numbers(model, feeds, measured))


def _measure(settings: Settings, model: Model, feeds: Feeds, options: RunOptions) -> _Measured:
    forget_peak()
    run = partial(_run, model.session, options)
    clock = _clock(settings, model)
    one = timed(partial(run, feeds.one), settings.preflight_max_p99_seconds)
    many = feeds.many and timed(partial(run, feeds.many), settings.preflight_max_batch_p99_seconds)
    memory = max(model.opened.peak_bytes, peak_bytes())
    usual = typical(partial(run, feeds.one), clock)
    usual_many = typical(partial(run, feeds.many), clock) if feeds.many else 0.0
    return _Measured(one, many or None, usual, usual_many, memory, calibration_seconds())


def _clock(settings: Settings, model: Model) -> Clock:
    """CPU time where the calling thread does all the work, so that neighbours on the node do not count; else the time that passes."""
    return thread_time if settings.intra_op_threads == 1 and not model.session.is_on_device else perf_counter


def _run(session: Session, options: RunOptions, feed: Any) -> object:
    return session.run(feed, options=options)


def _latency(took: Timed, limit: float, what: str) -> _Found:
    text = f"p99 of {what} {_ms(took.p99)} in {took.runs} runs"
    return _against(took, limit, text)


def _against(took: Timed, limit: float, text: str) -> _Found:
    if not limit:
        return _Found(PASS, text)
    verdict = took.within(limit)
    if verdict == NEAR:
        text += f" ({_ms(min(took.p99s))} to {_ms(max(took.p99s))} in {len(took.rounds)} rounds)"
    return _Found(verdict, f"{text}, at most {_ms(limit)}")


def _batch(took: Timed | None, settings: Settings, feeds: Feeds) -> _Found | None:
    limit = settings.preflight_max_batch_p99_seconds
    if took is None:
        return _Found(_UNKNOWN, "it takes no batches of rows to measure") if limit else None
    return _against(took, limit, f"p99 of {feeds.rows} rows {_ms(took.p99)} in {took.runs} runs")


def _memory(used: int, limit: int) -> _Found:
    text = f"{used / (1 << 20):.0f} MiB of memory"
    if not limit:
        return _Found(PASS, text)
    return _Found(FAIL if used > limit else PASS, f"{text}, at most {limit / (1 << 20):.0f}")


def _loading(settings: Settings, model: Model, feeds: Feeds) -> _Found:
    """The quickest of three loads, where the first was too slow: the first may have had a disk or a neighbour against it."""
    limit, took, loads = settings.preflight_max_load_seconds, model.opened.seconds, 1
    while limit and took > limit and loads <= _MORE_LOADS and room_bytes() > model.opened.peak_bytes:
        began = monotonic()
        _opened_again(settings, model).run(feeds.one)
        took, loads = min(took, monotonic() - began), loads + 1
    text = f"loaded in {took:.3g} s" + (f" at best of {loads} times" if loads > 1 else "")
    if not limit:
        return _Found(PASS, text)
    late = NEAR if loads == 1 and took <= limit * _NEARLY else FAIL
    return _Found(late if took > limit else PASS, f"{text}, at most {limit:g} s")


def _opened_again(settings: Settings, model: Model) -> Session:
    return open_session(model_file(model.path), settings.intra_op_threads, placement_of(settings))


def _slowdown(
    settings: Settings, model: Model, stable: StableModel, feeds: Feeds, measured: _Measured, options: RunOptions
) -> _Found | None:
    limit = settings.preflight_max_slowdown
    if not limit or not stable.is_known:
        return None
    if stable.is_same:
        return _Found(PASS, f"the same bytes as {stable.version}")
    ratios, why = _beside(settings, model, stable, feeds, options)
    ratios = ratios or _recorded(stable, measured, feeds)
    if not ratios:
        return _Found(_UNKNOWN, f"not compared: {why}, and nothing was measured of it before")
    worst = max(ratios.values(), key=lambda ratio: ratio.low)
    rows = next(rows for rows, ratio in ratios.items() if ratio is worst)
    text = (
        f"takes {worst.middle:.3g} times as long as {stable.version} for {rows} ({worst.low:.3g} to {worst.high:.3g})"
    )
    text += f", at most {limit:g}" + ("" if worst.pairs else f", by what its own Job measured: {why}")
    return _Found(min((ratio.within(limit) for ratio in ratios.values()), key=_WORST.index), text)


def _beside(
    settings: Settings, model: Model, stable: StableModel, feeds: Feeds, options: RunOptions
) -> tuple[dict[str, Ratio], str]:
    """Both models in turn, in this process and in these seconds; else why not."""
    path = stable.path()
    if path is None:
        return {}, stable.why_not
    try:
        file = model_file(path)
        wanted = stable.measured.get("memoryBytes") or 3 * file.stat().st_size + _BESIDE_BYTES
        if room_bytes() < wanted:
            return {}, f"there is no room for {stable.version} beside it"
        old = open_session(file, settings.intra_op_threads, placement_of(settings)).with_labels(feeds.one)
        new, limits, clock = model.session, (settings.preflight_max_slowdown,), _clock(settings, model)
        ratios = {
            name: compared(partial(_run, new, options, feed), partial(_run, old, options, feed), limits, clock=clock)
            for name, feed in (("a row", feeds.one), (f"{feeds.rows} rows", feeds.many))
            if feed
        }
    except Exception as error:  # noqa: BLE001 (stable may take other requests than the new one)
        return {}, f"{stable.version} does not run on its requests ({type(error).__name__})"
    return ratios, ""


def _recorded(stable: StableModel, measured: _Measured, feeds: Feeds) -> dict[str, Ratio]:
    """By what stable's own Job has measured, as far as a calibration makes two nodes comparable."""
    told = stable.measured
    quicker = measured.calibration / told.get("calibrationSeconds", measured.calibration)
    found = {}
    if before := told.get("medianSeconds"):
        found["a row"] = measured.typical_one / before / quicker
    before = told.get("batchMedianSeconds", 0.0)
    if before and measured.typical_many and told.get("batchRows") == feeds.rows:
        found[f"{feeds.rows} rows"] = measured.typical_many / before / quicker
    return {name: Ratio(ratio / UNSURE, ratio, ratio * UNSURE) for name, ratio in found.items()}


def _numbers(model: Model, feeds: Feeds, measured: _Measured) -> dict[str, float]:
    """What the ledger keeps, for the comparison with the next version."""
    many = measured.many
    numbers: dict[str, float] = {
        "p99Seconds": measured.one.p99,
        "medianSeconds": measured.typical_one,
        "loadSeconds": model.opened.seconds,
        "calibrationSeconds": measured.calibration,
        **({"batchP99Seconds": many.p99, "batchMedianSeconds": measured.typical_many} if many else {}),
    }
    counts = {"memoryBytes": measured.memory_bytes, **({"batchRows": feeds.rows} if many else {})}
    return {**{name: float(f"{value:.4g}") for name, value in numbers.items()}, **counts}


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
