"""Merges the metrics of several processes of one server into one exposition."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from serin_server.metrics.instruments import number

_SPECIAL: Final[Mapping[str, Callable[[float, float], float]]] = {
    "serin_process_start_time_seconds": min,
    "serin_model_info": max,
    "serin_model_batching": max,
    "serin_baseline_feature_rows": max,
    "serin_baseline_prediction_rows": max,
}
"""Samples that are the same in every process; all others add up."""


def merged(expositions: Iterable[str]) -> str:
    """One exposition of several whose series have the same labels: counts and memory add up."""
    order: dict[str, list[str]] = {}
    heads: dict[str, list[str]] = {}
    values: dict[str, float] = {}
    name = ""
    for exposition in expositions:
        for line in filter(None, exposition.split("\n")):  # a label may hold other ends of lines
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                told = heads.setdefault(name, [])
                order.setdefault(name, [])
                if line not in told:
                    told.append(line)
                continue
            series, _, text = line.rpartition(" ")
            if series not in values:
                order[name].append(series)
                values[series] = float(text)
            else:
                values[series] = _SPECIAL.get(name, _sum)(values[series], float(text))
    lines = []
    for metric, series_of_metric in order.items():
        lines += heads[metric]
        lines += [f"{series} {number(values[series])}" for series in series_of_metric]
    return "\n".join(lines) + "\n"


def _sum(one: float, other: float) -> float:
    return one + other
