"""True labels that come back, counted for the revision that made the prediction and by the prediction's age.

Any pod may hear the label of any revision's prediction; the operator sums by `predicted_revision` over all pods.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final, NamedTuple, cast

import msgspec

from serin_server.feedback.matching import matches
from serin_server.feedback.once import New, Once
from serin_server.feedback.rejected import Rejected
from serin_server.feedback.revisions import ToldRevisions
from serin_server.feedback.rows import SHAPE, Row, rows_in
from serin_server.feedback.scored import ScoreCounter
from serin_server.feedback.tokens import Forged, TokenSigner
from serin_server.metrics.clients import WINDOW_SECONDS, ClientSums
from serin_server.metrics.instruments import Counter, Histogram
from serin_server.metrics.server import AGE_BOUNDS, ERROR_BOUNDS, ERROR_SLICE_LABELS, SLICE_LABELS, ServerMetrics
from serin_server.model.predictions import Prediction
from serin_server.scoring import Score
from serin_server.slicing import OfRows, Slicing, slices_of

_CLOCK_SKEW_SECONDS: Final = 5.0
_ROWS_A_TURN: Final = 100
_FARTHEST: Final = 1e290
_MAX_REVISION_LENGTH: Final = 63
_AGES: Final = tuple(float(bound) for bound in AGE_BOUNDS[:-1])


@dataclass(frozen=True, slots=True)
class Rules:
    """Which feedback is taken, and when a prediction is right."""

    takes_unsigned: bool = True
    max_age_seconds: float = 30 * 86400.0
    is_regression: bool = False
    tolerance: float = 0.0
    slicings: tuple[Slicing, ...] = ()
    scores: tuple[Score, ...] = ()
    bounds: tuple[float, ...] = ()
    """Distances above which a regression's labels are counted by slice."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How many rows were counted, and why each of the others was not."""

    accepted: int
    rejected: list[dict[str, Any]]


class LabelTaken(NamedTuple):
    """A label of a signed prediction that was not told before, whether it is counted or corrects one that was."""

    token: str
    row: int
    label: Prediction
    revision: str
    predicted_at: float
    now: float


class _Claimed(NamedTuple):
    """What is known of the prediction of a row; `control` is revision and prediction of the version asked beside it."""

    revision: str
    predicted_at: float
    prediction: Prediction
    control: tuple[str, Prediction] | None = None
    client: int = 0
    slices: Sequence[OfRows] = ()


_PAIRS: Final = {
    (True, True): "both_right",
    (False, True): "only_canary_wrong",
    (True, False): "only_control_wrong",
    (False, False): "both_wrong",
}


