"""Everything that can be set from outside, by environment variables with the prefix ``SERIN_``."""

import re
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from serin_operator.act.notices.channels import NoticeSettings
from serin_operator.api.store import ModelStore
from serin_operator.observe.prometheus_client import PrometheusAccess
from serin_operator.runtime.logging import LogFormat, LogLevel


class Settings(BaseSettings):
    """Settings of the operator; the chart sets them from its values."""

    model_config = SettingsConfigDict(env_prefix="SERIN_", extra="ignore", frozen=True, env_ignore_empty=True)

    namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Namespaces to look after, separated by commas. Empty: the whole cluster, which needs a ClusterRole.",
    )
    serving_image: str = Field(
        default=f"ghcr.io/serin-dev/serin-server:{version('serin-operator')}",
        min_length=1,
        description="Image of the serving pods and the resolve Jobs of new revisions; running revisions keep theirs.",
    )
    serving_image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When nodes pull the serving image."
    )
    collector_image: str = Field(
        default=f"ghcr.io/serin-dev/serin-collector:{version('serin-operator')}",
        min_length=1,
        description="Image of the pods that write predictions down (`spec.predictionLog`).",
    )
    collector_image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When nodes pull the collector's image."
    )
    collector_peers: tuple[dict[str, Any], ...] = Field(
        default=(),
        description="Who reads the metrics of collectors, as JSON, a list of peers of a NetworkPolicy: then a NetworkPolicy admits them"
        " and the servers of the same model to a collector, and nobody else. Empty: none is made.",
    )
    serving_pod_user: Literal["Fixed", "Cluster"] = Field(
        default="Fixed",
        description="Who the pods of new revisions run as: `Fixed` is user and group 65532; `Cluster` leaves it to the"
        " cluster (OpenShift's restricted-v2 gives every namespace its own) and else to the image.",
    )
    prometheus_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]",
        description="Address of Prometheus, without `/api/v1`. Not set: `spec.analysis` cannot be judged, and says so.",
    )
    prometheus_bearer_token_file: Path | None = Field(
        default=None, description="File with a bearer token for Prometheus; read again for every query."
    )
    prometheus_username: str | None = Field(default=None, description="User name for basic authentication.")
    prometheus_password_file: Path | None = Field(
        default=None, description="File with the password that belongs to the user name; read again for every query."
    )
    prometheus_ca_file: Path | None = Field(
        default=None, description="CA certificates (PEM) for Prometheus; read again when the file changes."
    )
    prometheus_timeout_seconds: float = Field(
        default=10.0, gt=0, le=120, description="How long a query may take before it counts as failed."
    )
    prometheus_headers: dict[str, str] = Field(
        default={},
        description='More headers of every query, as JSON: `{"X-Scope-OrgID": "team-a"}` for the tenant of Mimir.',
    )
    prometheus_namespace_label: str = Field(
        default="namespace",
        pattern=r"^([a-zA-Z_][a-zA-Z0-9_]*|-)$",
        description="The label that Prometheus' service discovery gives to series, with the namespace of the pod that was"
        " scraped. Series in which it names another namespace than the model's are not counted; those without it are. `-`:"
        " every series counts.",
    )
    scrape_interval_seconds: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="How often Prometheus scrapes the serving pods; a look at evidence ends two scrapes before now.",
    )
    design_effect: float = Field(
        default=1.0,
        ge=1,
        le=100,
        description="How many times less the counts of a look are worth while nothing is known of how the stable version's"
        " clients and pods scatter: without a gateway connections are split, not requests. 1 suits connections that end within"
        " a look, as the serving image's do by default; 6 suits clients that keep theirs for 100 requests and more.",
    )
    require_signed: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Namespaces, separated by commas, in which a new version needs `spec.model.verify`; `*` for all. Versions"
        " that serve already go on.",
    )
    notify: NoticeSettings | None = Field(
        default=None,
        description="Channels of notices, and who hears of models without `spec.notify`, as JSON: `cluster`, `channels` (each"
        " `name`, `kind`, `templates`), `defaults` (each `channel`, `about`), and `folder`, where each channel has a folder of"
        " its name with `url`, `token`, `routingKey`, `signingKey`, `ca.crt`.",
    )
    model_store: dict[str, ModelStore] = Field(
        default={},
        description="Where models of new versions are kept by their digest, as JSON by namespace (`*`: all others), with the"
        ' fields of `spec.model.store`, which wins: `{"*": {"uri": "s3://kept"}}`. Running revisions keep theirs.',
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]",
        description="Address of a collector of OpenTelemetry that takes OTLP over HTTP, like http://collector:4318; spans of"
        " reconciles go to its /v1/traces. Not set: there are none.",
    )
    otlp_sample: float = Field(default=1.0, ge=0, le=1, description="Share of the reconciles that become a trace.")
    log_format: LogFormat = Field(default="json", description="`json` for machines, `console` for people.")
    log_level: LogLevel = Field(default="info", description="Least level that is written.")
    lease_namespace: str = Field(
        default="serin-system", description="Namespace of the Lease `serin-operator`; the operator's own."
    )
    pod_name: str = Field(
        default_factory=socket.gethostname, description="Name of this replica in the Lease and in Events."
    )
    port: int = Field(
        default=8080, ge=1, le=65535, description="Port of `/healthz`, `/readyz` and `/metrics`, on all addresses."
    )
    resync_seconds: float = Field(
        default=300.0,
        ge=5,
        le=3600,
        description="How often everything is listed, to repair what the watches missed.",
    )
    workers: int = Field(default=8, ge=1, le=64, description="How many ModelDeployments are looked at at a time.")

    @property
    def prometheus_access(self) -> PrometheusAccess | None:
        """Where Prometheus is and how to be let in; ``None`` without one."""
        if self.prometheus_url is None:
            return None
        return PrometheusAccess(
            self.prometheus_url,
            self.prometheus_timeout_seconds,
            self.prometheus_bearer_token_file,
            self.prometheus_username,
            self.prometheus_password_file,
            self.prometheus_ca_file,
            self.prometheus_headers,
        )

    @field_validator("namespaces", "require_signed", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        return value

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("prometheus_headers")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, said in value.items():
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not re.fullmatch(r"[ -~]*", said):
                raise ValueError(f"{name!r} is no header: names have letters, digits and '-', values are plain text")
            if name.lower() in {"authorization", "proxy-authorization", "cookie"}:
                raise ValueError(
                    f"{name} would stand here for all to read: mount it from a Secret as a token or a password"
                )
        return value

    @field_validator("model_store")
    @classmethod
    def _stores(cls, value: dict[str, ModelStore]) -> dict[str, ModelStore]:
        for namespace, store in value.items():
            if problem := store.problem():
                raise ValueError(f"the store of namespace {namespace}: {problem}")
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.prometheus_bearer_token_file and self.prometheus_username:
            raise ValueError("SERIN_PROMETHEUS_BEARER_TOKEN_FILE and SERIN_PROMETHEUS_USERNAME are both set; keep one")
        if self.prometheus_password_file and not self.prometheus_username:
            raise ValueError("SERIN_PROMETHEUS_PASSWORD_FILE is set without SERIN_PROMETHEUS_USERNAME")
        return self


def complaints(error: ValidationError) -> list[str]:
    """One line for each bad setting: its variable, what it was, what is wrong."""
    lines = []
    for problem in error.errors():
        reason = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(reason)
            continue
        first, *inner = map(str, problem["loc"])
        variable = f"SERIN_{first}".upper()
        if inner or not isinstance(problem["input"], str):  # a part of it says more than all of it
            lines.append(f"{'.'.join([variable, *inner])}: {reason}")
        else:
            lines.append(f"{variable}={problem['input']}: {reason}")
    return lines
