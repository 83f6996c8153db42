"""Prometheus: by its address, or as a Service of the cluster by way of the API server."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from kubectl_serin.kubectl import Kubectl
from kubectl_serin.problems import Exit, Problem
from serin_operator.api.uris import shown

TIMEOUT_SECONDS = 10.0


def takes_prometheus(parser: ArgumentParser) -> None:
    """For commands that ask it."""
    parser.add_argument(
        "--prometheus",
        metavar="WHERE",
        help="https://host, or namespace/service:port in the cluster; default: what the operator asks",
    )


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and its values by unix seconds."""

    labels: dict[str, str]
    values: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Prometheus:
    """Where queries go."""

    kubectl: Kubectl
    where: str

    def query(self, promql: str) -> list[Series]:
        """The present values.

        Raises:
            Problem: It cannot be reached, or refuses the query.
        """
        return self._ask("query", {"query": promql})

    def range(self, promql: str, start: float, end: float, step: float) -> list[Series]:
        """Values over time."""
        return self._ask("query_range", {"query": promql, "start": f"{start}", "end": f"{end}", "step": f"{step}"})

    def _ask(self, what: str, parameters: dict[str, str]) -> list[Series]:
        path = f"/api/v1/{what}?{urlencode(parameters)}"
        try:
            said = json.loads(self._get(path))
            return [_series(one) for one in said["data"]["result"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            # What a ValueError says may hold a header, or a piece of what was answered.
            why = type(error).__name__ if isinstance(error, ValueError) else error
            raise Problem(
                f"Prometheus at {shown(self.where)} does not answer: {why}",
                "give --prometheus https://host, or namespace/service:port as the cluster knows it",
                Exit.UNREACHABLE,
            ) from error

    def _get(self, path: str) -> str:
        if self.where.startswith(("http://", "https://")):
            from http.client import HTTPException
            from urllib.request import urlopen

            try:
                with urlopen(self.where.rstrip("/") + path, timeout=TIMEOUT_SECONDS) as answer:
                    return str(answer.read().decode())
            except HTTPException as error:
                raise OSError(type(error).__name__) from error
        namespace, _, service = self.where.partition("/")
        return self.kubectl.raw(f"/api/v1/namespaces/{namespace}/services/{service}/proxy{path}")


def _series(one: dict[str, Any]) -> Series:
    pairs: Iterable[list[Any]] = one.get("values") or [one["value"]]
    return Series(
        {str(k): str(v) for k, v in one["metric"].items()}, tuple((float(at), float(value)) for at, value in pairs)
    )


OPERATOR = "app.kubernetes.io/name=serin-operator"


def in_cluster(url: str) -> str:
    """``http://prometheus.monitoring.svc:9090`` as ``monitoring/prometheus:9090``; other addresses as they are."""
    parts = urlsplit(url)
    names = (parts.hostname or "").split(".")
    if len(names) < 2 or (len(names) > 2 and names[2] != "svc"):
        return url
    return f"{names[1]}/{names[0]}:{parts.port or 80}"


def of_operator(kubectl: Kubectl) -> str | None:
    """What the operator asks, as its Deployment says; None where none is set, or it may not be seen."""
    try:
        deployments = kubectl.list_of("deployments", "--all-namespaces", "-l", OPERATOR)
    except Problem:
        return None
    for one in deployments:
        for container in one["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env") or ():
                if variable.get("name") == "SERIN_PROMETHEUS_URL" and variable.get("value"):
                    return in_cluster(variable["value"])
    return None


def found(kubectl: Kubectl, said: str | None) -> Prometheus | None:
    """Prometheus, where one is known."""
    where = said or of_operator(kubectl)
    return Prometheus(kubectl, where) if where else None
