"""What an add-on is made of, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localkube.binaries.bundles import Bundle
from localkube.images.small import ProgramImage


@dataclass(frozen=True)
class Apply:
    """Apply a manifest, server-side."""

    manifest: Path


@dataclass(frozen=True)
class Chart:
    """A Helm chart out of a bundle, and the values it gets: files of the chart's own first, then ours."""

    bundle: Callable[[], Bundle]
    name: str
    release: str
    namespace: str
    values: Path
    own_values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Render:
    """Render a chart and apply the result: for custom resource definitions, which are too big for a release of Helm."""

    chart: Chart


@dataclass(frozen=True)
class Install:
    """Install a chart as a release, and wait for its pods."""

    chart: Chart


@dataclass(frozen=True)
class Wait:
    """A `kubectl wait` or `kubectl rollout status` that ends when the add-on serves."""

    arguments: tuple[str, ...]


Step = Apply | Render | Install | Wait


@dataclass(frozen=True)
class Address:
    """Where an add-on serves: a Service, and its URLs from both sides."""

    namespace: str
    service: str
    port: int = 80

    @property
    def in_cluster_url(self) -> str:
        """As pods reach it."""
        return self.url(f"{self.service}.{self.namespace}.svc")

    def url(self, host: str) -> str:
        """As whoever knows it by `host` reaches it."""
        return f"http://{host}" if self.port == 80 else f"http://{host}:{self.port}"


@dataclass(frozen=True)
class AddOn:
    """Images that the nodes get, steps in their order, and where it serves then (None: nowhere that clients would ask)."""

    name: str
    about: str
    images: tuple[ProgramImage, ...]
    steps: tuple[Step, ...]
    address: Address | None = None
