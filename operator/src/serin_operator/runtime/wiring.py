"""Make the reconciler out of what the process has."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from serin_operator.act.notices.channels import NoticeSettings
from serin_operator.decide.world import OperatorConfig
from serin_operator.reconcile import Ports
from serin_operator.reconcile import Reconciler as ObserveDecideAct
from serin_operator.runtime.tools import Tools
from serin_operator.runtime.workers import Reconciler


def make_reconciler(tools: Tools) -> Reconciler:
    """The reconciler of the operator: the only place where settings become its configuration."""
    settings = tools.settings
    notify = settings.notify or NoticeSettings()
    config = OperatorConfig(
        serving_image=settings.serving_image,
        serving_image_pull_policy=settings.serving_image_pull_policy,
        collector_image=settings.collector_image,
        collector_image_pull_policy=settings.collector_image_pull_policy,
        collector_peers=tuple(seen_from(settings.lease_namespace, peer) for peer in settings.collector_peers),
        has_fixed_user=settings.serving_pod_user == "Fixed",
        prometheus_configured=tools.prometheus is not None,
        scrape_interval_seconds=settings.scrape_interval_seconds,
        namespace_label=settings.prometheus_namespace_label.removeprefix("-"),
        design_effect=settings.design_effect,
        signed_namespaces=frozenset(settings.require_signed),
        channels=tuple(channel.name for channel in notify.channels),
        notify=notify.defaults,
        stores=settings.model_store,
    )
    return ObserveDecideAct(
        Ports(
            observer=tools.reader,
            actor=tools.writer,
            prometheus=tools.prometheus,
            clock=lambda: datetime.now(UTC),
            config=config,
            desk=tools.desk,
            notices=tools.office,
            on_seen=tools.metrics.fleet.see,
        )
    )


def seen_from(namespace: str, peer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A peer as it is meant where the operator runs: by pods alone it means those of the policy's own namespace."""
    if "namespaceSelector" in peer or "ipBlock" in peer:
        return peer
    return {**peer, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
