"""What a notice holds when it is rendered: plain values, made harmless for whoever shows them."""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from serin_operator.api.notify import Occasion
from serin_operator.decide.memory.outbox import Letter, Notice
from serin_operator.decide.timestamps import stamp

LONGEST_MESSAGE: Final = 1024


@dataclass(frozen=True, slots=True)
class About:
    """Whose notices they are."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Telling:
    """One notice, as kinds of receivers render it."""

    id: str
    """The same whenever, and by whichever process, it is sent."""
    occasion: str
    cluster: str
    about: About
    version: str
    stable: str
    reason: str
    message: str
    at: datetime

    @property
    def what(self) -> str:
        """The occasion in words."""
        return WORDS.get(self.occasion, self.occasion)

    @property
    def where(self) -> str:
        """The namespace, and the cluster if it has a name."""
        return f"{self.about.namespace} on {self.cluster}" if self.cluster else self.about.namespace

    def fields(self) -> dict[str, str]:
        """What templates may name."""
        return {
            "cluster": self.cluster,
            "where": self.where,
            "namespace": self.about.namespace,
            "name": self.about.name,
            "version": self.version,
            "stable": self.stable,
            "occasion": self.occasion,
            "what": self.what,
            "reason": self.reason,
            "message": self.message,
            "time": stamp(self.at),
            "id": self.id,
        }


WORDS: Final[dict[str, str]] = {
    Occasion.STARTED: "rollout started",
    Occasion.STEP: "next step",
    Occasion.HELD: "waits for a person",
    Occasion.PROMOTED: "promoted",
    Occasion.ROLLED_BACK: "rolled back",
    Occasion.GUARD_FAILED: "worse than before",
    Occasion.PREFLIGHT_FAILED: "refused before any traffic",
    Occasion.ABORTED: "aborted",
    Occasion.SUPERSEDED: "superseded",
    Occasion.SOURCE_CHANGED: "the source of the model has changed",
    Occasion.RECOVERED: "goes on",
}


def telling_of(about: About, letter: Letter, notice: Notice, cluster: str) -> Telling:
    """The values of one notice; nothing in them breaks a line or turns the direction of writing."""
    return Telling(
        id=id_of(about, letter.key),
        occasion=notice.occasion,
        cluster=plain(cluster),
        about=about,
        version=plain(notice.version or ""),
        stable=plain(notice.stable or ""),
        reason=plain(notice.reason),
        message=plain(notice.message)[:LONGEST_MESSAGE],
        at=notice.at,
    )


def id_of(about: About, key: str) -> str:
    """The idempotency key: from whose it is and from the key in its status, which holds the moment of the decision.

    Not from the uid: an object that comes back from a back-up has another, and the same to tell.
    """
    return hashlib.blake2b(f"{about.namespace}\0{about.name}\0{key}".encode(), digest_size=16).hexdigest()


def plain(text: str) -> str:
    """One line without control characters and without those that reorder or hide what follows."""
    return " ".join("".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text).split())
