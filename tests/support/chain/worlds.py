"""Traffic in which both versions are equal, and which has rolled back equal canaries before."""

from collections.abc import Sequence

import numpy as np
from tests.support.chain.rollout import Traffic
from tests.support.chain.servers import CANARY, STABLE, WINDOW_SECONDS, Server, Servers


def by_connection(
    rng: np.random.Generator, rates: Sequence[float], a_second: Sequence[float], *, of_labels: bool = False
) -> Traffic:
    """Clients with one connection each, dealt to any pod anew in every window; what fails is the client's doing."""
    window, pods = -1, np.zeros(len(rates), int)

    def second(servers: Servers, moment: float) -> None:
        nonlocal window, pods
        if int(moment // WINDOW_SECONDS) != window or len(servers.known) <= pods.max():
            window, pods = int(moment // WINDOW_SECONDS), rng.integers(len(servers.known), size=len(rates))
        totals = rng.poisson(a_second)
        for client, (total, bad) in enumerate(zip(totals.tolist(), rng.binomial(totals, rates).tolist(), strict=True)):
            if total:
                server = servers.known[pods[client]]
                (server_label if of_labels else server_answer)(servers, server, client, total, bad, moment)

    return second


def server_answer(servers: Servers, server: Server, client: int, total: int, bad: int, moment: float) -> None:
    """Requests that were answered, or failed."""
    servers.answer(server, client, total, bad, moment)


def server_label(servers: Servers, server: Server, client: int, total: int, bad: int, moment: float) -> None:
    """Requests that all were answered and got a label each, or were answered wrongly."""
    servers.answer(server, client, total, 0, moment)
    servers.label(server, client, total, bad, moment)


def alike(rng: np.random.Generator, number: int, base: float, correlation: float) -> np.ndarray:
    """How often each client's predictions are wrong: beta distributed with this correlation within a client."""
    spread = (1 - correlation) / correlation
    return rng.beta(base * spread, (1 - base) * spread, number)


def by_request(rng: np.random.Generator, rates: "dict[str, float]", a_second: float, deviation: float = 0.0) -> Traffic:
    """Each request falls on any pod by chance; pods may differ for good, by so much in log odds."""
    own: dict[str, float] = {}

    def second(servers: Servers, moment: float) -> None:
        totals = rng.multinomial(rng.poisson(a_second), np.full(len(servers.known), 1 / len(servers.known)))
        for server, total in zip(servers.known, totals.tolist(), strict=True):
            moved = own.setdefault(server.name, float(rng.normal(0, deviation)) if deviation else 0.0)
            rate = rates[server.revision]
            rate = 1 / (1 + (1 - rate) / rate * np.exp(-moved)) if rate else 0.0
            servers.add(server, "serin_requests_total", "error", "true", bad := int(rng.binomial(total, rate)))
            servers.add(server, "serin_requests_total", "error", "false", total - bad)

    return second


def one_class_labelled(
    rng: np.random.Generator, a_second: float, grants: dict[str, float], extra_wrong: float
) -> Traffic:
    """Labels come for granted requests alone; who grants more grants the worse risks last, and is as good as the other."""

    def second(servers: Servers, moment: float) -> None:
        totals = rng.multinomial(rng.poisson(a_second), np.full(len(servers.known), 1 / len(servers.known)))
        least = min(grants.values())
        for server, total in zip(servers.known, totals.tolist(), strict=True):
            granted = int(rng.binomial(total, grants[server.revision]))
            wrong = int(rng.binomial(granted, 0.08 + extra_wrong * (grants[server.revision] / least - 1)))
            servers.add(server, "serin_signed_predictions_total", "", "", total)
            servers.add(server, "serin_requests_total", "error", "false", total)
            for number in range(granted):
                servers.label(server, int(moment) * 1000 + number, 1, int(number < wrong), moment)

    return second


def at_the_margin(base: float, margin: float) -> dict[str, float]:
    """Rates of a canary that is just as bad as it may be."""
    return {STABLE: base, CANARY: base + margin}
