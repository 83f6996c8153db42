"""Times as status holds them: RFC 3339 in UTC."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """To the second, as Kubernetes writes times for people."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(moment: datetime) -> str:
    """To the microsecond, for what is computed with later."""
    return moment.astimezone(UTC).isoformat()


def parse(text: str) -> datetime:
    """Inverse of both."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
