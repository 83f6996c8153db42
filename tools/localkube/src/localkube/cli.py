"""The command line: a thin skin over `Cluster`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from localkube import state
from localkube.addons.registry import ADDONS
from localkube.binaries.bundles import all_bundles
from localkube.binaries.find import programs_folder
from localkube.cluster import Cluster
from localkube.errors import LocalKubeError
from localkube.images.build import build_image, build_images, refresh_all_requirements
from localkube.images.project import repository_root
from localkube.reporting import ToTerminal

app = typer.Typer(
    help="A real Kubernetes on plain Linux, without Docker.", no_args_is_help=True, pretty_exceptions_enable=False
)

Name = Annotated[str, typer.Option("--name", help="Which cluster.")]
NodeName = Annotated[str, typer.Argument(help="Which node: node1, node2, node3.")]
_DEFAULT = "serin"


@app.command()
def up(
    name: Name = _DEFAULT,
    nodes: Annotated[int, typer.Option(help="0 (control plane only) to 3.")] = 1,
    image: Annotated[list[Path] | None, typer.Option(help="Image archive to load; may be repeated.")] = None,
) -> None:
    """Start a cluster, or what is stopped of it; prints the path of its kubeconfig."""
    print(Cluster.up(name, nodes, images=image or (), report=ToTerminal()).kubeconfig)


@app.command()
def down(name: Name = _DEFAULT) -> None:
    """End a cluster and everything in it; nothing is left behind."""
    report = ToTerminal()
    if state.read(name) is None:
        report.say(f"there is no cluster {name}")
    else:
        Cluster.open(name, report).down()


@app.command()
def status(
    name: Name = _DEFAULT, every: Annotated[bool, typer.Option("--all", help="All clusters of this machine.")] = False
) -> None:
    """What runs, as JSON."""
    clusters = [Cluster(record, ToTerminal()) for record in state.all_records()] if every else [Cluster.open(name)]
    print(json.dumps([cluster.status() for cluster in clusters] if every else clusters[0].status(), indent=2))


@app.command()
def kubeconfig(name: Name = _DEFAULT) -> None:
    """Print the path of the kubeconfig."""
    print(Cluster.open(name).kubeconfig)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def kubectl(arguments: Annotated[list[str], typer.Argument()], name: Name = _DEFAULT) -> None:
    """Run kubectl on the cluster: `localkube kubectl get pods -A`."""
    environment = Cluster.open(name).environment()
    os.execvpe("kubectl", ["kubectl", *arguments], environment)


@app.command()
def load_image(archives: list[Path], name: Name = _DEFAULT) -> None:
    """Load image archives (docker-archive or OCI tar) into every running node."""
    cluster = Cluster.open(name, ToTerminal())
    for archive in archives:
        cluster.load_image(archive)


@app.command()
def stop_node(node: NodeName, name: Name = _DEFAULT) -> None:
    """Pull the plug of a node."""
    Cluster.open(name, ToTerminal()).stop_node(node)


@app.command()
def start_node(node: NodeName, name: Name = _DEFAULT) -> None:
    """Start a stopped node; returns when it is Ready."""
    Cluster.open(name, ToTerminal()).start_node(node)


@app.command()
def stop_apiserver(name: Name = _DEFAULT) -> None:
    """Stop kube-apiserver; the rest goes on."""
    Cluster.open(name, ToTerminal()).stop_apiserver()


@app.command()
def start_apiserver(name: Name = _DEFAULT) -> None:
    """Start kube-apiserver again."""
    Cluster.open(name, ToTerminal()).start_apiserver()


@app.command()
def restart_control_plane(name: Name = _DEFAULT) -> None:
    """Stop and start the whole control plane; its data stays."""
    Cluster.open(name, ToTerminal()).restart_control_plane()


@app.command()
def build(
    tools: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(all_bundles())}; by default all.")] = None,
) -> None:
    """Fetch or build the programs ahead of time; prints their folders."""
    bundles = all_bundles()
    for tool in tools or bundles:
        if tool not in bundles:
            raise LocalKubeError(f"unknown tool {tool!r}", f"one of {', '.join(bundles)}")
        print(programs_folder(bundles[tool], bundles[tool].content, ToTerminal()))


@app.command()
def add(
    addons: Annotated[
        list[str], typer.Argument(help="; ".join(f"{each.name}: {each.about}" for each in ADDONS.values()))
    ],
    name: Name = _DEFAULT,
) -> None:
    """Install add-ons in the cluster; prints the URL of each that has one."""
    cluster = Cluster.open(name, ToTerminal())
    for addon in addons:
        if url := cluster.add(addon):
            print(url)


@app.command()
def prometheus_up(name: Name = _DEFAULT) -> None:
    """Run Prometheus in the cluster; prints its URL. The same as `localkube add prometheus`."""
    print(Cluster.open(name, ToTerminal()).add("prometheus"))


@app.command()
def images() -> None:
    """Build the operator's and the server's image, unless nothing has changed; prints the archives."""
    for archive in build_images(repository_root(), ToTerminal()):
        print(archive)


@app.command()
def image_cuda() -> None:
    """Build the server's image for GPUs of NVIDIA (gigabytes), unless nothing has changed; prints the archive."""
    print(build_image("cuda", repository_root(), ToTerminal()))


@app.command()
def image_ui() -> None:
    """Build the image of the page for everybody, unless nothing has changed; prints the archive."""
    print(build_image("ui", repository_root(), ToTerminal()))


@app.command()
def image_collector() -> None:
    """Build the image of the collector of predictions, unless nothing has changed; prints the archive."""
    print(build_image("collector", repository_root(), ToTerminal()))


@app.command()
def requirements() -> None:
    """Export the locked dependencies of the images from uv.lock into their files of requirements."""
    refresh_all_requirements(repository_root())


def main() -> None:
    """Entry point: errors that a person can act on come without a stack trace."""
    try:
        app()
    except LocalKubeError as error:
        print(f"localkube: {error}", file=sys.stderr)
        sys.exit(1)