class FeedbackCounter:
    """Counts rows of feedback; its memory is bounded: so many unproven revisions, so many remembered labels."""

    def __init__(self, metrics: ServerMetrics, rules: Rules | None = None, signer: TokenSigner | None = None) -> None:
        self._metrics = metrics
        self._rules = rules or Rules()
        self._signer = signer
        self._once = Once()
        self._told = ToldRevisions(metrics)
        self._scores = ScoreCounter(metrics, self._rules.scores)
        self.on_label: Callable[[LabelTaken], None] | None = None
        """Is told of every new label of a signed prediction, and of corrections."""

    def take(self, body: bytes | bytearray, now: float) -> Answer:
        """Counts every good row of a body. Raises `Refusal` when the body holds no rows at all."""
        return next(answer for answer in self.take_in_turns(body, now) if answer is not None)

    def take_in_turns(self, body: bytes | bytearray, now: float) -> Iterator[Answer | None]:
        """The same in turns of some rows, between which (None) others can have theirs; the answer is the last."""
        rejected: list[dict[str, Any]] = []
        rows = rows_in(body)
        for number, raw in enumerate(rows):
            if number and not number % _ROWS_A_TURN:
                yield None
            try:
                self._count(raw, now)
            except Rejected as rejection:
                self._metrics.feedback_rejected.add(rejection.reason)
                rejected.append({"row": number, "error": str(rejection), "reason": rejection.reason})
        yield Answer(len(rows) - len(rejected), rejected)

    def _count(self, raw: object, now: float) -> None:
        try:
            row = msgspec.convert(raw, Row)
        except msgspec.ValidationError as error:
            raise Rejected("malformed", f"{error}: {SHAPE}") from None
        if row.label is msgspec.UNSET:
            self._check_score(row)
        claim = self._signed(row) if row.token else self._unsigned(row)
        revision, prediction = claim.revision, claim.prediction
        age = now - claim.predicted_at
        if age < -_CLOCK_SKEW_SECONDS:
            raise Rejected(
                "future", f"predicted_at {claim.predicted_at} lies {-age:.0f} s in the future: give unix seconds"
            )
        if age > self._rules.max_age_seconds:
            raise Rejected("stale", f"the prediction is {age:.0f} s old: {self._rules.max_age_seconds:.0f} are allowed")
        if not (0 < len(revision) <= _MAX_REVISION_LENGTH and revision.isprintable()):
            raise Rejected("malformed", f"model_version {revision[:70]!r} is not a revision")
        label = None if row.label is msgspec.UNSET else row.label
        off_by = None if label is None else self._distance(prediction, label)
        is_right = label is not None and self._is_right(off_by, prediction, label)
        new = self._new_of(row, claim, now)
        if not new.has_label:
            label = off_by = None
        age_le = AGE_BOUNDS[bisect_left(_AGES, age)]
        self._told.make_room(revision, age_le, now, is_proven=bool(row.token))
        slices = slices_of(self._rules.slicings, claim.slices, row.row, row.attributes)
        if label is not None:
            self._count_label(claim, slices, age_le, now, is_right=is_right)
            if off_by is not None:
                self._metrics.feedback_errors.setdefault((revision, age_le), Histogram(ERROR_BOUNDS)).observe(off_by)
                self._count_errors(revision, slices, age_le, off_by)
            if claim.control is not None:
                self._count_pair(claim, age_le, label, is_right=is_right)
        self._scores.count(revision, age_le, told=new.score, off_by=off_by, client=claim.client, now=now, slices=slices)

    def _count_label(
        self, claim: "_Claimed", slices: Collection[tuple[str, str]], age_le: str, now: float, *, is_right: bool
    ) -> None:
        outcome = "correct" if is_right else "wrong"
        self._metrics.feedback.add(claim.revision, age_le, outcome)
        if slices:
            sliced = self._metrics.sliced_feedback.setdefault(claim.revision, Counter(SLICE_LABELS))
            for by, name in slices:
                sliced.add(by, name, age_le, outcome)
        if claim.client:
            clients = self._metrics.feedback_clients.setdefault(claim.revision, ClientSums())
            clients.window = int(now / WINDOW_SECONDS)
            clients.count(clients.numbered(claim.client), int(not is_right))

    def _count_errors(self, revision: str, slices: Collection[tuple[str, str]], age_le: str, off_by: float) -> None:
        for bound in self._rules.bounds if slices else ():
            sliced = self._metrics.sliced_errors.setdefault(revision, Counter(ERROR_SLICE_LABELS))
            for by, name in slices:
                sliced.add(by, name, f"{bound:.12g}", age_le, "far" if off_by > bound else "near")

    def _count_pair(self, claim: "_Claimed", age_le: str, label: Prediction, *, is_right: bool) -> None:
        control_revision, told = cast("tuple[str, Prediction]", claim.control)
        try:
            is_control_right = self._is_right(self._distance(told, label), told, label)
        except Rejected:  # what the control said is nothing that this label can be compared with
            return
        pair = _PAIRS[is_right, is_control_right]
        self._metrics.paired_feedback.add(claim.revision, control_revision, age_le, pair)

    def _new_of(self, row: Row, claim: "_Claimed", now: float) -> New:
        """What is to be counted of a row. Raises `Rejected` where nothing of it is new."""
        try:
            new = self._once.new_of(row, claim.revision, takes_scores=self._scores.come_with_labels)
        except Rejected as rejection:
            if rejection.reason == "corrected":
                self._tell_label(row, claim, now)
            raise
        if new.has_label:
            self._tell_label(row, claim, now)
        return new

    def _tell_label(self, row: Row, claim: "_Claimed", now: float) -> None:
        if self.on_label is not None and row.token and row.label is not msgspec.UNSET:
            self.on_label(LabelTaken(row.token, row.row, row.label, claim.revision, claim.predicted_at, now))

    def _check_score(self, row: Row) -> None:
        """Raises `Rejected` where a row without a label has no score that is asked for."""
        if row.score is msgspec.UNSET:
            raise Rejected("malformed", f"neither a label nor a score: {SHAPE}")
        if not self._scores.come_with_labels:
            raise Rejected("malformed", "a score without a label, and no metric of kind score is asked for here")

    def _is_right(self, off_by: float | None, prediction: Prediction, label: Prediction) -> bool:
        if off_by is not None:
            return off_by <= self._rules.tolerance
        is_right = matches(prediction, label)
        if is_right is None:
            one, other = ("a text", "a number") if isinstance(label, str) else ("a number", "a text")
            raise Rejected("incomparable", f"the label is {one}, and what was predicted {other}: send the class itself")
        return is_right

    def _signed(self, row: Row) -> "_Claimed":
        if self._signer is None:
            raise Rejected("forged", "this server has no key to verify tokens with")
        try:
            claim = self._signer.read(row.token)
        except Forged as error:
            raise Rejected("forged", str(error)) from None
        if not 0 <= row.row < len(claim.predictions):
            raise Rejected("malformed", f"row {row.row}: the token is for {len(claim.predictions)} predictions")
        told = claim.control_prediction(row.row)
        control = None if told is None else (claim.control_revision, told)
        told_at, prediction = claim.predicted_at_ms / 1000, claim.predictions[row.row]
        return _Claimed(claim.revision, told_at, prediction, control, claim.client, claim.slices)

    def _unsigned(self, row: Row) -> "_Claimed":
        if not self._rules.takes_unsigned:
            raise Rejected(
                "unsigned", "this server takes signed feedback only: send the feedback_token of the response"
            )
        if row.prediction is None or row.predicted_at is None or not row.model_version:
            raise Rejected("malformed", SHAPE)
        return _Claimed(row.model_version, row.predicted_at, row.prediction)

    def _distance(self, prediction: Prediction, label: Prediction) -> float | None:
        """How far a regression was from its label; None for classes, which are right or wrong."""
        if not self._rules.is_regression:
            return None
        if isinstance(prediction, str) or isinstance(label, str):
            raise Rejected("malformed", "a regression's prediction and label are numbers")
        return _distance(prediction, label)


def _distance(prediction: float, label: float) -> float:
    """The absolute error, if it can be summed: a sum that has become infinite stays so for good."""
    try:
        distance = float(abs(prediction - label))
    except OverflowError:
        distance = inf
    if distance > _FARTHEST:
        raise Rejected("malformed", "prediction and label are further apart than can be summed")
    return distance
