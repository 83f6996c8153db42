"""How much counts scatter because requests come from clients, measured by client: also with one pod, before the canary's first look.

Where connections are dealt to versions instead of requests, a client's requests go one way together. With nᵢ answers of
client i in one stretch of time (about as long as its connections), bᵢ of them bad, and p the rate of all, the cluster-robust
variance over that of independent answers is the design effect

    φ = Σ(bᵢ − p·nᵢ)² / (p(1−p)·Σnᵢ) = (Σbᵢ² − 2p·Σnᵢbᵢ + p²·Σnᵢ²) / (p(1−p)·Σnᵢ)

(Kish 1965; Liang and Zeger 1986), so six sums are enough, whoever keeps them. One of twenty clients that sends only
nonsense is seen for what it is: a single vote.
"""

import math
from dataclasses import dataclass, fields
from typing import Final, Self

from serin_operator.decide.analysis.errors import require_count

FEW: Final = 10
"""With fewer clients a split by connection cannot be judged well, whatever is measured: a gateway, or pairs, can."""
_WORTH_OF_DEFAULT: Final = 10  # clients that the default counts for


@dataclass(frozen=True, slots=True)
class Clients:
    """Sums over stable's clients and stretches of time. Whole numbers; sums of several stretches and pods add up."""

    clients: int = 0
    """Clients, each once for every stretch in which it asked."""
    stretches: int = 0
    total: int = 0
    bad: int = 0
    total_squared: int = 0
    bad_squared: int = 0
    total_bad: int = 0

    def __post_init__(self) -> None:
        for one in fields(self):
            require_count(f"clients.{one.name}", getattr(self, one.name))

    def __add__(self, other: Self) -> "Clients":
        return Clients(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def at_once(self) -> float:
        """Clients in one stretch, as if all were of one size: (Σn)²/Σn², a share at a time."""
        return self.total**2 / self.total_squared / max(1, self.stretches) if self.total_squared else 0.0

    @property
    def together(self) -> float:
        """Events of one client in one stretch, as one of them meets them: Σn²/Σn. No design effect is larger."""
        return max(1.0, self.total_squared / self.total) if self.total else 1.0

    def design_effect(self, default: float) -> float:
        """φ, never below 1 nor above what it would be if a client's answers were all alike.

        The default counts for ten clients, and one standard error of a variance over so many clients is added. Where nothing bad, or
        nothing good, was seen, nobody knows how alike a client's answers are: then the default stands.
        """
        if not self.total:
            return max(1.0, default)
        alike = self.total_squared / self.total
        if self.bad in (0, self.total):
            return max(1.0, min(default, alike))
        rate = self.bad / self.total
        squares = self.bad_squared - 2 * rate * self.total_bad + rate**2 * self.total_squared
        measured = squares / (rate * (1 - rate) * self.total)
        worth = self.clients + _WORTH_OF_DEFAULT
        seen = (measured * self.clients + default * _WORTH_OF_DEFAULT) / worth
        return max(1.0, min(alike, seen * (1 + math.sqrt(2 / worth))) if alike > measured else measured)
