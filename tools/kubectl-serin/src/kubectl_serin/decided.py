"""The last decision in a person's words: what was decided, what its numbers mean, and what its reason means."""

from kubectl_serin.evidence import number
from kubectl_serin.reading import Entry, Model


def decided_last(model: Model) -> Entry:
    """The newest entry; where that only came back since a guard failed, the version whose guard it was."""
    newest = model.ledger[0]
    failed = (each for each in model.ledger[1:] if each.reason == "GuardFailed" and each.outcome == "RolledBack")
    is_back = newest.outcome == "Promoted" and newest.promoted is not None
    return next((each for each in failed if is_back and each.ended == newest.promoted), newest)


def headline(entry: Entry, *, is_under_way: bool) -> str:
    """What became of a version, in a few words."""
    said = {
        "Promoted": "was promoted",
        "RolledBack": "was rolled back",
        "FailedPreflight": "was refused before it got a pod",
        "Superseded": "was overtaken by another version",
        "Aborted": "was ended by a person",
    }
    if entry.reason == "GuardFailed" and entry.outcome == "Promoted":
        return f"{entry.version} was promoted, and its guard has failed since"
    return f"{entry.version} {'is being rolled out' if is_under_way else said.get(entry.outcome, entry.outcome)}"


def explained(evidence: float, needed: float) -> str:
    """What an e-value says."""
    return (
        f"The numbers are {number(evidence)} times likelier if it is worse than the margin allows than if it is not;"
        f" {number(needed)} times decides."
    )


def meaning_of(reason: str) -> str | None:
    """What a reason means wherever it stands; None for one that this release does not know."""
    from serin_operator.api.reasons import Reason

    known = Reason.of(reason)
    return known.explanation if known else None
