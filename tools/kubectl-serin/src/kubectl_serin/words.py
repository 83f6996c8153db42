"""How things are said: times, digests, bars; and text of a cluster made harmless for a terminal."""

import unicodedata
from datetime import UTC, datetime

BAR_LENGTH = 10


def cleaned(text: object) -> str:
    """Text without what a terminal would obey: escape sequences, new lines, marks that turn the direction."""
    shown = "".join(" " if c in "\n\t" else c for c in str(text))
    return "".join(c for c in shown if unicodedata.category(c) not in {"Cc", "Cf"})


def bar(share: float) -> str:
    """A share from 0 to 1 as ten boxes; only what is whole counts."""
    full = max(0, min(BAR_LENGTH, int(share * BAR_LENGTH)))
    return "█" * full + "░" * (BAR_LENGTH - full)


def seconds(count: float) -> str:
    """As people say it: 40 s, 5 min, 1 h 20 min, 3 d 4 h."""
    whole = max(0, round(count))
    for size, name, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def at(moment: datetime | None, now: datetime) -> str:
    """A time in UTC; with its day, if that is not today."""
    if moment is None:
        return "-"
    there = moment.astimezone(UTC)
    return there.strftime("%H:%M:%S" if there.date() == now.astimezone(UTC).date() else "%Y-%m-%d %H:%M")


def digest(sha256: str | None) -> str:
    """The beginning of a digest."""
    return f"sha256:{cleaned(sha256)[:12]}" if sha256 else "digest not known"


def pods(ready: int | None, replicas: int | None) -> str:
    """How many are ready; a size that is not told is not made up."""
    if ready is None and replicas is None:
        return "pods not told"
    return f"{ready or 0}/{'?' if replicas is None else replicas} pods"


def percent(weight: int | None) -> str:
    """Share of the traffic."""
    return "" if weight is None else f"{weight} %"
