"""What each metric says, as status tells it: numbers are read out of its sentences, never computed anew."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from kubectl_serin.words import cleaned

_EVIDENCE = re.compile(r"evidence ([\d.,e+^-]+) of ([\d.,e+^-]+) needed")
_SAMPLES = re.compile(r"([\d,]+) of ([\d,]+) \w+ in this step")


@dataclass(frozen=True)
class Slice:
    """What a metric says of one slice of the traffic."""

    name: str
    verdict: str
    reason: str
    stable: str | None
    canary: str | None
    evidence_percent: int | None

    @property
    def words(self) -> str:
        """In one line, after its name and verdict."""
        counts = [f"{arm} {told}" for arm, told in (("canary", self.canary), ("stable", self.stable)) if told]
        percent = f"{self.evidence_percent} % of the evidence" if self.evidence_percent is not None else ""
        return ", ".join([*([percent] if percent else []), *(counts or ["no labels yet"])])


@dataclass(frozen=True)
class Metric:
    """One metric of the rollout under way."""

    name: str
    verdict: str
    reason: str
    message: str
    stable: str | None
    canary: str | None
    samples: int | None
    needed_samples: int | None
    evidence: float | None
    """How much speaks against the canary (or, of a proof, for it), as an e-value: 100 means 100 to 1."""
    needed: float | None
    """The e-value that decides."""
    slices: tuple[Slice, ...] = ()

    @property
    def share(self) -> float | None:
        """How far it is: of the evidence on its logarithm, else of the samples."""
        if self.evidence is not None and self.needed is not None and self.needed > 1:
            return log(max(self.evidence, 1.0)) / log(self.needed)
        if self.samples is not None and self.needed_samples:
            return self.samples / self.needed_samples
        return None

    @property
    def about(self) -> str:
        """What its bar shows."""
        if self.evidence is not None and self.needed is not None:
            side = "for it" if "margin is kept" in self.message else "against"
            return f"{number(self.evidence)} of {number(self.needed)} {side}"
        if self.needed_samples:
            return f"{self.samples or 0:,} of {self.needed_samples:,} samples"
        return "no data"


def metrics_of(canary: Mapping[str, Any]) -> tuple[Metric, ...]:
    """What ``status.canary.analysis`` says."""
    return tuple(_metric(one) for one in canary.get("analysis") or ())


def _metric(one: Mapping[str, Any]) -> Metric:
    message = cleaned(one.get("message") or "")
    evidence, needed = numbers_of(message)
    samples = _SAMPLES.search(message)
    return Metric(
        name=cleaned(one.get("metric", "?")),
        verdict=cleaned(one.get("verdict", "?")),
        reason=cleaned(one.get("reason", "?")),
        message=message,
        stable=cleaned(one["stable"]) if one.get("stable") else None,
        canary=cleaned(one["canary"]) if one.get("canary") else None,
        samples=int(samples[1].replace(",", "")) if samples else one.get("samples"),
        needed_samples=int(samples[2].replace(",", "")) if samples else None,
        evidence=evidence,
        needed=needed,
        slices=tuple(map(_slice, one.get("slices") or ())),
    )


def _slice(one: Mapping[str, Any]) -> Slice:
    name, verdict, reason = (cleaned(one.get(field, "?")) for field in ("slice", "verdict", "reason"))
    stable, canary = (cleaned(one[arm]) if one.get(arm) else None for arm in ("stable", "canary"))
    return Slice(name, verdict, reason, stable, canary, one.get("evidencePercent"))


def numbers_of(message: str) -> tuple[float | None, float | None]:
    """The evidence and what is needed, as a sentence of a verdict tells them."""
    found = _EVIDENCE.search(message)
    return (_number(found[1]), _number(found[2])) if found else (None, None)


def _number(text: str) -> float | None:
    plain = text.rstrip(".,").replace(",", "")
    try:
        if plain.startswith("10^"):
            return float(10.0 ** min(300.0, float(plain[3:])))
        return float(plain)
    except ValueError:
        return None


def number(value: float) -> str:
    """As the operator writes it."""
    if value > 1e6:
        return f"10^{log(value) / log(10):.0f}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
