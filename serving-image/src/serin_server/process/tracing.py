"""Spans of a process's requests, where they are asked for."""

from serin_server.config.settings import InvalidSetting, Settings
from serin_server.dataplane.plane import DataPlane
from serin_server.metrics.server import ServerMetrics
from serin_server.model.served import SERVER_VERSION
from serin_server.records.log import Log
from serin_server.records.otlp import CONTENT_TYPE, PATH, encoder
from serin_server.records.sink import to_http
from serin_server.records.spans import Spans
from serin_server.records.troubles import Troubles


def export_spans(settings: Settings, plane: DataPlane, metrics: ServerMetrics, log: Log) -> Spans:
    """From now on spans of the requests of this data plane go to the collector, beside its access log."""
    about = {
        "service.name": settings.model_name,
        "service.namespace": settings.model_namespace,
        "service.version": settings.model_version,
        "service.instance.id": metrics.labels["server_id"],
        "serin.model.revision": settings.revision,
        **({"k8s.pod.name": settings.pod_name} if settings.pod_name else {}),
        **({"k8s.pod.uid": settings.pod_uid} if settings.pod_uid else {}),
    }
    try:
        send = to_http(settings.otlp_endpoint.rstrip("/") + PATH, content_type=CONTENT_TYPE)
    except ValueError as error:
        raise InvalidSetting(f"SERIN_OTLP_ENDPOINT: {error}") from None
    spans = Spans(
        encoder(about, settings.model_name, SERVER_VERSION),
        send,
        settings.otlp_sample,
        plane.access_log,
        troubles=Troubles(lambda trouble, dropped: log.warning("spans not taken", trouble=trouble, dropped=dropped)),
    )
    plane.access_log = spans
    plane.begin_trace = spans.begin if settings.otlp_sample else None
    metrics.more.append(spans)
    return spans
