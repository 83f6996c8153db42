"""What a version makes of requests, and what it hears of another that is asked the same."""

from functools import cache

import numpy as np
from benchmarks.analysis.chain.traffic import Requests, Traffic, Version

from serin_server.pairing.heard import Failed, Heard, Predicted, Trouble

STABLE, CANARY = "stable", "canary"


class Made:
    """What one version makes, or would make, of some requests: lists of what is read one by one, and arrays."""

    def __init__(self, rng: np.random.Generator, requests: Requests, traffic: Traffic, version: Version) -> None:
        self.failed = rng.random(len(requests)) < version.fails
        self.fails = self.failed.tolist()
        self.moments = requests.moments.tolist()
        self.clients = [_client(one) for one in requests.clients.tolist()]
        self.seconds = requests.seconds(version).tolist()
        self.predicted = requests.predicted(version, is_regression=traffic.is_regression).tolist()
        self.labels = (requests.labels if traffic.is_regression else requests.labels.astype(int)).tolist()
        self.labelled_at = requests.labelled_at.tolist()
        self.regions = requests.regions.tolist()
        self.scores = requests.scored(rng, version).tolist() if traffic.has_labels else []
        self.outputs = requests.outputs(version)
        self.cpu = requests.cpu(rng, version)
        self.accepted = (rng.random(len(requests)) < version.accepted).tolist() if traffic.offers else []
        self.questions: dict[int, Heard] = {}
        """What the control said, by request."""


def heard_from(control: Made, number: int, *, is_late: bool) -> Heard:
    """What the control answers to one of the requests."""
    if is_late:
        return Trouble.LATE
    return Failed(STABLE) if control.fails[number] else Predicted(STABLE, [control.predicted[number]])


@cache
def _client(number: int) -> bytes:
    return f"10.0.0.{number}".encode()
