"""``spec.serving``: who may ask, over which wire, what is logged and where the limits are.

Credentials are never values here: each is a reference to a Secret or ConfigMap, mounted as a file that the server reads
again when it changes. So what a Secret holds is no part of a revision, and replacing it restarts nothing.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.answers import Compression, Cors, Explain, RateLimit, Tracing
from serin_operator.api.base import ApiModel
from serin_operator.api.logs_and_limits import AccessLog, Limits, PayloadLog, TensorName
from serin_operator.api.pod import EnvVarSource, SecretKey

DAY_SECONDS: Final = 86400


class Signing(StrEnum):
    """Whose keys sign what responses say of their predictions."""

    MANAGED = "Managed"
    FROM_SECRET = "FromSecret"  # noqa: S105 - a word of the API, no password


class Unsigned(StrEnum):
    """What becomes of labels that come without a token."""

    ACCEPT = "Accept"
    REFUSE = "Refuse"


class PredictionKind(StrEnum):
    """When a prediction counts as right."""

    CLASS = "Class"
    REGRESSION = "Regression"


class Tls(ApiModel):
    """Certificates of the serving ports."""

    secret_name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="Secret of type kubernetes.io/tls in this namespace, with tls.crt and tls.key, as cert-manager"
            " makes it. It is mounted as files, and new ones are used within about a minute, without a restart.",
        ),
    ]
    client_ca: Annotated[
        EnvVarSource | None,
        Field(
            alias="clientCA",
            description="Authorities (PEM) of clients: a key of a Secret or of a ConfigMap. Clients must then show a"
            " certificate that one of them signed (mutual TLS); probes use the metrics port, as the kubelet has none.",
        ),
    ] = None


class ApiKeys(ApiModel):
    """Keys that clients present."""

    secret_key_ref: Annotated[
        SecretKey,
        Field(
            description="Key of a Secret in this namespace that holds lines <name>:<key>, each key of 16 characters or"
            " more. Lines may be added and removed at any time."
        ),
    ]


class Jwt(ApiModel):
    """Tokens that clients present."""

    jwks: Annotated[
        EnvVarSource,
        Field(
            description="JSON Web Key Set with the public keys that tokens must be signed with: a key of a ConfigMap or"
            " of a Secret."
        ),
    ]
    audience: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="Audience (aud) that tokens must name. Default: any, so tokens for other services of the issuer pass too.",
        ),
    ] = None
    issuer: Annotated[
        str | None, Field(min_length=1, max_length=253, description="Issuer (iss) that tokens must name.")
    ] = None


class Feedback(ApiModel):
    """True labels that come back, and whether they can be believed."""

    signing: Annotated[
        Signing | None,
        Field(
            description="Signs each response with a token that its label must come back with. Managed: Serin makes a"
            " Secret <name>-feedback with a random key, once. FromSecret: your keys, from secretKeyRef. Default: no"
            " tokens, and whoever reaches the port can send labels and so force a rollback."
        ),
    ] = None
    secret_key_ref: Annotated[
        SecretKey | None,
        Field(
            description="Key of a Secret in this namespace that holds lines <id>:<secret>, each secret of 16 characters"
            " or more. The first signs, all are believed. Only with signing FromSecret."
        ),
    ] = None
    unsigned: Annotated[
        Unsigned | None,
        Field(
            description="Labels without a token: Accept or Refuse. Default: Accept without signing, Refuse with it."
            " Accept beside signing is the way to move clients over: while it lasts, labels can be forged."
        ),
    ] = None
    max_age_seconds: Annotated[
        int | None,
        Field(
            ge=1,
            le=3660 * DAY_SECONDS,
            description="Age of a prediction after which its label is refused. Default 2592000, 30 days.",
        ),
    ] = None


class PredictionSettings(ApiModel):
    """What of the model's outputs is the prediction, and when it counts as right."""

    output: Annotated[
        TensorName | None,
        Field(description="Output with the prediction. Default: the first with one value a row, else the best class."),
    ] = None
    kind: Annotated[
        PredictionKind | None,
        Field(description="Class (default): right when equal to the label. Regression: right within the tolerance."),
    ] = None
    tolerance: Annotated[
        float | None,
        Field(ge=0, description="Largest absolute error that counts as right. Default 0. Only with kind Regression."),
    ] = None


class Serving(ApiModel):
    """How pods serve: encryption, credentials, feedback, logs and limits. A change here is a new revision."""

    tls: Annotated[
        Tls | None,
        Field(
            description="HTTP and gRPC over TLS, at https://<name>.<namespace>.svc and, for gRPC, port 8443. Absent: plain,"
            " at port 80 and 8081. The metrics port stays plain."
        ),
    ] = None
    api_keys: Annotated[
        ApiKeys | None,
        Field(
            description="Inference, feedback, explanations and statistics ask for one of these keys (Authorization: Bearer,"
            " or X-Api-Key). With jwt as well, either will do."
        ),
    ] = None
    jwt: Annotated[
        Jwt | None,
        Field(description="The same addresses as with apiKeys ask for a JSON Web Token that one of these keys signed."),
    ] = None
    feedback: Annotated[
        Feedback | None, Field(description="True labels that come back: signed or not, and for how long.")
    ] = None
    access_log: Annotated[
        AccessLog | None, Field(description="A line a request in the pods' log, without data. Absent: none.")
    ] = None
    payload_log: Annotated[
        PayloadLog | None,
        Field(description="Inputs and outputs of a sample of requests, as CloudEvents. Absent: never."),
    ] = None
    tracing: Annotated[
        Tracing | None, Field(description="Spans of sampled requests, for a collector. Absent: none.")
    ] = None
    limits: Annotated[
        Limits | None, Field(description="What one pod takes upon itself; beyond it clients are told so.")
    ] = None
    explain: Annotated[
        Explain | None,
        Field(
            description="Why a model predicts what it predicts, at /v2/models/<name>/explain: what each feature adds, against"
            " the rows of background.jsonl beside the model. It takes CPU time beside predictions. {} switches it on;"
            " absent: off."
        ),
    ] = None
    compression: Annotated[
        Compression | None, Field(description="Packs large answers (gzip) for clients that ask for it. Absent: never.")
    ] = None
    cors: Annotated[
        Cors | None, Field(description="Lets browsers ask on behalf of pages of other origins. Absent: none.")
    ] = None
    rate_limit: Annotated[
        RateLimit | None,
        Field(
            description="How often each key may ask a pod. Needs apiKeys or jwt: addresses are never counted. Absent: no limit."
        ),
    ] = None
    prediction: Annotated[
        PredictionSettings | None,
        Field(description="What of the model's outputs is the prediction, and when it counts as right."),
    ] = None
