"""`spec.model.optimize`: of the variants that are asked for the quickest that keeps the promise is served, else the original.

A variant lies nowhere but in the store, where pods read it by its digest. So without a store there is none.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final

from serin_server.commands.feeds import Feeds, feeds_of
from serin_server.commands.golden import samples_of
from serin_server.commands.keeping import keep
from serin_server.commands.optimizing.accuracy import Questions, fewest_rows, most_lost, questions
from serin_server.commands.optimizing.made import made
from serin_server.commands.optimizing.transform import NotMade
from serin_server.commands.optimizing.trial import Tried, alone, tried
from serin_server.commands.row import Row, sentence
from serin_server.config.settings import Settings
from serin_server.dataplane.samples import GOLDEN, UnreadableSamples, beside_model
from serin_server.failures import Reason, one_line
from serin_server.model.load import Model
from serin_server.process.model import load_as_set

NAME: Final = "optimize"
NO_STORE: Final = "pods read variants from a store, and there is none: set spec.model.store (SERIN_STORE)"
NO_SAMPLES: Final = (
    f"accuracy is measured on golden samples, and there are none: put {GOLDEN} beside the model, or name a ConfigMap in"
    " spec.preflight.goldenSamples"
)
"""As `kubectl serin lint` says them beforehand."""
_FOLDER: Final = "variants"


@dataclass(frozen=True, slots=True)
class Optimized:
    """What is to be served."""

    model: Model
    rows: tuple[Row, ...] = ()
    """What came of it, and of keeping the variant."""
    told: dict[str, str] = field(default_factory=dict)
    """For the report: which variant, and the digest of what it was made from; empty of the original."""


class _Missing(Exception):
    """What there would have to be, for variants to be tried."""


def optimized(settings: Settings, model: Model, began: float) -> Optimized:
    """The best variant that is kept in the store, or the model as it is, and why. No variant ends a version.

    Args:
        settings: Say which variants, and what is promised of them.
        model: The original, verified and loaded.
        began: When the command did, by the monotonic clock.
    """
    if not settings.optimize_variants:
        return Optimized(model)
    try:
        asked, feeds = _prepared(settings, model)
    except _Missing as missing:
        return Optimized(model, (_row("Warn", f"the original is served: {missing}"),))
    home = settings.cache_dir / _FOLDER
    results = _all_tried(settings, model, home, asked, feeds)
    kept = sorted((each for each in results if each.model), key=lambda each: -each.speed)
    others = "; ".join(f"{each.variant}: {each.text}" for each in results if each not in kept[:1])
    for best in kept[:1]:
        store = keep(settings, replace(best.model or model, instead=""), began)
        if store is None or store.verdict != "Pass":
            said = f"the original is served, since {best.variant} is not kept: {store.message if store else 'there is no store'}"
            return Optimized(model, (_row("Warn", said),))
        text = f"{best.variant} is served: {best.text}" + (f"; {others}" if others else "")
        told = {"variant": best.variant, "sourceSha256": model.sha256}
        return Optimized(_served(model, best), (_row("Pass", text), store), told)
    shutil.rmtree(home, ignore_errors=True)
    return Optimized(model, (_row("Pass", f"the original is served: {others}"),))


def _row(verdict: str, text: str) -> Row:
    return Row(NAME, verdict, sentence(text), Reason.MODEL_UNSUPPORTED)


def _served(model: Model, best: Tried) -> Model:
    """The variant, with what is known of its original: who signed it, and by which name it was found."""
    return replace(best.model or model, signer=model.signer, resolved_uri=model.resolved_uri)


def _prepared(settings: Settings, model: Model) -> tuple[Questions, Feeds]:
    if not settings.store:
        raise _Missing(NO_STORE)
    file = settings.golden or beside_model(model.path, GOLDEN)
    if not file.is_file():
        raise _Missing(NO_SAMPLES)
    try:
        asked = questions(settings, model, samples_of(settings, model))
    except UnreadableSamples as error:
        raise _Missing(one_line(error, 200)) from None
    share = settings.optimize_max_accuracy_loss
    if not asked.rows or most_lost(asked.rows, share) < 0:
        fewest = fewest_rows(share)
        raise _Missing(
            f"{asked.rows} golden rows are too few to be sure of a loss of at most {share:g}: record {fewest:,}"
        )
    if not any(map(any, asked.right)):
        raise _Missing("it gets none of the golden rows right: give them labels, or a prediction.tolerance")
    feeds = feeds_of(model, min(settings.preflight_batch_rows, settings.max_batch_rows))
    if feeds is None:
        raise _Missing("there is nothing to measure it with")
    return asked, feeds


def _all_tried(settings: Settings, model: Model, home: Path, asked: Questions, feeds: Feeds) -> Sequence[Tried]:
    until = monotonic() + settings.optimize_seconds
    results = []
    for variant in settings.variants:
        try:
            folder = made(model, variant, home, until - monotonic())
            results.append(tried(settings, model, variant, folder, asked, feeds, until - monotonic()))
        except NotMade as error:
            results.append(Tried(variant, str(error)))
        except OSError as error:
            results.append(Tried(variant, f"it could not be written ({error.strerror or error})"))
        sys.stderr.write(f"{variant}: {results[-1].text}\n")
    return results


def reopener(settings: Settings, model: Model) -> Callable[[], Model]:
    """Loads a variant once more, for a caller that lets go of all others before: a process that holds several tells nothing of one."""
    folder, signer, resolved_uri = model.path, model.signer, model.resolved_uri
    return lambda: replace(load_as_set(alone(settings, folder)), signer=signer, resolved_uri=resolved_uri)
