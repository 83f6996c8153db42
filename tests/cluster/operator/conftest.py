"""What the tests of the operator against a real API server share."""

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.support.kubelet import fake_kubelet
from tests.support.kubernetes import Kubernetes
from tests.support.operator import OperatorProcess, install_crd

from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection

_numbers = itertools.count()


@pytest.fixture(scope="session")
def kubernetes(control_plane: Kubernetes) -> Kubernetes:
    """A control plane that knows ModelDeployments."""
    install_crd(control_plane)
    return control_plane


@pytest.fixture
def namespace(kubernetes: Kubernetes) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"shell-{os.getpid()}-{next(_numbers)}"
    kubernetes.kubectl("create", "namespace", name)
    yield name
    kubernetes.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
async def connection(kubernetes: Kubernetes) -> Connection:
    """The connection of an administrator."""
    return await Connection.load({"KUBECONFIG": kubernetes.kubeconfig})


@pytest.fixture
async def client(connection: Connection) -> AsyncIterator[ApiClient]:
    """Calls the API server; `client.calls` has what was called."""
    calls: list[tuple[str, str]] = []
    async with connection.new_session() as session:
        client = ApiClient(session, connection.server, on_request=lambda verb, code: calls.append((verb, code)))
        client.calls = calls  # type: ignore[attr-defined]
        yield client


@pytest.fixture
def kubelet(kubernetes: Kubernetes) -> Iterator[None]:
    """Pods run, though there is no node."""
    with fake_kubelet(kubernetes.kubeconfig):
        yield


@pytest.fixture
def start_operator(kubernetes: Kubernetes, namespace: str, tmp_path: Path) -> Iterator[Callable[..., OperatorProcess]]:
    """Starts replicas that look after the test's namespace; they are ended with the test."""
    started: list[OperatorProcess] = []

    def start(seen_by: Kubernetes = kubernetes, *, forked: bool = True, **settings: str) -> OperatorProcess:
        name = f"replica-{len(started)}"
        settings = {"NAMESPACES": namespace, "LEASE_NAMESPACE": namespace, "POD_NAME": name, **settings}
        started.append(OperatorProcess(seen_by, tmp_path / f"{name}.log", forked=forked, **settings))
        return started[-1]

    yield start
    for operator in started:
        if operator.exit_code is None:
            operator.kill()
        print(f"----- {operator.log.name}\n{operator.log.read_text()[-4000:]}")
