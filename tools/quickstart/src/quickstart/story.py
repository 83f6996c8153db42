"""The five acts: v1 is served, v2 is promoted, v3 is rolled back, v4 and v5 are refused."""

from __future__ import annotations

import json
import queue
import re
import time
from dataclasses import dataclass, field
from typing import Any

from quickstart.commands import Kubectl
from quickstart.example import NAME, NAMESPACE, Example, disagreements
from quickstart.picture import Picture, changes, picture
from quickstart.screen import Screen
from quickstart.streams import Follower

PATIENTS_CHECKED = 5
OUTCOMES = {"v2": "Promoted", "v3": "RolledBack", "v4": "FailedPreflight", "v5": "FailedPreflight"}
REASONS = {
    "v3": ("AnalysisFailed", "its accuracy"),
    "v4": ("ModelInvalid", "its broken file"),
    "v5": ("GoldenSampleFailed", "its golden samples"),
}
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


class Disappointed(Exception):
    """The story did not go as it should; the message says what was seen instead."""


@dataclass(kw_only=True)
class Seen:
    """The newest of everything, as the followers hand it over."""

    picture: Picture | None = None
    tally: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    with_pods: set[str] = field(default_factory=set)
    """Versions that got as far as pods."""

    def labels(self, version: str) -> int:
        """True answers that have come back for one version."""
        return int(self.tally.get("by_version", {}).get(version, {}).get("labels", 0))

    def requests(self, version: str) -> int:
        """Requests that one version answered."""
        return int(self.tally.get("by_version", {}).get(version, {}).get("sent", 0))

    def line(self) -> str:
        """The live line."""
        parts = [f"{self.tally.get('sent', 0):,} requests, {self.tally.get('lost', 0)} lost"] if self.tally else []
        for version, counts in self.tally.get("by_version", {}).items():
            if counts.get("labels"):
                parts.append(f"{version} {counts['correct'] / counts['labels']:.1%} right of {counts['labels']:,}")
        if self.picture is not None and self.picture.canary:
            parts += [f"{metric.name}: {metric.verdict}" for metric in self.picture.metrics]
        return " · ".join(parts)


@dataclass(kw_only=True)
class Caught:
    """How the bad version ended."""

    seconds: float
    """From its first traffic to the rollback in status."""
    labels: int
    """Its true answers that had come back by then."""
    evidence: str


