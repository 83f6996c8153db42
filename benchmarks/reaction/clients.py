"""Clients that ask without a pause, and what each was told, when."""

import http.client
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

LOST = 0
"""Instead of a status code: the connection broke, or nobody answered in time."""


@dataclass(frozen=True)
class Answer:
    """One request, by the clock of `time.monotonic`."""

    sent: float
    answered: float
    code: int


@dataclass(frozen=True)
class Client:
    """Where requests go, and whether each has a connection of its own."""

    address: str
    host: str
    path: str
    body: str
    keeps_connections: bool

    def ask(self, over, answers, pause):
        """Request after request, until it is over. Appends to `answers`."""
        connection = None
        while not over.wait(pause):
            connection = connection or http.client.HTTPConnection(self.address, timeout=10)
            sent = time.monotonic()
            code = self._code(connection)
            answers.append(Answer(sent, time.monotonic(), code))
            if code == LOST or not self.keeps_connections:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _code(self, connection):
        try:
            connection.request("POST", self.path, self.body, {"Host": self.host, "Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return LOST
        return answer.status


@contextmanager
def asking(client, workers=5, pause=0.01):
    """So many clients at once, each with a pause between an answer and its next request; the list that grows."""
    answers, over = [], threading.Event()
    threads = [threading.Thread(target=client.ask, args=(over, answers, pause)) for _ in range(workers)]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        for each in threads:
            each.join()
