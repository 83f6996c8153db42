"""``spec.runtime``: how the serving pods run, and the references to objects beside them.

A small, chosen part of a pod, with the names that Kubernetes uses. Embedding the whole PodSpec would make the CRD too
large for ``kubectl apply`` and would let a spec take away what keeps the pods safe.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from serin_operator.api.base import ApiModel, LabelValue, Quantity
from serin_operator.api.overlay import PodOverlay

ResourceList = Annotated[dict[str, Quantity], Field(max_length=16)]

MOST_BATCH_ROWS: Final = 65536
DEFAULT_BATCH_ROWS: Final = 256


class ImagePullPolicy(StrEnum):
    """When a node pulls the serving image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class TolerationOperator(StrEnum):
    """How a toleration compares with a taint."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class SecretKey(ApiModel):
    """One key of a Secret in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the Secret.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="Key in the Secret.")]


class ConfigMapKey(ApiModel):
    """One key of a ConfigMap in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the ConfigMap.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="Key in the ConfigMap.")]


class EnvVarSource(ApiModel):
    """Where the value of an environment variable comes from. Exactly one of the fields."""

    secret_key_ref: Annotated[SecretKey | None, Field(description="A key of a Secret in the same namespace.")] = None
    config_map_key_ref: Annotated[
        ConfigMapKey | None, Field(description="A key of a ConfigMap in the same namespace.")
    ] = None


class EnvVar(ApiModel):
    """An environment variable of the serving container: a value, or where to take it from."""

    name: Annotated[
        str,
        Field(
            min_length=1, max_length=253, description="Name. SERIN_MODEL_ and what else the operator sets is refused."
        ),
    ]
    value: Annotated[str | None, Field(max_length=32768, description="Value as it stands.")] = None
    value_from: Annotated[EnvVarSource | None, Field(description="Value from a Secret or ConfigMap.")] = None


class Resources(ApiModel):
    """Compute resources of a serving pod, as in a container."""

    requests: Annotated[
        ResourceList | None,
        Field(description="What the scheduler sets aside, for example {cpu: 500m, memory: 512Mi}. Not above limits."),
    ] = None
    limits: Annotated[
        ResourceList | None,
        Field(description="What the container may use at most. Above memory it is killed (reason OutOfMemory)."),
    ] = None


class Toleration(ApiModel):
    """A toleration of the serving pods, as in a pod."""

    key: Annotated[
        str | None, Field(max_length=253, description="Key of the taint. Absent: every taint, with operator Exists.")
    ] = None
    operator: Annotated[
        TolerationOperator | None, Field(description="Equal (default) compares value; Exists ignores it.")
    ] = None
    value: Annotated[str | None, Field(max_length=63, description="Value of the taint, with operator Equal.")] = None
    effect: Annotated[TaintEffect | None, Field(description="Effect of the taint. Absent: every effect.")] = None
    toleration_seconds: Annotated[
        int | None,
        Field(ge=0, le=31536000, description="How long pods stay on a node with the taint. Only with NoExecute."),
    ] = None


class Batching(StrEnum):
    """Whether requests of different clients may share one run of the model.

    YAML 1.1, which most tools read, takes a bare ``Off`` for the boolean false; the schema lets that pass and it is read
    as Off. The price is a field without a type, at which CEL cannot look.
    """

    PROVEN = "Proven"
    OFF = "Off"
    TRUSTED = "Trusted"


class LocalReference(ApiModel):
    """The name of an object in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the object.")]


class Runtime(ApiModel):
    """How the serving pods run. A change here is a new revision and is rolled out like a new model."""

    image: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="Serving image. Default: the one the operator was installed with when the revision was born;"
            " a later default restarts nothing.",
        ),
    ] = None
    image_pull_policy: Annotated[
        ImagePullPolicy | None, Field(description="When nodes pull the image. Default: the operator's setting.")
    ] = None
    image_pull_secrets: Annotated[
        list[LocalReference] | None,
        Field(max_length=16, description="Secrets of this namespace with the registry's credentials."),
    ] = None
    resources: Annotated[Resources | None, Field(description="Compute resources of each serving pod.")] = None
    threads: Annotated[
        int | None,
        Field(ge=1, le=256, description="Threads of ONNX Runtime for one inference. Default 1: scale by replicas."),
    ] = None
    batching: Annotated[
        Batching | None,
        BeforeValidator(lambda said: Batching.OFF if said is False else said),
        Field(
            description="Whether requests may share one run of the model. Proven (default): only where the server has"
            " proven, from the graph and by trial runs at load, that no row changes the answer of another. Trusted: you"
            ' vouch for that. "Off": each request runs alone. Write "Off" in quotes: without them YAML reads the boolean'
            " false, which is taken for Off.",
            json_schema_extra={"enum": [*(each.value for each in Batching), False]},
        ),
    ] = None
    max_batch_rows: Annotated[
        int | None,
        Field(
            ge=1,
            le=MOST_BATCH_ROWS,
            description=f"Most rows that requests share in one run. Default {DEFAULT_BATCH_ROWS}.",
        ),
    ] = None
    batch_window_seconds: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="How long a request may wait for others to share its run, 0.002 = two milliseconds. Default 0:"
            " only requests that are there already run together, and a lone one waits for nobody.",
        ),
    ] = None
    preferred_batch_rows: Annotated[
        list[Annotated[int, Field(ge=1, le=MOST_BATCH_ROWS)]] | None,
        Field(
            max_length=16,
            description="Numbers of rows, rising, that the model runs best with, for example 8, 16, 32. Default: any on a"
            " CPU, 1, 8 and 32 on a device; an empty list: any.",
        ),
    ] = None
    env: Annotated[
        list[EnvVar] | None, Field(max_length=64, description="More environment variables of the serving container.")
    ] = None
    node_selector: Annotated[
        dict[str, LabelValue] | None,
        Field(max_length=32, description="Labels that a node must have to run serving pods."),
    ] = None
    tolerations: Annotated[
        list[Toleration] | None, Field(max_length=32, description="Taints of nodes that the serving pods accept.")
    ] = None
    service_account_name: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="Service account of the pods. Default: default. No token is mounted either way.",
        ),
    ] = None
    pod: Annotated[
        PodOverlay | None,
        Field(description="What else of the pods: labels, annotations, placement, priority, volumes."),
    ] = None
