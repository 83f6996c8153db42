"""Which metrics there are, with their labels, read from what servers and operator really tell; and what queries get wrong."""

import asyncio
import re
from collections.abc import Iterator

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from generate.monitoring.pages import every_recording
from serin_operator.runtime.metrics import OperatorMetrics
from serin_server import baseline
from serin_server.collector.counts import Counts
from serin_server.dataplane.memory import MemoryBudget, MemoryWords
from serin_server.features.capture import FeatureCapture
from serin_server.features.words import FeatureWords
from serin_server.metrics.server import HELP, ServerMetrics
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.pairing.book import PairBook
from serin_server.records.predictions.lines import LineWriter
from serin_server.records.predictions.log import PredictionLog

IDENTITY = ("model_namespace", "model_name", "model_version", "model_revision", "server_id")
OF_TARGETS = {"job", "namespace", "pod", "instance", "exported_namespace", "le"}
"""What a scrape adds; an operator's own `namespace` then becomes `exported_namespace`."""
_SELECTOR = re.compile(r"\b([a-z_:][a-z0-9_:]*)\s*(?:\{([^}]*)\})?", re.IGNORECASE)
_MATCHER = re.compile(r"""(\w+)\s*(?:=~|!~|!=|=)\s*["']""")
_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def known() -> dict[str, set[str]]:
    """Labels of every series, by its name."""
    recorded = {each.record: set[str]() for each in every_recording()}
    return {**_of_servers(), **_of_operators(), **_labels(collector().exposition().decode()), **recorded}


def mistakes(query: str, labels: dict[str, set[str]]) -> Iterator[str]:
    """Metrics of ours that do not exist, and labels that they do not have."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    recorded = {each.record for each in every_recording()}
    every = set[str]().union(*labels.values()) | OF_TARGETS
    for name, matchers in _SELECTOR.findall(bare):
        if not name.startswith("serin"):
            continue
        if name not in labels:
            yield f"{name} does not exist"
            continue
        theirs = every if name in recorded else labels[name] | OF_TARGETS
        for label in _MATCHER.findall(matchers):
            if label not in theirs:
                yield f"{name} has no label {label}"
    for names in _LISTS.findall(bare):
        for label in filter(None, map(str.strip, names.split(","))):
            if label not in every:
                yield f"nothing has a label {label}"


def server() -> ServerMetrics:
    """Metrics of a serving process that tell everything that one may tell."""
    metrics = ServerMetrics(dict.fromkeys(IDENTITY, "x"), 0.0)
    metrics.model_sha256, metrics.batching = "a", ("off", "asked")
    book = PairBook(is_regression=False, tolerance=0.0)
    metrics.more += [FeatureWords(_capture()), MemoryWords(MemoryBudget(1)), book, _prediction_log()]
    for counter in (metrics.paired_feedback, book.pairs, book.errors, book.by_prediction):
        counter.add(*counter.labels)
    book.pairs.add("x", "agree")
    return metrics


def operator() -> OperatorMetrics:
    """Metrics of an operator."""
    return OperatorMetrics(CollectorRegistry())


def collector() -> Counts:
    """Metrics of a collector of predictions that tell everything that they may tell."""
    counts = Counts(model_namespace="x", model_name="x")
    counts.records.labels("prediction")
    counts.rows.labels("predictions")
    counts.spool_limit.set(1)
    return counts


def _of_servers() -> dict[str, set[str]]:
    told = {name: set(IDENTITY) for name in HELP}
    return {**told, **_labels(server().exposition().decode())}


def _of_operators() -> dict[str, set[str]]:
    metrics = operator()
    found = {}
    for family in metrics.families():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(family.type, [""])
        found |= {f"{family.name}{suffix}": set(getattr(family, "_labelnames", ())) for suffix in suffixes}
    for metric in vars(metrics).values():
        if names := getattr(metric, "_labelnames", ()):
            found |= {name: set(names) for name in found if name.startswith(metric._name)}
    return found


def _prediction_log() -> PredictionLog:
    whose = dict.fromkeys(("namespace", "model", "version", "revision", "server"), "x")
    return PredictionLog(
        LineWriter(whose, _signature(), PredictionReader(_signature()), max_bytes=1), lambda _: None, 1
    )


def _signature() -> Signature:
    return Signature((TensorSpec("X", "FP32", (-1, 1)),), (TensorSpec("label", "INT64", (-1,)),))


def _capture() -> FeatureCapture:
    signature = _signature()
    made = baseline.of({"X": np.arange(100.0).reshape(-1, 1)}, np.arange(100) % 2, names={"X": ["age"]})
    return FeatureCapture(made, signature, PredictionReader(signature), asyncio.new_event_loop())


def _labels(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found
