"""Carry out the steps of an add-on on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from localkube.addons.addon import AddOn, Address, Apply, Chart, Install, Render, Step, Wait
from localkube.binaries.find import programs_folder
from localkube.clients import Clients
from localkube.errors import LocalKubeError
from localkube.images.small import program_archive
from localkube.reporting import Reporter

_HELM_TIMEOUT = "180s"


class Installer:
    """Installs add-ons with the clients of one cluster. Twice is fine: every step finds what is there already."""

    def __init__(self, clients: Clients, load_image: Callable[[Path], None], report: Reporter) -> None:
        self._clients = clients
        self._load_image = load_image
        self._report = report

    def install(self, addon: AddOn) -> str:
        """Returns when the add-on serves; its URL from this machine, empty when it has no address."""
        for image in addon.images:
            self._load_image(program_archive(image, self._report))
        for step in addon.steps:
            self._take(step)
        url = self.url(addon.address) if addon.address else ""
        self._report.say(f"{addon.name} is ready{f': {url}' if url else ''}")
        return url

    def url(self, address: Address) -> str:
        """An add-on's URL as this machine reaches it."""
        where = ("-n", address.namespace, "get", "service", address.service)
        return address.url(self._kubectl(*where, "-o", "jsonpath={.spec.clusterIP}"))

    def _take(self, step: Step) -> None:
        match step:
            case Apply(manifest):
                self._kubectl("apply", "--server-side", "-f", str(manifest))
            case Render(chart):
                text = self._helm("template", chart.release, *self._source(chart))
                self._kubectl("apply", "--server-side", "-f", "-", text=text)
            case Install(chart):
                self._install(chart)
            case Wait(arguments):
                self._kubectl(*arguments)
            case _:
                assert_never(step)

    def _install(self, chart: Chart) -> None:
        options = ("--create-namespace", "--wait", "--timeout", _HELM_TIMEOUT)
        try:
            self._helm("upgrade", "--install", chart.release, *self._source(chart), *options)
        except LocalKubeError as error:
            pods = self._clients.kubectl(("-n", chart.namespace, "get", "pods"), None, check=False)
            way_out = f"localkube kubectl -- -n {chart.namespace} logs … (add --previous for what has crashed)"
            raise LocalKubeError(f"{error.what}\n{pods}", way_out) from error

    def _source(self, chart: Chart) -> tuple[str, ...]:
        """The arguments that say which chart, with which values, for which namespace."""
        folder = programs_folder(chart.bundle(), [chart.name], self._report) / chart.name
        values = [*(folder / name for name in chart.own_values), chart.values]
        return (str(folder), "--namespace", chart.namespace, *(f"--values={file}" for file in values))

    def _kubectl(self, *arguments: str, text: str | None = None) -> str:
        return self._clients.kubectl(arguments, text, check=True)

    def _helm(self, *arguments: str) -> str:
        return self._clients.helm(arguments, None, check=True)
