"""`kubectl serin top`: the fleet, by requests, errors and latency."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any, Final

from kubectl_serin.command import Answer, Command, Hands
from kubectl_serin.kubectl import RESOURCE
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.prometheus import Prometheus, found, takes_prometheus
from kubectl_serin.reading import Model

if TYPE_CHECKING:
    from rich.console import Console

_BY: Final = "model_namespace, model_name, model_version"
QUERIES: Final = {
    "requests": f"sum by ({_BY}) (rate(serin_requests_total[5m]))",
    "errors": f'sum by ({_BY}) (rate(serin_requests_total{{error="true"}}[5m])) / sum by ({_BY}) (rate(serin_requests_total[5m]))',
    "p99": f"histogram_quantile(0.99, sum by ({_BY}, le) (rate(serin_request_duration_seconds_bucket[5m])))",
}
"""What is asked, by what it is called: a second's requests, the share of errors, seconds of the slowest hundredth."""


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of all namespaces")
    takes_prometheus(parser)


def _run(said: Namespace, hands: Hands) -> Answer:
    everywhere = ("--all-namespaces",) if said.all_namespaces else ()
    models = [Model(one) for one in hands.kubectl.list_of(RESOURCE, *everywhere)]
    prometheus = found(hands.kubectl, said.prometheus)
    if prometheus is None:
        raise Problem(
            "no Prometheus is known: the operator has none, or its Deployment may not be seen",
            "give --prometheus https://host, or namespace/service:port",
            Exit.ABSENT,
        )
    rows = rows_of(models, prometheus)

    def render(console: "Console") -> None:
        from kubectl_serin.tables import table

        head = ["namespace", "name", "version", "pods", "req/s", "errors", "p99", "ready"]
        console.print(table(head, [_cells(row) for row in rows]))

    return Answer({"items": rows}, render)


def rows_of(models: list[Model], prometheus: Prometheus) -> list[dict[str, Any]]:
    """One row for each version that has pods."""
    told = {
        what: {
            tuple(
                series.labels.get(label, "") for label in ("model_namespace", "model_name", "model_version")
            ): series.values[-1][1]
            for series in prometheus.query(promql)
            if series.values
        }
        for what, promql in QUERIES.items()
    }
    rows = []
    for model in models:
        for arm in (model.stable, model.candidate):
            if arm is None:
                continue
            key = (model.namespace, model.name, arm.version)
            rows.append(
                {
                    "namespace": model.namespace,
                    "name": model.name,
                    "version": arm.version,
                    "readyReplicas": arm.ready,
                    "ready": model.condition("Ready").status == "True",
                    **{what: _finite(values.get(key)) for what, values in told.items()},
                }
            )
    return rows


def _finite(value: float | None) -> float | None:
    return None if value is None or value != value or abs(value) == float("inf") else value  # noqa: PLR0124 - NaN is not itself


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["namespace"],
        row["name"],
        row["version"],
        "-" if row["readyReplicas"] is None else str(row["readyReplicas"]),
        "-" if row["requests"] is None else f"{row['requests']:.1f}",
        "-" if row["errors"] is None else f"{100 * row['errors']:.2f} %",
        "-" if row["p99"] is None else f"{1000 * row['p99']:.1f} ms",
        "yes" if row["ready"] else "no",
    ]


COMMAND = Command(
    "top",
    "every version that has pods, with its requests, errors and latency",
    """\
Asks the Prometheus that the operator asks, over the last five minutes.

  kubectl serin top -A
  kubectl serin top --prometheus monitoring/prometheus:9090
""",
    _arguments,
    _run,
)
