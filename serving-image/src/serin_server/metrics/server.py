"""The metrics of one serving process, and the one place where their names and help texts stand."""

import os
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from serin_server.failures import Reason
from serin_server.metrics.clients import SUMS, ClientSums
from serin_server.metrics.instruments import (
    BATCH_BOUNDS,
    LATENCY_BOUNDS,
    Counter,
    Histogram,
    label_text,
    number,
)

AGE_BOUNDS: Final = ("4", "8", "15", "30", "60", "120", "240", "480", "960", "1920", "3840", "7680", "15360",
                     "30720", "61440", "122880", "245760", "491520", "+Inf")  # fmt: skip
"""Upper bounds of a prediction's age in seconds, each about twice the one before: the strata of late labels.

After a change of weight a stratum says nothing until its whole age has passed, so the shortest bound is how soon
quick labels count again.
"""

ERROR_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
                       200.0, 500.0, 1000.0)  # fmt: skip
"""Upper bounds of a regression's absolute error."""

HELP: Final[Mapping[str, str]] = {
    "serin_process_start_time_seconds": "When this server process started, in unix seconds.",
    "serin_model_info": "The digest of the model that is served; absent until it is loaded.",
    "serin_model_batching": "1 with the mode of batching (proven, trusted, alone, off) and the reason for it as labels; absent until "
    "the model is loaded.",
    "serin_requests_total": "Inference requests answered, by HTTP status (gRPC mapped to its equivalent) and by "
    "whether the answer counts as an error of the model version.",
    "serin_client_sums_total": "Sums over clients and windows of 30 s, by which: of 1 (clients), of a client's requests (all), of its "
    "errors (bad), of their squares and their product. A design effect by client follows from them.",
    "serin_feedback_client_sums_total": "The same sums of labels and wrong predictions, where tokens know their client, by the "
    "revision that made the prediction.",
    "serin_control_requests_total": "Questions of another version of the model, which are no clients' and counted only here, "
    "by HTTP status and by whether the answer counts as an error of the model version.",
    "serin_pairs_total": "Predictions that the control was asked for as well, by whether it agreed, disagreed, or gave no answer.",
    "serin_error_pairs_total": "Requests that the control was asked as well, by which of the two versions failed on them.",
    "serin_pair_answers_total": "The same predictions by their class, and by whether the control answered: it should as often for each.",
    "serin_pair_troubles_total": "Questions that the control did not answer, by reason.",
    "serin_pair_distance": "How far apart the predictions of two regressions were.",
    "serin_pair_wait_seconds": "Time that answers were kept back for the control; not part of the request's duration.",
    "serin_request_duration_seconds": "Time from a whole request read to its answer handed to the socket, without waiting for "
    "the control.",
    "serin_inference_duration_seconds": "Time of one run of ONNX Runtime.",
    "serin_batch_size": "Requests that shared one run of ONNX Runtime.",
    "serin_requests_in_flight": "Inference requests read and not yet answered.",
    "serin_requests_rejected_total": "Requests refused before they reached the model, by reason.",
    "serin_feedback_total": "True labels that came back, by the revision that made the prediction, the upper bound "
    "of the prediction's age in seconds, and the outcome.",
    "serin_sliced_feedback_total": "The same labels by the slices that are asked for: attribute is what is sliced by, slice one of its "
    "slices, (other) where the value is none of them, (missing) where nothing is known.",
    "serin_feedback_scores_total": "Predictions by a score that is asked for: of says what it is made of, between its range. outcome is high with "
    "the probability of the score's place in the range, else low; below and above are scores beyond it.",
    "serin_sliced_feedback_errors_total": "Labels of a regression by the same slices, far where the prediction was further off than above, a bound "
    "that is asked for, and near otherwise.",
    "serin_sliced_feedback_scores_total": "The same scores by the same slices.",
    "serin_feedback_score_client_sums_total": "Sums over clients as of labels, of scores and those that count as high or above.",
    "serin_signed_predictions_total": "Predictions that were answered with a token, so that their labels can be told; absent without "
    "a key to sign with.",
    "serin_paired_feedback_total": "True labels of predictions that the control was asked for as well, by both revisions, the upper "
    "bound of the prediction's age in seconds, and which of the two was right.",
    "serin_feedback_absolute_error": "How far a regression's predictions were from the labels, by the revision that made "
    "them and the upper bound of their age in seconds.",
    "serin_feedback_rejected_total": "Rows of feedback that were refused, by reason.",
    "serin_model_load_failures_total": "Attempts to load the model that failed, by reason.",
    "serin_feature_values_total": "Values of a feature by the bins of the model's baseline (bin: upper bound or category).",
    "serin_feature_invalid_total": "Values of a feature that are no number, outside the range of training, or unknown.",
    "serin_feature_dropped_total": "Runs of the model that were too large for the feature histograms and not counted.",
    "serin_prediction_values_total": "Predictions by the bins of the model's baseline.",
    "serin_baseline_feature_rows": "Training rows by feature and bin, from the model's baseline.",
    "serin_baseline_prediction_rows": "Training rows by the bin of their prediction, from the model's baseline.",
    "serin_payload_log_events_total": "Requests taken into the payload log, by whether they were sent or dropped.",
    "serin_prediction_log_records_total": "Sampled requests and labels, by what became of them: acknowledged by the collector, full (no room until "
    "it takes them), too_large, refused (by it, or they cannot be written), lost (the server ended).",
    "serin_prediction_log_waiting_records": "Sampled requests and labels that wait for the collector.",
    "serin_trace_spans_total": "Spans of sampled requests, by whether a collector took them or they were dropped; absent where none are exported.",
    "serin_explanations_total": "Requests to explain predictions, by HTTP status. They count as no inference request.",
    "serin_explanation_evaluations_total": "Predictions that explanations were made of.",
    "serin_memory_budget_bytes": "Memory that requests may hold together: their bodies, tensors and answers.",
    "serin_memory_held_bytes": "Memory that larger requests hold now.",
    "serin_metrics_failures_total": "Parts of a scrape that could not be told and were left out, by part; the log says why.",
    "serin_process_cpu_seconds_total": "CPU time that this process used.",
    "serin_process_resident_memory_bytes": "Resident memory of this process.",
    "serin_process_open_connections": "Open client connections.",
}
"""Every metric of the server and what it means; `docs/serving.md` shows the same table."""

