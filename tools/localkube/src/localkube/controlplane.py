"""The machine of the control plane: its sandbox with etcd, kube-apiserver, controller-manager and scheduler."""

from __future__ import annotations

from pathlib import Path

from localkube import controlplaneconfig, network
from localkube.addresses import AddressPlan
from localkube.apiclient import ApiClient
from localkube.debian import SYSTEM_PATH
from localkube.environment import SELDOM
from localkube.errors import LocalKubeError
from localkube.sandbox.box import Sandbox
from localkube.waiting import wait_until

_STOP_SECONDS = 2.0  # then SIGKILL: kube-apiserver would wait for open watches, and these stops are meant as failures
_CLIENTS = ("kube-controller-manager", "kube-scheduler")


class ControlPlane:
    """Starts, stops and asks the control plane of the cluster in `cluster_folder`."""

    def __init__(self, cluster_folder: Path, plan: AddressPlan, bin_path: str) -> None:
        self.box = Sandbox("control-plane", cluster_folder / "control-plane")
        self._folder = cluster_folder
        self._plan = plan
        self._environment = {"PATH": f"{bin_path}:{SYSTEM_PATH}", "HOME": str(cluster_folder), **SELDOM}

    @property
    def api(self) -> ApiClient:
        """For the questions that kubectl is too slow for."""
        return ApiClient(str(self._plan.control_plane), self._folder / "pki")

    @property
    def pid(self) -> int:
        """Pid 1 of the sandbox; the bridge between nodes lives in its network namespace."""
        if (pid := self.box.pid) is None:
            raise LocalKubeError("the control plane does not run", "localkube down, then localkube up")
        return pid

    def begin(self) -> None:
        """Make the sandbox and its links, start etcd and kube-apiserver, do not wait."""
        pid = self.box.start(runs_containers=False)
        on_host, within = network.control_plane_links(self._plan, pid)
        network.run_batch(on_host)
        network.run_batch(within, pid)
        self._start("etcd", "kube-apiserver")

    def finish(self) -> None:
        """Wait for kube-apiserver, then start its clients, again if they gave up while it was away."""
        wait_until("kube-apiserver ready", self.api.is_ready, [self.box], may_end=_CLIENTS)
        self._start(*_CLIENTS)

    def wait_for_service_accounts(self) -> None:
        """Wait until pods can be created: that is when the namespace `default` has its ServiceAccount."""
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        wait_until("default service account", lambda: self.api.exists(account), [self.box])

    def stop_apiserver(self) -> None:
        """Stop kube-apiserver alone."""
        self.box.stop_program("kube-apiserver", _STOP_SECONDS)

    def start_apiserver(self) -> None:
        """Start kube-apiserver and wait for it; its clients begin anew.

        Elsewhere they end by themselves when they cannot renew their lease, and are started again. Without a lease they
        would sit out a backoff of up to a minute and a half, in which no Job gets a pod and no Service an endpoint.
        """
        for program in _CLIENTS:
            self.box.stop_program(program, _STOP_SECONDS)
        self._start("kube-apiserver")
        self.finish()

    def restart(self) -> None:
        """Stop everything, start everything; etcd's data stays."""
        for program in (*_CLIENTS, "kube-apiserver", "etcd"):
            self.box.stop_program(program, _STOP_SECONDS)
        self._start("etcd", "kube-apiserver")
        self.finish()

    def _start(self, *names: str) -> None:
        commands = {
            "etcd": controlplaneconfig.etcd(self._folder),
            "kube-apiserver": controlplaneconfig.apiserver(self._folder, self._plan),
            "kube-controller-manager": controlplaneconfig.controller_manager(self._folder),
            "kube-scheduler": controlplaneconfig.scheduler(self._folder),
        }
        for name in names:
            self.box.start_program(name, commands[name], self._environment)
