"""What a cluster can learn on request: the registry, and how its steps are carried out."""

from pathlib import Path

import pytest
import yaml

from localkube.addons import registry
from localkube.addons.addon import AddOn, Address, Apply, Chart, Install, Render, Wait
from localkube.addons.install import Installer
from localkube.binaries.bundles import ForeignModule, envoy_gateway
from localkube.errors import LocalKubeError
from localkube.images.libraries import libraries_in, shared_libraries
from localkube.reporting import Quiet

GATEWAY = {(each["kind"], each["metadata"]["name"]): each for each in
           yaml.safe_load_all((Path(registry.__file__).parent / "gateway.yaml").read_text())}  # fmt: skip


class Clients:
    """Writes down what is asked of kubectl and Helm."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def kubectl(self, arguments, text, *, check):
        self.asked.append(("kubectl", *arguments, *([text] if text else [])))
        return "10.1.2.3" if "service" in arguments else ""

    def helm(self, arguments, text, *, check):
        self.asked.append(("helm", *arguments))
        return "kind: CustomResourceDefinition"


@pytest.fixture
def chart(tmp_path, monkeypatch) -> Chart:
    """The chart of the real bundle, in a cache that holds it already."""
    folder = tmp_path / "bin" / envoy_gateway().folder_name / "gateway-helm"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SERIN_CACHE", str(tmp_path))
    monkeypatch.delenv("LOCALKUBE_BIN", raising=False)
    return Chart(envoy_gateway, "gateway-helm", "eg", "system", Path("/ours.yaml"), own_values=("values.tmpl.yaml",))


def test_steps_are_taken_in_their_order_and_the_address_comes_last(chart, tmp_path):
    clients = Clients()
    steps = (Render(chart), Install(chart), Apply(Path("/m.yaml")), Wait(("wait", "gateway/x")))
    url = Installer(clients, print, Quiet()).install(AddOn("x", "", (), steps, Address("system", "front", 9090)))
    folder = tmp_path / "bin" / envoy_gateway().folder_name / "gateway-helm"
    values = (f"--values={folder}/values.tmpl.yaml", "--values=/ours.yaml")
    source = (str(folder), "--namespace", "system", *values)
    assert clients.asked[:-1] == [
        ("helm", "template", "eg", *source),
        ("kubectl", "apply", "--server-side", "-f", "-", "kind: CustomResourceDefinition"),
        ("helm", "upgrade", "--install", "eg", *source, "--create-namespace", "--wait", "--timeout", "180s"),
        ("kubectl", "apply", "--server-side", "-f", "/m.yaml"),
        ("kubectl", "wait", "gateway/x"),
    ]
    assert url == "http://10.1.2.3:9090"


def test_a_chart_whose_pods_do_not_become_ready_shows_them(chart):
    class Failing(Clients):
        def helm(self, arguments, text, *, check):
            raise LocalKubeError("helm upgrade failed")

        def kubectl(self, arguments, text, *, check):
            return "web-1   0/1   CrashLoopBackOff"

    with pytest.raises(LocalKubeError, match=r"helm upgrade failed\nweb-1 .*CrashLoopBackOff\n.*-n system logs"):
        Installer(Failing(), print, Quiet()).install(AddOn("x", "", (), (Install(chart),)))


def test_the_default_port_is_left_out_of_an_address():
    assert Address("system", "front").in_cluster_url == "http://front.system.svc"
    assert Address("system", "front", 8080).in_cluster_url == "http://front.system.svc:8080"


def test_an_unknown_add_on_is_refused_with_the_names_that_there_are():
    with pytest.raises(LocalKubeError, match=r"no add-on 'traefik'\n.*prometheus, gateway, metrics-server"):
        registry.named("traefik")


@pytest.mark.parametrize("addon", registry.ADDONS.values(), ids=list(registry.ADDONS))
def test_every_file_that_an_add_on_names_is_there_and_no_image_is_pulled(addon: AddOn):
    files = [step.manifest for step in addon.steps if isinstance(step, Apply)]
    files += [step.chart.values for step in addon.steps if isinstance(step, Install | Render)]
    text = "\n".join(file.read_text() for file in files)
    assert all(each is not None for file in files for each in yaml.safe_load_all(file.read_text()))
    for image in addon.images:
        name, tag = image.reference.split(":")
        assert name in text
        assert tag in text
    assert "Never" in text


@pytest.mark.parametrize("addon", registry.ADDONS.values(), ids=list(registry.ADDONS))
def test_programs_and_charts_of_an_add_on_come_out_of_its_bundles(addon: AddOn):
    assert all(image.program in image.bundle().content for image in addon.images)
    for step in addon.steps:
        if isinstance(step, Install | Render):
            build = step.chart.bundle().build
            assert isinstance(build, ForeignModule)
            assert step.chart.name in build.charts


def test_the_gateway_serves_where_the_registry_says():
    address = registry.ADDONS["gateway"].address
    assert address
    proxy = GATEWAY["EnvoyProxy", "local"]
    assert proxy["spec"]["provider"]["kubernetes"]["envoyService"] == {"name": address.service, "type": "ClusterIP"}
    assert proxy["metadata"]["namespace"] == address.namespace
    gateway = GATEWAY["Gateway", registry.GATEWAY_NAME]
    assert gateway["metadata"]["namespace"] == address.namespace
    assert [each["port"] for each in gateway["spec"]["listeners"]] == [address.port]


def test_kubelets_are_asked_for_metrics_with_their_certificates_checked():
    values = yaml.safe_load((Path(registry.__file__).parent / "metrics-server-values.yaml").read_text())
    assert any(each.startswith("--kubelet-certificate-authority=") for each in values["defaultArgs"])
    assert "--kubelet-insecure-tls" not in values["defaultArgs"]


def test_the_libraries_of_a_program_keep_their_paths():
    text = (
        "\tlinux-vdso.so.1 (0x00007f2a10603000)\n"
        "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f2a10512000)\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f2a10605000)\n"
    )
    assert set(libraries_in(text)) == {"lib/x86_64-linux-gnu/libm.so.6", "lib64/ld-linux-x86-64.so.2"}


def test_a_library_that_is_missing_is_named():
    with pytest.raises(LocalKubeError, match=r"libodd\.so\.1"):
        libraries_in("\tlibodd.so.1 => not found\n")


def test_a_static_program_needs_no_libraries(tmp_path, monkeypatch):
    ldd = tmp_path / "ldd"
    ldd.write_text("#!/bin/sh\necho '\tnot a dynamic executable' >&2; exit 1\n")
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert shared_libraries(tmp_path / "program") == {}


def test_a_program_for_another_machine_says_the_way_out(tmp_path, monkeypatch):
    ldd = tmp_path / "ldd"
    ldd.write_text("#!/bin/sh\necho 'version GLIBC_2.99 required' >&2; exit 1\n")
    ldd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(LocalKubeError, match=r"GLIBC_2\.99(.|\n)*LOCALKUBE_BIN"):
        shared_libraries(tmp_path / "program")
