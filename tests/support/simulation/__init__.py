"""The project's wind tunnel: a cluster in memory that does to the operator what clusters do."""

from tests.support.simulation.api import Killed
from tests.support.simulation.autoscaler import Autoscaler
from tests.support.simulation.beginnings import (
    baking_v2,
    behind_gateway,
    behind_route,
    canary,
    deployment_of,
    model_of,
    phase,
    revision_of,
    serving,
    wanted_pods,
    words,
)
from tests.support.simulation.behaviour import Behaviour, CommandEnds, Crash, Flap, Waiting, late_from, one_by_one
from tests.support.simulation.prometheus import Trouble
from tests.support.simulation.shapes import Sidecar
from tests.support.simulation.simulation import Simulation
from tests.support.simulation.specs import (
    ANALYSIS,
    GATEWAY,
    NAMESPACE,
    START,
    baking,
    rollout,
    spec,
    uri_of,
    with_analysis,
)
from tests.support.simulation.story import busiest_minute, longest_without_endpoints

__all__ = [
    "ANALYSIS",
    "GATEWAY",
    "NAMESPACE",
    "START",
    "Autoscaler",
    "Behaviour",
    "CommandEnds",
    "Crash",
    "Flap",
    "Killed",
    "Sidecar",
    "Simulation",
    "Trouble",
    "Waiting",
    "baking",
    "baking_v2",
    "behind_gateway",
    "behind_route",
    "busiest_minute",
    "canary",
    "deployment_of",
    "late_from",
    "longest_without_endpoints",
    "model_of",
    "one_by_one",
    "phase",
    "revision_of",
    "rollout",
    "serving",
    "spec",
    "uri_of",
    "wanted_pods",
    "with_analysis",
    "words",
]
