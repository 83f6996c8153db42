"""What the process has made when it asks for a reconciler."""

from collections.abc import Callable
from dataclasses import dataclass

from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.act.notices.office import Office
from serin_operator.observe.desk import LookDesk
from serin_operator.observe.kubernetes import KubernetesReader
from serin_operator.observe.prometheus_client import PrometheusClient
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.settings import Settings
from serin_operator.runtime.workers import Reconciler


@dataclass(frozen=True, slots=True)
class Tools:
    """What a reconciler gets to work with."""

    reader: KubernetesReader
    writer: KubernetesWriter
    prometheus: PrometheusClient | None
    """``None``: no Prometheus is configured."""
    desk: LookDesk | None
    """Takes the looks beside the workers; ``None`` with it."""
    office: Office | None
    """Delivers notices beside the workers; ``None``: no channel is configured."""
    settings: Settings
    metrics: OperatorMetrics
    """Whose fleet hears of each status."""


MakeReconciler = Callable[[Tools], Reconciler]
