"""One query for all counters of a look, at both of its ends, and which series of the answer belong to which counter.

``increase()`` extrapolates and invents fractions of events, so the counters themselves are read: the last sample at or
before each end. What belongs together is told by the label ``at``, which the query puts into each series.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from serin_operator.api.kinds.reading import Counter
from serin_operator.decide.looks import Look
from serin_operator.observe.prometheus_client import Series
from serin_operator.observe.soundness import ALIVE, BIRTH_TIME, BORN, ELSEWHERE, END, INTERVAL, PROCESS, START

_LONG_SECONDS, _LONG_SCRAPES = 300.0, 10
"""Over how much time, at least, it is found out how often a process is scraped; and a counter of somebody else that has no
sample at the start of a look is searched for."""
_OF_PROCESSES: Final = frozenset({BORN, ALIVE, INTERVAL, ELSEWHERE})


def labels_of(counter: Counter, age: str | None) -> tuple[str, ...]:
    """Labels of a server's counter that are kept: all that tell its series apart, for of two the larger would be taken for both."""
    return (*needed_of(counter, age), *counter.summed)


def needed_of(counter: Counter, age: str | None) -> tuple[str, ...]:
    """Those of them without which nothing can be counted."""
    return (counter.arm, PROCESS, *(one for one in (counter.told_by, age, counter.slices_by) if one))


def promql(
    counters: Sequence[tuple[Counter, str | None]], look: Look, start: datetime, end: datetime, scrape_seconds: float
) -> str:
    """The query for counters, each with the label of ages that it has; for servers' also when each process was born.

    ``max by`` drops whatever else a scrape adds, so a server scraped twice counts once. Of a counter of somebody else
    every label is kept, because nobody knows what tells its processes apart.
    """
    reach = (end - start).total_seconds() + scrape_seconds
    parts = []
    for number, (counter, age) in enumerate(counters):
        long = max(_LONG_SECONDS, 2 * scrape_seconds) if counter.is_foreign else 2 * scrape_seconds
        parts.append(_told(_last(counter, age, look, reach, end), f"{number} {END}"))
        if not counter.is_level:
            parts.append(_told(_last(counter, age, look, long, start), f"{number} {START}"))
    if all(counter.is_foreign for counter, _ in counters):
        return " or ".join(parts)
    births = f"{BIRTH_TIME}{{{_here(look)}}}"
    interval = _told(_interval(births, end, scrape_seconds), INTERVAL)
    return " or ".join(
        [
            *parts,
            _told(f"max by ({PROCESS}) (last_over_time({births}[{duration(reach)}] @ {_at(end)}))", BORN),
            _told(
                f"max by ({PROCESS}) (last_over_time({births}[{duration(2 * scrape_seconds)}] @ {_at(start)}))", ALIVE
            ),
            f'label_replace({interval}, "configured", "{scrape_seconds:g}", "", "")',
            *([_told(_elsewhere(look, reach, end), ELSEWHERE)] if look.namespace_label else []),
        ]
    )


def _last(counter: Counter, age: str | None, look: Look, window: float, moment: datetime) -> str:
    arms = f'{counter.arm}=~"{look.stable}|{look.canary}"'
    if counter.against:
        arms = f'{counter.arm}="{look.canary}",{counter.against}="{look.stable}"'
    where = [*([] if counter.is_foreign else [_here(look)]), *counter.where, arms]
    last = f"last_over_time({counter.series}{{{','.join(where)}}}[{duration(window)}] @ {_at(moment)})"
    return last if counter.is_foreign else f"max by ({', '.join(labels_of(counter, age))}) ({last})"


def _here(look: Look) -> str:
    """Series of the model, from pods of its namespace: the labels of a series are written by whoever exports it."""
    return _of_model(look) + (f',{look.namespace_label}=~"|{look.namespace}"' if look.namespace_label else "")


def _of_model(look: Look) -> str:
    return f'model_namespace="{look.namespace}",model_name="{look.name}"'


def _elsewhere(look: Look, reach: float, end: datetime) -> str:
    """Other namespaces from which series of this name come."""
    label = look.namespace_label
    births = f'{BIRTH_TIME}{{{_of_model(look)},{label}!~"|{look.namespace}"}}'
    return f"max by ({label}) (last_over_time({births}[{duration(reach)}] @ {_at(end)}))"


def _at(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _told(vector: str, at: str) -> str:
    return f'label_replace({vector}, "at", "{at}", "", "")'


def _interval(births: str, end: datetime, scrape_seconds: float) -> str:
    """Seconds between the scrapes of each process, where at least three of them tell."""
    window = max(_LONG_SECONDS, _LONG_SCRAPES * scrape_seconds)
    moments = f"timestamp({births})[{duration(window)}:{duration(scrape_seconds)}] @ {_at(end)}"
    between = f"(max_over_time({moments}) - min_over_time({moments})) / (changes({moments}) >= 2)"
    return f"max by ({PROCESS}) ({between})"


def duration(seconds: float) -> str:
    """As PromQL writes it: whole milliseconds."""
    return f"{round(seconds * 1000)}ms"


def answers(series: Sequence[Series], count: int) -> list[list[Series]]:
    """The series of each of ``count`` counters; what is told of processes belongs to all of them."""
    of_processes = [one for one in series if one.labels.get("at") in _OF_PROCESSES]
    found: list[list[Series]] = [[] for _ in range(count)]
    for one in series:
        number, _, at = one.labels.get("at", "").partition(" ")
        if at and number.isdigit() and int(number) < count:
            found[int(number)].append(Series({**one.labels, "at": at}, one.value, one.at))
    return [[*mine, *of_processes] for mine in found]
