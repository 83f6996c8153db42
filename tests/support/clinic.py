"""A clinic that never closes: clients on this machine ask a model about real patients, and a laboratory tells later what was true.

Unlike the example's generator it is in the test's hands: which patients come, whether and when labels come back, and what each
version has answered. Every answer is signed, and labels go back with its token.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.serin import Space

WORKERS = 8
REQUESTS_A_CONNECTION = 10
"""Connections are spread over pods, not requests: short ones let weights be met closely."""


@dataclass(frozen=True)
class Patients:
    """`features[i]` are a patient's thirty numbers, `labels[i]` says what was true."""

    features: Sequence[Sequence[float]]
    labels: Sequence[int]


@dataclass
class Clinic:
    """Asks `rate` times a second; a label comes `label_seconds` after its prediction, or never (None)."""

    address: str
    model: str
    patients: Patients
    rate: float
    label_seconds: tuple[float, float] | None = (1, 2)
    draw: Callable[[random.Random], int] | None = None
    """Which patient comes next; each alike unless told. May be exchanged while it runs."""
    asked: Counter[str] = field(default_factory=Counter)
    labelled: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    first_answer: dict[str, float] = field(default_factory=dict)
    """By version, by the clock of `time.monotonic`."""
    lost: list[str] = field(default_factory=list)
    _due: deque[tuple[float, str, bool, dict[str, object]]] = field(default_factory=deque)
    _over: threading.Event = field(default_factory=threading.Event)

    def accuracy(self, version: str) -> float:
        """Share of its labelled answers that were right."""
        return self.right[version] / max(self.labelled[version], 1)

    def ask(self) -> None:
        """One client, until it is over."""
        chance, pause = random.Random(), WORKERS / self.rate
        due, used = time.monotonic() + chance.uniform(0, pause), 0
        connection = self._connection()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due = max(due + chance.uniform(0.5, 1.5) * pause, time.monotonic() - 1)
            used += 1
            if used % REQUESTS_A_CONNECTION == 0:
                connection.close()
            patient = self.draw(chance) if self.draw else chance.randrange(len(self.patients.labels))
            answer = self._post(connection, "infer", {"inputs": [self._tensor(patient)]})
            if answer is not None:
                self._hear(answer, self.patients.labels[patient], chance)
        connection.close()

    def tell(self) -> None:
        """The laboratory: a few times a second it sends what has become known."""
        connection = self._connection()
        while not self._over.wait(0.3):
            known = []
            while self._due and self._due[0][0] <= time.monotonic():
                known.append(self._due.popleft())
            if known and self._post(connection, "feedback", {"rows": [row for *_, row in known]}) is not None:
                for _, version, is_right, _ in known:
                    self.labelled[version] += 1
                    self.right[version] += is_right
        connection.close()

    def end(self) -> None:
        """Everybody goes home."""
        self._over.set()

    def _hear(self, answer: dict[str, object], label: int, chance: random.Random) -> None:
        parameters = answer["parameters"]
        assert isinstance(parameters, dict)
        version = str(parameters["serin_version"])
        self.first_answer.setdefault(version, time.monotonic())
        self.asked[version] += 1
        if self.label_seconds is not None:
            outputs = answer["outputs"]
            assert isinstance(outputs, list)
            predicted = next(each["data"][0] for each in outputs if each["name"] == "label")
            at = time.monotonic() + chance.uniform(*self.label_seconds)
            row = {"token": parameters["feedback_token"], "label": label}
            self._due.append((at, version, predicted == label, row))

    def _tensor(self, patient: int) -> dict[str, object]:
        data = self.patients.features[patient]
        return {"name": "features", "datatype": "FP32", "shape": [1, len(data)], "data": data}

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, timeout=10)

    def _post(self, connection: http.client.HTTPConnection, what: str, body: object) -> dict[str, object] | None:
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"/v2/models/{self.model}/{what}", json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.lost.append(f"{what}: {type(error).__name__}: {error}")
            return None
        if answer.status != 200:
            self.lost.append(f"{what}: {answer.status} {content[:200].decode(errors='replace')}")
            return None
        return json.loads(content)  # type: ignore[no-any-return]


@contextmanager
def opened(space: Space, patients: Patients, rate: float, **settings: object) -> Iterator[Clinic]:
    """A clinic in front of the model of `space`, by the address of its Service."""
    address = space.kubectl("get", "service", space.name, "-o", "jsonpath={.spec.clusterIP}")
    clinic = Clinic(address, space.name, patients, rate, **settings)  # type: ignore[arg-type]
    everybody = [threading.Thread(target=clinic.ask, daemon=True) for _ in range(WORKERS)]
    everybody.append(threading.Thread(target=clinic.tell, daemon=True))
    for each in everybody:
        each.start()
    try:
        yield clinic
    finally:
        clinic.end()
        for each in everybody:
            each.join(15)
