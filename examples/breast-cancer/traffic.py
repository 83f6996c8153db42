"""Steady traffic with true answers that come back late: the other half of the breast-cancer example.

Some workers, each with one keep-alive connection, ask the model about patients it has never seen, drawn at random. A few seconds after each
prediction the laboratory's answer arrives and is posted to `/feedback`, together with the revision that predicted. One
JSON line a second tells the totals so far.

A request is *lost* when it ends in a transport error or in anything but 2xx. Nothing is ever sent twice: a lost request stays lost,
so that the count says what a client without retries would have seen.

Runs in any pod with Python; everything comes by environment (see `Settings`).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import select
import signal
import sys
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LOST_REQUESTS_TOLD = 20  # how many lost requests are described one by one
TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where to send what, how fast."""

    url: str
    """The client Service, without a path."""
    model: str
    """Name of the ModelDeployment."""
    patients: Path
    """`{"features": [[...], ...], "labels": [...]}`."""
    requests_per_second: float
    workers: int
    """Connections, and requests in flight at the most."""
    label_delay_seconds: tuple[float, float]
    """The true answer arrives this much later, uniformly between the two."""

    @classmethod
    def from_environment(cls) -> Settings:
        """Read TARGET_URL, MODEL_NAME, PATIENTS_FILE, REQUESTS_PER_SECOND, WORKERS, LABEL_DELAY_SECONDS ("2-5")."""
        earliest, _, latest = os.environ.get("LABEL_DELAY_SECONDS", "2-5").partition("-")
        return cls(
            url=os.environ["TARGET_URL"].rstrip("/"),
            model=os.environ["MODEL_NAME"],
            patients=Path(os.environ.get("PATIENTS_FILE", "/etc/traffic/patients.json")),
            requests_per_second=float(os.environ.get("REQUESTS_PER_SECOND", "60")),
            workers=int(os.environ.get("WORKERS", "12")),
            label_delay_seconds=(float(earliest), float(latest or earliest)),
        )


