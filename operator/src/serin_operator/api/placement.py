"""Where pods go, by nodes and by the pods that are there: affinity and spreading, with the names that Kubernetes uses."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel, LabelValue

OWN_PODS: Final = "Default: the pods of the same revision, so that old and new pods do not hinder each other."
Key = Annotated[str, Field(min_length=1, max_length=317, description="Key of the label.")]
TopologyKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=317,
        description="Label of nodes that tells places apart: kubernetes.io/hostname, topology.kubernetes.io/zone.",
    ),
]
Values = Annotated[
    list[Annotated[str, Field(max_length=63)]] | None,
    Field(max_length=16, description="Values of the label, for In and NotIn; one whole number for Gt and Lt."),
]
Weight = Annotated[int, Field(ge=1, le=100, description="How much it counts beside other preferences, 1 to 100.")]


class NodeOperator(StrEnum):
    """How a requirement compares a label of a node."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GT = "Gt"
    LT = "Lt"


class PodOperator(StrEnum):
    """How a requirement compares a label of a pod."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class WhenUnsatisfiable(StrEnum):
    """What becomes of a pod that would break a spread."""

    DO_NOT_SCHEDULE = "DoNotSchedule"
    SCHEDULE_ANYWAY = "ScheduleAnyway"


class NodePolicy(StrEnum):
    """Whether nodes on which a pod cannot run anyway count in a spread."""

    HONOR = "Honor"
    IGNORE = "Ignore"


class NodeRequirement(ApiModel):
    """What a label of a node must be."""

    key: Key
    operator: Annotated[NodeOperator, Field(description="In, NotIn, Exists, DoesNotExist, Gt or Lt.")]
    values: Values = None


class NodeTerm(ApiModel):
    """Requirements of a node that hold together."""

    match_expressions: Annotated[
        list[NodeRequirement], Field(min_length=1, max_length=8, description="All of them must hold.")
    ]


class NodeChoice(ApiModel):
    """Terms of which one is enough."""

    node_selector_terms: Annotated[
        list[NodeTerm], Field(min_length=1, max_length=8, description="One of them is enough.")
    ]


class NodePreference(ApiModel):
    """A node that is better than others."""

    weight: Weight
    preference: Annotated[NodeTerm, Field(description="What a better node has.")]


class NodeAffinity(ApiModel):
    """Nodes that pods must, or had better, run on."""

    required_during_scheduling_ignored_during_execution: Annotated[
        NodeChoice | None, Field(description="Nodes that pods must run on.")
    ] = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[NodePreference] | None, Field(max_length=8, description="Nodes that are better than others.")
    ] = None


class PodRequirement(ApiModel):
    """What a label of a pod must be."""

    key: Key
    operator: Annotated[PodOperator, Field(description="In, NotIn, Exists or DoesNotExist.")]
    values: Values = None


class PodSelector(ApiModel):
    """Which pods are meant; all that is said must hold."""

    match_labels: Annotated[
        dict[str, LabelValue] | None,
        Field(max_length=8, description="Labels that the pods have."),
    ] = None
    match_expressions: Annotated[
        list[PodRequirement] | None, Field(max_length=8, description="Requirements of their labels.")
    ] = None


class PodTerm(ApiModel):
    """Being in the same place as certain pods, in the same namespace."""

    topology_key: TopologyKey
    label_selector: Annotated[PodSelector | None, Field(description=f"Which pods. {OWN_PODS}")] = None


class PodPreference(ApiModel):
    """A place that is better than others for the pods that are there, or are not."""

    weight: Weight
    pod_affinity_term: Annotated[PodTerm, Field(description="Which pods, and what a place is.")]


class PodAffinity(ApiModel):
    """Pods to be near to, or far from."""

    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodTerm] | None, Field(max_length=8, description="All of them must hold.")
    ] = None
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PodPreference] | None, Field(max_length=8, description="Places that are better than others.")
    ] = None


class Affinity(ApiModel):
    """Where pods must, or had better, run. For the Job that resolves a model only nodeAffinity counts."""

    node_affinity: Annotated[NodeAffinity | None, Field(description="By labels of nodes.")] = None
    pod_affinity: Annotated[PodAffinity | None, Field(description="Near to pods of this namespace.")] = None
    pod_anti_affinity: Annotated[PodAffinity | None, Field(description="Far from pods of this namespace.")] = None


class Spread(ApiModel):
    """How evenly pods are spread over places."""

    max_skew: Annotated[
        int, Field(ge=1, le=1000, description="How many pods more than the emptiest place another may have.")
    ]
    topology_key: TopologyKey
    when_unsatisfiable: Annotated[
        WhenUnsatisfiable, Field(description="DoNotSchedule: a pod waits; ScheduleAnyway: it is only better so.")
    ]
    label_selector: Annotated[PodSelector | None, Field(description=f"Which pods are counted. {OWN_PODS}")] = None
    min_domains: Annotated[
        int | None, Field(ge=1, le=1000, description="Fewest places that there must be. Only with DoNotSchedule.")
    ] = None
    node_affinity_policy: Annotated[
        NodePolicy | None, Field(description="Whether nodes that affinity or nodeSelector rule out are left out.")
    ] = None
    node_taints_policy: Annotated[
        NodePolicy | None, Field(description="Whether nodes whose taints are not tolerated are left out.")
    ] = None
