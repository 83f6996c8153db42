"""``spec.runtime.pod``: what else of a pod may be said, and by this nothing that would take away what keeps pods safe.

Not there, and why: the fields of the security context, host namespaces and hostPath (a spec would reach the node);
init containers and sidecars (who needs them has them injected); probes, commands and ports (they are how a version proves
itself); volumes that nodes mount with credentials of their own (NFS, iSCSI, inline CSI and the like).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serin_operator.api.base import ApiModel, LabelValue, Quantity
from serin_operator.api.placement import Affinity, Spread


class Medium(StrEnum):
    """What an empty folder is made of."""

    MEMORY = "Memory"


class ProjectedKey(ApiModel):
    """One key as a file."""

    key: Annotated[str, Field(min_length=1, max_length=253, description="Key in the Secret or ConfigMap.")]
    path: Annotated[str, Field(min_length=1, max_length=253, description="Name of the file below mountPath.")]


Items = Annotated[
    list[ProjectedKey] | None,
    Field(max_length=32, description="Which keys become files, and their names. Default: all, named after the keys."),
]


class SecretVolume(ApiModel):
    """Keys of a Secret as files."""

    secret_name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the Secret.")]
    items: Items = None


class ConfigMapVolume(ApiModel):
    """Keys of a ConfigMap as files."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the ConfigMap.")]
    items: Items = None


class EmptyDirVolume(ApiModel):
    """An empty folder that lives as long as the pod."""

    medium: Annotated[
        Medium | None,
        Field(description="Memory: in memory, which counts as the container's. Default: on the node's disk."),
    ] = None
    size_limit: Annotated[Quantity | None, Field(description="A pod that writes more is evicted.")] = None


class ClaimVolume(ApiModel):
    """A PersistentVolumeClaim of the namespace."""

    claim_name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the PersistentVolumeClaim.")]
    read_only: Annotated[
        bool | None,
        Field(description="Default true. With false every pod of every version writes to the same claim."),
    ] = None


class Volume(ApiModel):
    """One more volume of the serving container, and where it is mounted. Exactly one kind.

    There is no subPath: it would keep a renewed Secret or ConfigMap from the running server.
    """

    name: Annotated[str, Field(min_length=1, max_length=63, description="Name; those of Serin's own are refused.")]
    mount_path: Annotated[
        str,
        Field(
            min_length=2, max_length=255, description="Absolute path; folders of Serin's and the system's are refused."
        ),
    ]
    secret: Annotated[SecretVolume | None, Field(description="A Secret of this namespace, read-only.")] = None
    config_map: Annotated[ConfigMapVolume | None, Field(description="A ConfigMap of this namespace, read-only.")] = None
    empty_dir: Annotated[
        EmptyDirVolume | None, Field(description="An empty folder to write to. {} is one on the node's disk.")
    ] = None
    persistent_volume_claim: Annotated[
        ClaimVolume | None, Field(description="A claim of this namespace, read-only unless it says otherwise.")
    ] = None


class PodOverlay(ApiModel):
    """What is laid over the pods that Serin makes. Applies to the Job that resolves the model, too, but for spreading."""

    labels: Annotated[
        dict[str, LabelValue] | None,
        Field(max_length=32, description="More labels of the pods. serin.dev/ and those that Serin sets are refused."),
    ] = None
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=4096, description="Value of the annotation.")]] | None,
        Field(
            max_length=32,
            description="More annotations of the pods, for example for what injects sidecars. serin.dev/ is refused, and"
            " what would loosen AppArmor, seccomp or the container runtime.",
        ),
    ] = None
    topology_spread_constraints: Annotated[
        list[Spread] | None,
        Field(
            max_length=8,
            description="How pods are spread, instead of Serin's own way (over nodes, as well as it goes). []: not at all.",
        ),
    ] = None
    affinity: Annotated[Affinity | None, Field(description="Nodes and pods to be near to, or far from.")] = None
    priority_class_name: Annotated[
        str | None, Field(min_length=1, max_length=253, description="PriorityClass of the pods.")
    ] = None
    runtime_class_name: Annotated[
        str | None,
        Field(
            min_length=1, max_length=253, description="RuntimeClass of the pods: gVisor, Kata, or a device's runtime."
        ),
    ] = None
    volumes: Annotated[
        list[Volume] | None,
        Field(
            max_length=16,
            description="More volumes: of Secrets, ConfigMaps, claims, or empty. Kinds that reach the node are not offered.",
        ),
    ] = None