@dataclass(kw_only=True)
class Tally:
    """What happened since the start."""

    sent: int = 0
    lost: int = 0
    labels: int = 0
    labels_refused: int = 0
    feedback_failed: int = 0
    by_version: dict[str, Counter[str]] = field(default_factory=dict)
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=500))
    answered_at: float = field(default_factory=time.monotonic)
    gap_seconds: float = 0.0
    """The longest that no client heard anything, of gaps that ended since the last line."""

    def hear(self) -> None:
        """An answer has come."""
        now = time.monotonic()
        self.gap_seconds = max(self.gap_seconds, now - self.answered_at)
        self.answered_at = now

    def line(self) -> dict[str, Any]:
        """The totals as one JSON object."""
        ordered = sorted(self.latencies_ms)
        return {
            "time": round(time.time(), 3),
            "sent": self.sent,
            "lost": self.lost,
            "labels": self.labels,
            "labels_refused": self.labels_refused,
            "feedback_failed": self.feedback_failed,
            "p50_ms": round(ordered[len(ordered) // 2], 1) if ordered else None,
            "gap_ms": round(self.gap_seconds * 1000, 1),
            "by_version": {version: dict(counts) for version, counts in sorted(self.by_version.items())},
        }


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A prediction whose true answer is on its way."""

    due: float
    row: dict[str, Any]
    """What `/feedback` wants to hear about it."""
    version: str
    is_correct: bool


def say(line: dict[str, Any]) -> None:
    """Print one JSON line, at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class NotAnswered(Exception):
    """A request that was not answered with 2xx, and what came instead."""


class Client:
    """One keep-alive connection to the Service; a new one when the server has ended the last."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)

    async def post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """The JSON of the answer. Raises `NotAnswered`."""
        return await asyncio.to_thread(self._post, path, json.dumps(content))

    def _post(self, path: str, body: str) -> dict[str, Any]:
        socket = self._connection.sock
        if socket is not None and select.select([socket], [], [], 0)[0]:  # between requests that can only be its end
            self._connection.close()
        try:
            self._connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NotAnswered(f"{type(error).__name__}: {error}") from error
        if not 200 <= answer.status < 300:
            raise NotAnswered(f"{answer.status} {answer.reason} {content[:300].decode(errors='replace')}")
        found: dict[str, Any] = json.loads(content)
        return found


class Traffic:
    """The workers, the laboratory and the reporter, sharing one tally."""

    def __init__(self, settings: Settings, patients: dict[str, Any], draw: random.Random) -> None:
        self.settings = settings
        self.features: list[list[float]] = patients["features"]
        self.labels: list[int] = patients["labels"]
        self.draw = draw
        self.tally = Tally()
        self.answered: list[Answered] = []
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Send until told to stop; then report once more."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.set_default_executor(ThreadPoolExecutor(self.settings.workers + 1))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.settings.workers):
                tasks.create_task(self.work())
            tasks.create_task(self.laboratory())
            tasks.create_task(self.report())
        say({**self.tally.line(), "final": True})

    async def rest(self, seconds: float) -> None:
        """Sleep, but wake up to stop."""
        try:
            await asyncio.wait_for(self.stopping.wait(), max(seconds, 0.001))
        except TimeoutError:
            return

    async def work(self) -> None:
        """One client: a request, a pause of random length, the next, on a connection that the server may end."""
        mean_pause = self.settings.workers / self.settings.requests_per_second
        client = Client(self.settings.url)
        due = time.monotonic() + self.draw.uniform(0, mean_pause)
        while not self.stopping.is_set():
            await self.rest(due - time.monotonic())
            await self.ask(client, self.draw.randrange(len(self.labels)))
            due = max(due + self.draw.uniform(0.5, 1.5) * mean_pause, time.monotonic() - 1)

    async def ask(self, client: Client, patient: int) -> None:
        """One request about one patient."""
        body = {
            "inputs": [
                {
                    "name": "features",
                    "datatype": "FP32",
                    "shape": [1, len(self.features[patient])],
                    "data": self.features[patient],
                }
            ]
        }
        started = time.monotonic()
        self.tally.sent += 1
        try:
            prediction = await client.post(f"/v2/models/{self.settings.model}/infer", body)
        except NotAnswered as error:
            self.lose(error)
            return
        self.tally.hear()
        self.tally.latencies_ms.append((time.monotonic() - started) * 1000)
        self.expect_answer(prediction, self.labels[patient])

    def lose(self, error: NotAnswered) -> None:
        """Count a lost request, and describe the first ones."""
        self.tally.lost += 1
        if self.tally.lost <= LOST_REQUESTS_TOLD:
            say({"time": round(time.time(), 3), "lost_request": str(error)})

    def expect_answer(self, prediction: dict[str, Any], label: int) -> None:
        """Remember what was predicted until its true answer arrives."""
        predicted = next(o["data"][0] for o in prediction["outputs"] if o["name"] == "label")
        version = prediction["parameters"]["serin_version"]
        self.count(version, "sent")
        self.answered.append(
            Answered(
                due=time.monotonic() + self.draw.uniform(*self.settings.label_delay_seconds),
                row={
                    "model_version": prediction["model_version"],
                    "predicted_at": prediction["parameters"]["predicted_at"],
                    "prediction": predicted,
                    "label": label,
                },
                version=version,
                is_correct=predicted == label,
            )
        )

    def count(self, version: str, what: str, by: int = 1) -> None:
        """Add to one version's counts."""
        self.tally.by_version.setdefault(version, Counter())[what] += by

    async def laboratory(self) -> None:
        """Twice a second, post the true answers that have arrived."""
        client = Client(self.settings.url)
        while not self.stopping.is_set():
            await self.rest(0.5)
            now = time.monotonic()
            due = [answer for answer in self.answered if answer.due <= now]
            self.answered = [answer for answer in self.answered if answer.due > now]
            if due:
                await self.post_answers(client, due)

    async def post_answers(self, client: Client, due: list[Answered]) -> None:
        """One feedback request for many rows, to whichever pod the Service picks."""
        try:
            heard = await client.post(
                f"/v2/models/{self.settings.model}/feedback", {"rows": [answer.row for answer in due]}
            )
        except NotAnswered as error:
            self.tally.feedback_failed += len(due)
            if self.tally.feedback_failed <= LOST_REQUESTS_TOLD * len(due):
                say({"time": round(time.time(), 3), "feedback_failed": str(error)})
            return
        self.tally.labels += heard["accepted"]
        self.tally.labels_refused += len(heard["rejected"])
        for answer in due:
            self.count(answer.version, "labels")
            self.count(answer.version, "correct", int(answer.is_correct))

    async def report(self) -> None:
        """The totals, once a second."""
        while not self.stopping.is_set():
            await self.rest(1)
            say(self.tally.line())
            self.tally.gap_seconds = 0.0


def main() -> None:
    """Run until SIGTERM."""
    settings = Settings.from_environment()
    patients = json.loads(settings.patients.read_text())
    asyncio.run(Traffic(settings, patients, random.Random()).run())


if __name__ == "__main__":
    main()