REJECTIONS: Final = (
    "body_too_large", "head_too_large", "overloaded", "unauthenticated", "too_often", "slow_client", "malformed",
)  # fmt: skip
FEEDBACK_REJECTIONS: Final = (
    "malformed", "duplicate", "corrected", "incomparable", "forged", "stale", "future", "unsigned",
)  # fmt: skip


SLICE_LABELS: Final = ("attribute", "slice", "age_le", "outcome")
ERROR_SLICE_LABELS: Final = ("attribute", "slice", "above", "age_le", "outcome")
SCORE_LABELS: Final = ("of", "between", "age_le", "outcome")
SCORE_SLICE_LABELS: Final = ("of", "between", "attribute", "slice", "age_le", "outcome")


class ToldAtScrape(Protocol):
    """Counts that are kept elsewhere and told at scrape."""

    part: str
    """Its name where it fails."""

    def tell(self, words: "Words") -> None:
        """Adds its samples."""


class ServerMetrics:
    """Counts of one process lifetime. `server_id` names it, so that a counter never resets inside a series."""

    def __init__(self, labels: Mapping[str, str], started_at: float) -> None:
        self.labels = dict(labels)
        self.started_at = started_at
        self.requests = Counter(("code", "error"), [("200", "false"), ("400", "true"), ("500", "true")])
        self.control_requests = Counter(("code", "error"), [("200", "false"), ("400", "true"), ("500", "true")])
        self.clients = ClientSums()
        self.feedback_clients: dict[str, ClientSums] = {}
        """By the revision that made the predictions."""
        self.request_duration = Histogram(LATENCY_BOUNDS)
        self.refused_seconds = 0.0
        """The part of it that went into refusals."""
        self.last_prediction_at = 0.0
        """Unix seconds, as exactly as it is looked at; 0 before the first."""
        self._predictions_seen = 0.0
        self.inference_duration = Histogram(LATENCY_BOUNDS)
        self.batch_size = Histogram(BATCH_BOUNDS)
        self.in_flight = 0
        self.connections = 0
        self.rejected = Counter(("reason",), [(reason,) for reason in REJECTIONS])
        own = [(labels["model_revision"], age, outcome) for age in AGE_BOUNDS for outcome in ("correct", "wrong")]
        self.feedback = Counter(("predicted_revision", "age_le", "outcome"), own)
        self.paired_feedback = Counter(("predicted_revision", "control_revision", "age_le", "pair"))
        self.sliced_feedback: dict[str, Counter] = {}
        """By the revision that made the predictions."""
        self.sliced_errors: dict[str, Counter] = {}
        self.sliced_scores: dict[str, Counter] = {}
        self.scores: dict[str, Counter] = {}
        """By the revision that made the predictions."""
        self.score_clients: dict[tuple[str, str, str], ClientSums] = {}
        """By revision, what the score is of, and its range."""
        self.signed_predictions: int | None = None
        """None where no prediction gets a token."""
        self.feedback_errors: dict[tuple[str, str], Histogram] = {}
        self.feedback_rejected = Counter(("reason",), [(reason,) for reason in FEEDBACK_REJECTIONS])
        self.load_failures = Counter(("reason",), [(reason.value,) for reason in Reason])
        self.model_sha256 = ""
        self.batching: tuple[str, str] | None = None
        self.more: list[ToldAtScrape] = []
        self.failures = Counter(("part",))
        self.on_failure: Callable[[str, Exception], None] = lambda _part, _error: None
        """Is told once of each part that could not be told."""

    def look(self, moment: float) -> None:
        """Notices whether there was a prediction since the last look."""
        predictions = self.requests.values["200", "false"]
        if predictions != self._predictions_seen:
            self._predictions_seen, self.last_prediction_at = predictions, moment

    def exposition(self) -> bytes:
        """Everything in the text format of Prometheus, version 0.0.4. A part that cannot be told is left out and counted."""
        words = Words(label_text(self.labels))
        self.tell(words)
        return words.bytes()

    def tell(self, words: "Words") -> None:
        """Adds every sample."""
        words.gauge("serin_process_start_time_seconds", self.started_at)
        self._part("requests", self._tell_requests, words)
        self._part("feedback", self._tell_feedback, words)
        for told in self.more:
            self._part(told.part, told.tell, words)
        self._part("process", self._tell_process, words)
        words.counter("serin_metrics_failures_total", self.failures)

    def _part(self, name: str, tell: Callable[["Words"], None], words: "Words") -> None:
        before = words.length
        try:
            tell(words)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with one part, the others are told)
            words.cut(before)
            if (name,) not in self.failures.values:
                self.on_failure(name, error)
            self.failures.add(name)

    def _tell_requests(self, words: "Words") -> None:
        if self.model_sha256:
            words.head("serin_model_info", "gauge")
            words.sample("serin_model_info", {"sha256": self.model_sha256}, 1)
        if self.batching is not None:
            words.head("serin_model_batching", "gauge")
            words.sample("serin_model_batching", dict(zip(("mode", "reason"), self.batching, strict=True)), 1)
        words.counter("serin_requests_total", self.requests)
        words.counter("serin_control_requests_total", self.control_requests)
        words.head("serin_client_sums_total", "counter")
        for name, value in zip(SUMS, self.clients.sums, strict=True):
            words.sample("serin_client_sums_total", {"sum": name}, value)
        words.histogram("serin_request_duration_seconds", self.request_duration)
        words.histogram("serin_inference_duration_seconds", self.inference_duration)
        words.histogram("serin_batch_size", self.batch_size)
        words.gauge("serin_requests_in_flight", self.in_flight)
        words.counter("serin_requests_rejected_total", self.rejected)
        words.counter("serin_model_load_failures_total", self.load_failures)

    def _tell_feedback(self, words: "Words") -> None:
        if self.signed_predictions is not None:
            words.head("serin_signed_predictions_total", "counter")
            words.sample("serin_signed_predictions_total", {}, self.signed_predictions)
        words.counter("serin_feedback_total", self.feedback)
        words.counter("serin_paired_feedback_total", self.paired_feedback)
        words.by_revision("serin_sliced_feedback_total", self.sliced_feedback)
        words.by_revision("serin_sliced_feedback_errors_total", self.sliced_errors)
        words.by_revision("serin_feedback_scores_total", self.scores)
        words.by_revision("serin_sliced_feedback_scores_total", self.sliced_scores)
        if self.score_clients:
            words.head("serin_feedback_score_client_sums_total", "counter")
        for (revision, of, between), clients in self.score_clients.items():
            for name, value in zip(SUMS, clients.sums, strict=True):
                about = {"predicted_revision": revision, "of": of, "between": between, "sum": name}
                words.sample("serin_feedback_score_client_sums_total", about, value)
        if self.feedback_clients:
            words.head("serin_feedback_client_sums_total", "counter")
        for revision, clients in self.feedback_clients.items():
            for name, value in zip(SUMS, clients.sums, strict=True):
                about = {"predicted_revision": revision, "sum": name}
                words.sample("serin_feedback_client_sums_total", about, value)
        if self.feedback_errors:
            words.head("serin_feedback_absolute_error", "histogram")
            for (revision, age_le), errors in self.feedback_errors.items():
                about = {"predicted_revision": revision, "age_le": age_le}
                words.buckets("serin_feedback_absolute_error", errors, about)
        words.counter("serin_feedback_rejected_total", self.feedback_rejected)

    def _tell_process(self, words: "Words") -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        words.head("serin_process_cpu_seconds_total", "counter")
        words.sample("serin_process_cpu_seconds_total", {}, usage.ru_utime + usage.ru_stime)
        words.gauge("serin_process_resident_memory_bytes", resident_bytes())
        words.gauge("serin_process_open_connections", self.connections)


