"""Schemes of stores over the network, and the module that reads each: one entry and one file a kind of store."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Final

from serin_server.model.sources.asked import Source
from serin_server.model.sources.remote import Remote

STORES: Final[Mapping[str, str]] = {
    "http": "web",
    "https": "web",
    "s3": "objects",
    "gs": "objects",
    "az": "objects",
    "oci": "oci",
    "oci+http": "oci",
    "hf": "hub",
    "mlflow": "mlflow",
    "mlflow+http": "mlflow",
}
"""Scheme to the module beside this one. Modules are imported when they are needed: most cost time at the start of a server."""

Opened = AbstractContextManager[Remote]


def opener(scheme: str) -> Callable[[Source], Opened]:
    """What opens the stores of a scheme: each module has one function `opened`."""
    module = import_module(f"{__package__}.{STORES[scheme]}")
    found: Callable[[Source], Opened] = module.opened
    return found
