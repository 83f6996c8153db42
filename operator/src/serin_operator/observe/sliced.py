"""Samples of the slices of one metric in one look, from one counter whose series tell the slices apart.

Where there is nothing, it is said what people can do about it: what is sliced by may be spelled otherwise than where it comes from.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serin_operator.api.kinds.reading import Shares
from serin_operator.api.spec import AnyMetric
from serin_operator.decide.analysis import NoData, QueryFailed, Sample
from serin_operator.decide.looks import Look, slice_key
from serin_operator.observe.counts import counted
from serin_operator.observe.pairs import Asked
from serin_operator.observe.prometheus_client import Series
from serin_operator.observe.samples import before_of, sample_of

OTHER: Final = "(other)"
MISSING: Final = "(missing)"


@dataclass(frozen=True)
class Sliced:
    """What is read of a metric's slices.

    Args:
        reading: One counter with all of them.
        by: What is sliced by.
        keys: The names under which its slices are judged, by how pods spell them.
    """

    reading: Shares
    by: str
    keys: Mapping[str, str]

    @classmethod
    def of(cls, metric: AnyMetric) -> "Sliced | None":
        """Of a metric that has slices which pods count."""
        if metric.slices is None or metric.asked is None:
            return None
        kind, said = metric.asked
        if kind.slices is None:
            return None
        keys = (slice_key(metric.name, name) for name in metric.slice_names)
        spelled = dict(zip(metric.slices.names, keys, strict=True))
        return cls(kind.slices(said, metric.slices.by), metric.slices.by, spelled)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The counter that it needs."""
        return ((self.reading.counters[0], self.reading.age),)

    def samples(self, series: Sequence[Series], look: Look) -> dict[str, Sample]:
        """A sample a slice, by the name under which it is judged."""
        found = {name: sample_of(self.reading, [list(self._only(series, name))], look) for name in self.keys}
        empty = [name for name, one in found.items() if isinstance(one, NoData)]
        why = self._why(series, look) if len(empty) == len(found) else None
        return {
            self.keys[name]: NoData(why or f"none of its {self.reading.noun} came in this look")
            if name in empty
            else one
            for name, one in found.items()
        }

    def before(self, series: Sequence[Series], look: Look) -> dict[str, Sample]:
        """Stable's alone, before the canary had traffic."""
        return {key: before_of(self.reading, [list(self._only(series, name))], look) for name, key in self.keys.items()}

    def _only(self, series: Sequence[Series], name: str) -> Iterator[Series]:
        """The series of one slice, and what is told of processes."""
        label = self.reading.counters[0].slices_by
        return (one for one in series if one.labels.get(label, name) == name)

    def _why(self, series: Sequence[Series], look: Look) -> str | None:
        """Why no slice has any label, though there are some; None where it cannot be known."""
        came = {name: self._labels(series, name, look) for name in (*self.keys, OTHER, MISSING)}
        if any(came[name] for name in self.keys):
            return None
        noun = self.reading.noun
        if came[OTHER]:
            return f"{came[OTHER]:,} {noun} of this look belong to none of the slices by {self.by}: list the values that there are"
        if came[MISSING]:
            return (
                f"{came[MISSING]:,} {noun} of this look came without {self.by}: it is no input of the model (or"
                " spec.serving.feedback.signing is not set, without which inputs are not told), and no row of feedback brings it; send"
                f" attributes: {{{self.by}: …}} with each, or slice by what there is"
            )
        return f"no {noun} by {self.by}: pods that are older than these slices count none, those of the next version do"

    def _labels(self, series: Sequence[Series], name: str, look: Look) -> int:
        counts = counted(self.reading.counters[0], self.reading.age, list(self._only(series, name)), look.start)
        return 0 if isinstance(counts, NoData | QueryFailed) else round(sum(counts.values()))
