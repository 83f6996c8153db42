"""``spec`` of a ModelDeployment, as pydantic models: the source of the CRD and of the reference.

Descriptions are read by people through ``kubectl explain``. Nothing here has a schema default but ``replicas``, which ``/scale``
cannot be without: the operator applies defaults when it reads (the properties and ``…_or_default`` fields), so that the
user's object stays as it was written.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from serin_operator.api.analysis import Analysis, AnyMetric, Metric
from serin_operator.api.base import ApiModel
from serin_operator.api.guard import Guard, OnFailure
from serin_operator.api.notify import Notify
from serin_operator.api.optimize import Optimize
from serin_operator.api.pod import (
    ConfigMapKey,
    EnvVar,
    EnvVarSource,
    LocalReference,
    Resources,
    Runtime,
    SecretKey,
    Toleration,
)
from serin_operator.api.prediction_log import PredictionLog
from serin_operator.api.preflight import Preflight
from serin_operator.api.rollout import ABTest, BlueGreen, OnDeadline, Rollout, Shadow, StableScale, Step, Strategy
from serin_operator.api.serving import Serving
from serin_operator.api.store import ModelStore
from serin_operator.api.traffic import Traffic

__all__ = [
    "ABTest",
    "Analysis",
    "AnyMetric",
    "ApiModel",
    "BlueGreen",
    "ConfigMapKey",
    "EnvVar",
    "EnvVarSource",
    "Guard",
    "LocalReference",
    "Metric",
    "ModelDeploymentObject",
    "ModelDeploymentSpec",
    "ModelSource",
    "OnDeadline",
    "OnFailure",
    "Resources",
    "Rollout",
    "Runtime",
    "SecretKey",
    "Shadow",
    "SignatureFormat",
    "StableScale",
    "Step",
    "Strategy",
    "Toleration",
    "Traffic",
    "Verify",
]


class SourceCredentials(ApiModel):
    """Where the credentials for the source are."""

    secret_name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="Name of a Secret whose keys are the standard variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,"
            " AWS_REGION, AWS_ENDPOINT_URL; GOOGLE_APPLICATION_CREDENTIALS (the key itself);"
            " AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY; HF_TOKEN; MLFLOW_TRACKING_TOKEN; for oci:// of type"
            " kubernetes.io/dockerconfigjson.",
        ),
    ]


class SignatureFormat(StrEnum):
    """What a signature is, and where it lies."""

    MODEL_SIGNING = "ModelSigning"
    COSIGN = "Cosign"


class Verify(ApiModel):
    """Whose signature a model needs. A change here starts no rollout."""

    public_keys: Annotated[
        ConfigMapKey | None,
        Field(description="Public keys (PEM, on P-256, P-384 or P-521), one of which has to have signed."),
    ] = None
    certificate_authorities: Annotated[
        ConfigMapKey | None,
        Field(
            description="Instead of keys: authorities (PEM), one of which has to vouch for the signer's certificate."
        ),
    ] = None
    trusted_root: Annotated[
        ConfigMapKey | None,
        Field(description="Instead of keys: Sigstore's trusted_root.json, for keyless signatures."),
    ] = None
    issuer: Annotated[
        str | None,
        Field(min_length=1, max_length=253, description="OpenID Connect issuer that knew the signer."),
    ] = None
    signers: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=253)]] | None,
        Field(
            min_length=1,
            max_length=16,
            description="Names of which the signer's certificate has to have one: an address, URI (may end in *) or DNS name."
            " Absent: anybody of these authorities.",
        ),
    ] = None
    format: Annotated[
        SignatureFormat | None,
        Field(
            description="Default ModelSigning: model.sig in the folder. Cosign: beside the artifact in its registry."
        ),
    ] = None


class ModelSource(ApiModel):
    """Which model is served, and where it comes from."""

    version: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="A label that people recognise, for example 2026-11-20 or v7. It stands for one digest for ever:"
            " a new model needs a new version.",
        ),
    ]
    uri: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            description="Where the ONNX model is, a file or a folder: s3://bucket/key, gs://bucket/key,"
            " az://container/key, oci://host/repository:tag, hf://org/repository@revision/path,"
            " mlflow://host/name/version or /name@alias, pvc://claim/path; http(s)://host/path (a file); or"
            " file:///path (inside the serving image). oci+http:// and mlflow+http:// are without TLS. It is resolved"
            " once, and pods serve only the digest found then.",
        ),
    ]
    sha256: Annotated[
        str | None,
        Field(
            max_length=128,
            description="Expected SHA-256 of the model, 64 hex digits. Optional: without it the digest found at the first"
            " read is recorded and pinned.",
        ),
    ] = None
    header_secret: Annotated[
        SecretKey | None,
        Field(
            description="HTTP headers for the source, one 'Name: value' a line, for example Authorization. Only with"
            " http(s)."
        ),
    ] = None
    ca_config_map: Annotated[
        ConfigMapKey | None,
        Field(description="Certificate authorities (PEM) to trust when the source is reached by TLS."),
    ] = None
    credentials: Annotated[
        SourceCredentials | None,
        Field(
            description="What opens a bucket, registry, hub or tracking server. Absent: the identity that the cloud gives"
            " the pods' service account (spec.runtime.serviceAccountName), or nobody's."
        ),
    ] = None
    store: Annotated[
        ModelStore | None,
        Field(
            description="Where the model is kept under its digest: the Job that resolves puts it there, and pods read it there"
            " before its source. Absent: the chart's modelStore, or nowhere. A change counts from the next version on."
        ),
    ] = None
    verify: Annotated[
        Verify | None,
        Field(
            description="Whose signature the model needs: an OpenSSF model signing bundle, or cosign's, that covers every file"
            " of it. Checked before anything reads the model; nothing is asked over the network."
        ),
    ] = None
    optimize: Annotated[
        Optimize | None,
        Field(
            description="Make variants of the model, and serve the quickest that keeps the promise, else the model as it is."
            " Needs a store and golden samples. A change is a new revision."
        ),
    ] = None


class ModelDeploymentSpec(ApiModel):
    """What the user wants. Serin never writes here; what is comes in status."""

    model: Annotated[ModelSource, Field(description="Which model is served, and where it comes from.")]
    replicas: Annotated[
        int | None,
        Field(
            ge=0,
            le=1000,
            description="Pods of the stable version; a canary is sized from it. Default 1. Leave it out where an autoscaler"
            " writes it through /scale (kubectl scale, HPA, KEDA). 0: no pods; a rollout waits until it is raised.",
        ),
    ] = None
    runtime: Annotated[
        Runtime | None,
        Field(description="How the serving pods run. A change is a new revision and is rolled out like a new model."),
    ] = None
    serving: Annotated[
        Serving | None,
        Field(
            description="How pods serve: encryption, credentials, feedback, logs and limits. A change is a new revision;"
            " what a Secret that is named here holds is not."
        ),
    ] = None
    preflight: Annotated[
        Preflight | None,
        Field(
            description="What a version has to show, beyond that it loads, before it gets a pod. A change here starts no"
            " rollout; a version that failed is tried again with retry."
        ),
    ] = None
    rollout: Annotated[
        Rollout | None,
        Field(
            description="How a new revision replaces the stable one: share by share, each step held for its time and,"
            " with spec.analysis, until the evidence allows the next. A change here starts no rollout."
        ),
    ] = None
    analysis: Annotated[
        Analysis | None,
        Field(
            description="What is compared between the new and the stable version, and how sure a rollback has to be."
            " Absent: steps are held for their time, and pods must stay ready."
        ),
    ] = None
    guard: Annotated[
        Guard | None,
        Field(
            description="How the comparison goes on after a promotion: in pairs with the version before, and by labels that"
            " come late. Absent: it ends with the rollout. A change here starts no rollout."
        ),
    ] = None
    traffic: Annotated[
        Traffic | None,
        Field(
            description="Who splits requests between versions: a gateway or a mesh, exactly. Absent: the ratio of their"
            " pods, about. A change here starts no rollout."
        ),
    ] = None
    notify: Annotated[
        list[Notify] | None,
        Field(
            max_length=8,
            description="Which channels hear what becomes of rollouts. Absent: as notify.defaults of the chart says; []: none."
            " A change here starts no rollout.",
        ),
    ] = None
    prediction_log: Annotated[
        PredictionLog | None,
        Field(
            description="A sample of predictions and their labels as Parquet, by day and version. A change of sample, hide or"
            " maxBytes is a new revision. Absent: none."
        ),
    ] = None
    revision_history_limit: Annotated[
        int | None, Field(ge=1, le=50, description="Ended versions kept in the ledger, to go back to. Default 10.")
    ] = None
    paused: Annotated[
        bool | None,
        Field(
            description="Stops steps and promotion; repair and rollback still happen. To pause without the spec, annotate"
            " serin.dev/action=pause@<a new word>; that does not lift this, and resume@<...> lifts only that."
        ),
    ] = None


class ModelDeploymentObject(ApiModel):
    """The parts of a ModelDeployment that decisions need, parsed once at the edge."""

    metadata: dict[str, Any]
    spec: ModelDeploymentSpec
