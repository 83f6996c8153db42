"""Names and labels of everything that belongs to a ModelDeployment."""

from dataclasses import dataclass
from typing import Final

GROUP: Final = "serin.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "ModelDeployment"
PLURAL: Final = "modeldeployments"
SHORT_NAME: Final = "mdep"

FIELD_MANAGER: Final = "serin-operator"

LABEL_MODEL_DEPLOYMENT: Final = "serin.dev/model-deployment"
LABEL_REVISION: Final = "serin.dev/revision"
LABEL_COMPONENT: Final = "serin.dev/component"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_APP_NAME: Final = "app.kubernetes.io/name"
MANAGED_BY: Final = "serin"

GATEWAY_API_VERSION: Final = "gateway.networking.k8s.io/v1"
HTTP_ROUTE: Final = "HTTPRoute"

COMPONENT_SERVER: Final = "server"
COMPONENT_RESOLVE: Final = "resolve"
COMPONENT_COLLECTOR: Final = "collector"

LABEL_COLLECTOR: Final = "serin.dev/collector"
"""On pods that collect predictions, instead of the label of pods that serve or resolve: no decision counts them."""

CONTAINER: Final = "server"
"""Name of our container in every pod, serving or resolving: others may be injected before and after it."""

COMMAND_CONTAINER: Final = "preflight-command"
"""Name of the container with the user's own command, in the pod that resolves."""

ANNOTATION_ACTION: Final = "serin.dev/action"
"""Written by people only: a verb, ``@`` and a nonce, for example ``retry@monday`` or ``rollback=v7@1``."""

ANNOTATION_WRITTEN: Final = "serin.dev/written"
"""On children, written by the operator: which fields, and which values, its last write of the object had."""

PORT_HTTP: Final = 8080
PORT_GRPC: Final = 8081
PORT_METRICS: Final = 8082
PORT_SERVICE_HTTP: Final = 80
PORT_SERVICE_HTTPS: Final = 443
PORT_SERVICE_GRPCS: Final = 8443

PORT_COLLECTOR: Final = 8090

FEEDBACK_KEYS: Final = "keys"
"""Key of the Secrets that Serin makes: lines that sign feedback, or by which a collector knows who may send."""

MAX_NAME_LENGTH: Final = 40


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """Where one namespaced object lives, without saying which incarnation of it (that is the uid's business)."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As people write it in a message: ``Deployment scoring/credit-risk-abc``."""
        return f"{self.kind} {self.namespace}/{self.name}"


def revision_object(name: str, revision: str) -> str:
    """Name of the Deployment, Service and ControllerRevision of one revision."""
    return f"{name}-{revision}"


def resolve_job(name: str, revision: str, attempt: int = 0) -> str:
    """Name of the Job that fetches, verifies and loads the model of one revision once.

    A retry asked for by a person is a new attempt, and a new Job: Jobs are immutable.
    """
    suffix = f"-{attempt}" if attempt else ""
    return f"{name}-{revision}-resolve{suffix}"


def preview_service(name: str) -> str:
    """Name of the Service that reaches a new version while clients do not."""
    return f"{name}-preview"


def canary_service(name: str) -> str:
    """Name of the Service by which routes of people reach the canary."""
    return f"{name}-canary"


def control_service(name: str) -> str:
    """Name of the Service that leads to the version that another is compared with."""
    return f"{name}-control"


def feedback_secret(name: str) -> str:
    """Name of the Secret that Serin makes for signed feedback."""
    return f"{name}-feedback"


def collector(name: str) -> str:
    """Name of the Deployment, Service and Secret of who writes predictions down."""
    return f"{name}-collector"


def child_labels(name: str, revision: str | None = None, component: str | None = None) -> dict[str, str]:
    """Labels of a child object; those of a role (stable, canary) are absent on purpose: roles move, labels stay."""
    labels = {LABEL_MODEL_DEPLOYMENT: name, LABEL_MANAGED_BY: MANAGED_BY, LABEL_APP_NAME: name}
    if revision is not None:
        labels[LABEL_REVISION] = revision
    if component is not None:
        labels[LABEL_COMPONENT] = component
    return labels