class Story:
    """Tells and checks the five acts against one cluster."""

    def __init__(self, kubectl: Kubectl, example: Example, screen: Screen) -> None:
        self.kubectl = kubectl
        self.example = example
        self.screen = screen
        self.seen = Seen()
        self._news: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    def follow_status(self) -> Follower:
        """Hear of every change of the ModelDeployment."""
        watch = self.kubectl.command("get", f"mdep/{NAME}", "--watch", "-o", "json")
        return Follower(watch, lambda found: self._news.put(("status", found)))

    def follow_traffic(self) -> Follower:
        """Hear the clients' totals once a second."""
        logs = self.kubectl.command("logs", "--follow", "--tail=1", "deploy/traffic")
        return Follower(logs, lambda found: self._news.put(("traffic", found)))

    def apply(self, version: str) -> None:
        """Apply the manifest of one version, as a person would."""
        manifest = self.example.manifest(version)
        self.screen.command(f"kubectl -n {NAMESPACE} apply -f {manifest}", self.kubectl("apply", "-f", str(manifest)))

    def wait(self, version: str, until: str, timeout: float) -> None:
        """Watch, and tell, until the version serves (`Promoted`) or has ended as `until` says."""
        deadline = time.monotonic() + timeout
        with self.screen.live() as live:
            while not self._is_reached(version, until):
                if time.monotonic() > deadline or self._has_ended_otherwise(version, until):
                    raise Disappointed(self._what_is_seen(version, until))
                for text in self._take_news():
                    self.screen.happened(text)
                live.update(self.seen.line())

    def wait_for_traffic(self, labels: int, version: str, timeout: float = 60) -> None:
        """Wait until so many true answers have come back."""
        deadline = time.monotonic() + timeout
        with self.screen.live() as live:
            while self.seen.labels(version) < labels:
                if time.monotonic() > deadline:
                    raise Disappointed(f"only {self.seen.labels(version)} labels for {version} after {timeout:.0f} s")
                self._take_news()
                live.update(self.seen.line())

    def show(self) -> None:
        """`kubectl get mdep`, and the ledger."""
        self.screen.command(f"kubectl -n {NAMESPACE} get mdep", self.kubectl("get", "mdep"))
        now = picture(self.kubectl.get(f"mdep/{NAME}") or {})
        self.screen.say("  the ledger (status.versions):")
        self.screen.table(
            ["VERSION", "OUTCOME", "REASON", "SHA256"],
            [[v.version, v.outcome, v.reason, v.sha256[:12] or "none"] for v in now.versions],
        )

    def show_checks(self, version: str) -> None:
        """What the preflight of a version looked at, and found."""
        entry = picture(self.kubectl.get(f"mdep/{NAME}") or {}).ledger(version)
        self.screen.say(f"  what {version} had to show before its first pod (status.versions[].preflight):")
        rows = [[row.name, row.verdict, _DIGEST.sub(r"\1…", row.message)] for row in (entry.preflight if entry else ())]
        self.screen.table(["CHECK", "VERDICT", ""], rows)

    def check_prediction(self, version: str) -> None:
        """Ask the model through its Service about patients it has not seen; scikit-learn has to agree."""
        ask = ["exec", "deploy/traffic", "--", "python", "/etc/traffic/predict.py", str(PATIENTS_CHECKED)]
        prediction = json.loads(self.kubectl(*ask))
        labels = next(output["data"] for output in prediction["outputs"] if output["name"] == "label")
        self.screen.command(
            f"kubectl -n {NAMESPACE} {' '.join(ask)}", f"labels {labels}, revision {prediction['model_version']}"
        )
        expected = self.example.models[version].expected or {}
        if differences := disagreements(prediction, expected):
            raise Disappointed(f"the served {version} disagrees with scikit-learn: " + "; ".join(differences))
        self.screen.happened("scikit-learn's own predictions and probabilities for these patients are the same")

    def catch(self, version: str, timeout: float) -> Caught:
        """Watch a bad version until it is rolled back, and measure."""
        first_traffic: float | None = None
        deadline = time.monotonic() + timeout
        with self.screen.live() as live:
            while not self._is_reached(version, "RolledBack"):
                if time.monotonic() > deadline or self._has_ended_otherwise(version, "RolledBack"):
                    raise Disappointed(self._what_is_seen(version, "RolledBack"))
                for text in self._take_news():
                    self.screen.happened(text)
                now = self.seen.picture
                if first_traffic is None and now and now.canary == version and now.weight:
                    first_traffic = time.monotonic()
                live.update(self.seen.line())
        entry = self.seen.picture.ledger(version) if self.seen.picture else None
        return Caught(
            seconds=time.monotonic() - (first_traffic or time.monotonic()),
            labels=self.seen.labels(version),
            evidence=entry.message if entry else "",
        )

    def wait_for_final_tally(self) -> dict[str, Any]:
        """The clients' totals after the last act."""
        before = self.seen.tally.get("time", 0)
        deadline = time.monotonic() + 15
        while self.seen.tally.get("time", 0) <= before + 1 and time.monotonic() < deadline:
            self._take_news()
        if not self.seen.tally:
            raise Disappointed("the clients said nothing: kubectl -n serin-quickstart logs deploy/traffic")
        return self.seen.tally

    def check_promises(self) -> None:
        """What the story promised, held against what was seen."""
        now = self.seen.picture
        broken = [f"a request was lost: {lost}" for lost in self.seen.lost]
        if self.seen.tally["lost"] and not broken:
            broken.append(f"{self.seen.tally['lost']} requests were lost")
        if now is None or now.stable != "v2":
            broken.append(f"{now.stable if now else 'nothing'} serves instead of v2")
        for version, outcome in OUTCOMES.items():
            entry = now.ledger(version) if now else None
            if entry is None or entry.outcome != outcome:
                broken.append(f"{version} is {entry.outcome if entry else 'not in the ledger'} instead of {outcome}")
            elif version in REASONS and entry.reason != REASONS[version][0]:
                broken.append(f"{version} is {outcome} for {entry.reason}, not for {REASONS[version][1]}")
            if outcome == "FailedPreflight" and (version in self.seen.with_pods or self.seen.requests(version)):
                broken.append(f"{version} got pods, and {self.seen.requests(version)} requests")
        if now and (entry := now.ledger("v2")) and not entry.signer:
            broken.append("v2 serves, and nobody's signature stands in the ledger")
        if broken:
            raise Disappointed("Not as promised:\n" + "\n".join(f"  {each}" for each in broken))

    def _is_reached(self, version: str, until: str) -> bool:
        now = self.seen.picture
        if now is None or now.wanted != version:
            return False
        return now.is_serving_what_is_wanted if until == "Promoted" else now.has_ended(version, until)

    def _has_ended_otherwise(self, version: str, until: str) -> bool:
        now = self.seen.picture
        entry = now.ledger(version) if now and now.wanted == version and now.is_observed else None
        return entry is not None and entry.outcome not in {"InProgress", until}

    def _take_news(self) -> list[str]:
        """Wait for news for half a second at most, take all there are, and return what is worth telling."""
        told: list[str] = []
        wait = 0.5
        while True:
            try:
                kind, found = self._news.get(timeout=wait)
            except queue.Empty:
                return told
            wait = 0.001
            if kind == "status":
                after = picture(found)
                told += changes(self.seen.picture, after)
                self.seen.picture = after
                if after.canary and after.phase != "Resolving":
                    self.seen.with_pods.add(after.canary)
            elif "sent" in found:
                self.seen.tally = found
            elif "lost_request" in found:
                self.seen.lost.append(found["lost_request"])
                told.append(f"a request was lost: {found['lost_request']}")

    def _what_is_seen(self, version: str, until: str) -> str:
        now = self.seen.picture
        if now is None or not now.conditions:
            return f"{NAME} has no status; is the operator running? kubectl -n serin-system get pods"
        conditions = "\n".join(
            f"  {kind}={status} {reason}: {message}" for kind, status, reason, message in now.conditions
        )
        return f"{version} was not {until}. What status says:\n{conditions}"
