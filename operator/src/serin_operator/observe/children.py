"""The objects around one ModelDeployment, as the API server tells them."""

from dataclasses import dataclass, field
from typing import Any

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Children:
    """Every object with the label ``serin.dev/model-deployment=<name>`` in the namespace, whoever owns it.

    The objects are plain JSON as the API server speaks it, of ``managedFields`` only our own; pods keep of their spec only
    what tells where and with which images they run. They are fresh copies: changing one changes nothing else. Each
    list is sorted by name, so that what is decided from it does not depend on the order of arrival.
    """

    deployments: list[JsonObject] = field(default_factory=list)
    services: list[JsonObject] = field(default_factory=list)
    jobs: list[JsonObject] = field(default_factory=list)
    controller_revisions: list[JsonObject] = field(default_factory=list)
    pods: list[JsonObject] = field(default_factory=list)
    endpoint_slices: list[JsonObject] = field(default_factory=list)
    pod_disruption_budgets: list[JsonObject] = field(default_factory=list)
    collector_pods: list[JsonObject] = field(default_factory=list)
    """Pods that collect its predictions: they have another label and no watch, and are asked for while none is available."""
    network_policies: list[JsonObject] = field(default_factory=list)
    """Where the installation makes them."""
    autoscalers: list[JsonObject] = field(default_factory=list)
    """HorizontalPodAutoscalers of the namespace; asked for only where somebody else has scaled a Deployment in here."""
    http_routes: list[JsonObject] = field(default_factory=list)
    """Where the cluster has them."""
    events_about_jobs: list[JsonObject] = field(default_factory=list)
    """Core ``v1`` Events with reason ``FailedCreate`` about Jobs that have no pod though they should.

    A Deployment that cannot create pods says so itself, in its condition ``ReplicaFailure``; a Job tells nobody but
    its events, so they are fetched, and only then.
    """
    events_about_pods: list[JsonObject] = field(default_factory=list)
    """Core ``v1`` Events of type ``Warning`` about pods that are not ready, one representative of each ReplicaSet.

    The pod itself only says ``ContainerCreating``; which Secret or key is missing, its events alone tell.
    """
