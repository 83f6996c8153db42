"""A real Kubernetes on plain Linux, without Docker.

`localkube.Cluster` is the whole Python API; the command line (`localkube --help`) is a thin skin over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localkube.cluster import Cluster as Cluster
    from localkube.errors import LocalKubeError as LocalKubeError

__all__ = ["Cluster", "LocalKubeError"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    """Import on first use: pid 1 and the DNS server of every node live in this package and should start in milliseconds."""
    if name == "Cluster":
        from localkube.cluster import Cluster  # noqa: PLC0415

        return Cluster
    if name == "LocalKubeError":
        from localkube.errors import LocalKubeError  # noqa: PLC0415

        return LocalKubeError
    raise AttributeError(name)