class Words:
    """Puts samples into the text format; every one carries the constant labels."""

    def __init__(self, constant: str) -> None:
        self._constant = constant
        self._lines: list[str] = []

    def head(self, name: str, kind: str) -> None:
        """Help and type of a metric."""
        self._lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}"]

    def sample(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """One line."""
        own = "," + label_text(labels) if labels else ""
        self._lines.append(f"{name}{{{self._constant}{own}}} {number(value)}")

    @property
    def length(self) -> int:
        """How much has been said so far."""
        return len(self._lines)

    def cut(self, length: int) -> None:
        """Takes back what was said since."""
        del self._lines[length:]

    def gauge(self, name: str, value: float) -> None:
        """A whole gauge without labels of its own."""
        self.head(name, "gauge")
        self.sample(name, {}, value)

    def counter(self, name: str, counter: Counter) -> None:
        """A whole counter."""
        self.head(name, "counter")
        for key, value in counter.values.items():
            self.sample(name, dict(zip(counter.labels, key, strict=True)), value)

    def by_revision(self, name: str, counters: Mapping[str, Counter]) -> None:
        """Counters by the revision that made the predictions; nothing where there are none."""
        if counters:
            self.head(name, "counter")
        for revision, counter in counters.items():
            for key, value in counter.values.items():
                self.sample(
                    name, {"predicted_revision": revision, **dict(zip(counter.labels, key, strict=True))}, value
                )

    def histogram(self, name: str, histogram: Histogram) -> None:
        """A whole histogram without labels of its own."""
        self.head(name, "histogram")
        self.buckets(name, histogram, {})

    def buckets(self, name: str, histogram: Histogram, about: Mapping[str, str]) -> None:
        """The series of one histogram."""
        cumulative = 0
        for bound, count in zip((*map(number, histogram.bounds), "+Inf"), histogram.counts, strict=True):
            cumulative += count
            self.sample(f"{name}_bucket", {**about, "le": bound}, cumulative)
        self.sample(f"{name}_sum", about, histogram.sum)
        self.sample(f"{name}_count", about, cumulative)

    def bytes(self) -> bytes:
        """Everything said so far."""
        return ("\n".join(self._lines) + "\n").encode(errors="replace")


def resident_bytes() -> int:
    """Resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def server_id(pod_name: str, started_at: float) -> str:
    """`<pod name>-<start time in ms, base 36>`: unique to one lifetime of a server process."""
    digits, value = "", int(started_at * 1000)
    while value:
        value, digit = divmod(value, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"{pod_name}-{digits}"


def now() -> float:
    """Unix seconds."""
    return time.time()
