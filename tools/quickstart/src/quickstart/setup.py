"""Everything before the story: models, cluster, images, Prometheus, Serin, the bucket; and taking it away."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import yaml

from localkube import state
from localkube.cluster import Cluster
from localkube.images.build import build_images
from localkube.images.small import VERSITYGW, program_archive
from quickstart import place as places
from quickstart.bucket import BUCKET, Bucket
from quickstart.example import NAMESPACE, Example
from quickstart.place import Place
from quickstart.screen import Screen, Step
from quickstart.signing import Signer

SYSTEM_NAMESPACE = "serin-system"
OUT = Path("build/quickstart")
OURS = "serin.dev/installed-by=quickstart"
CRD = "modeldeployments.serin.dev"


def prepare(screen: Screen, root: Path, out: Path) -> tuple[Place, Example]:
    """Make everything ready; what is there already is used again, but the example starts afresh."""
    screen.chapter("Getting ready")
    out.mkdir(parents=True, exist_ok=True)
    place = _on_current(screen) if places.is_current() else _on_local(screen, root)
    _begin_afresh(place)
    with screen.step("Models") as step:
        example = Example.train(root, out, place.images)
        step.result = "trained with scikit-learn, exported to ONNX, each with requests and their right answers"
    rows = [
        [each.version, f"{each.accuracy:.1%} of unseen right", each.description] for each in example.models.values()
    ]
    screen.table(["", "IN SCIKIT-LEARN", "WHAT IT IS"], rows)
    _install_serin(screen, place, root, out)
    _fill_bucket(screen, place, example)
    return place, example


def _fill_bucket(screen: Screen, place: Place, example: Example) -> None:
    bucket, signer = Bucket.with_a_new_key(NAMESPACE), Signer()
    with screen.step("Bucket") as step:
        _empty_namespace(place)
        place.kubectl.apply(*example.home(bucket, signer))
        place.kubectl("rollout", "status", "deployment/bucket", "--timeout=120s")
        step.result = f"an S3 server in namespace {NAMESPACE}; the Secret `bucket` opens it"
    with screen.step("Upload") as step:
        example.sign(signer)
        files = example.files()
        bucket.put(place.kubectl, example.out / "models", files)
        step.result = (
            f"{len(files)} files to s3://{BUCKET}/, signed with a key made just now ({signer.fingerprint[:12]})"
        )


def _on_current(screen: Screen) -> Place:
    with screen.step("Cluster") as step:
        place = places.current()
        context = place.kubectl("config", "current-context").strip()
        step.result = f"current context {context}"
    return place


def _on_local(screen: Screen, root: Path) -> Place:
    with screen.step("Images") as step:
        archives = [*build_images(root, step), program_archive(VERSITYGW, step)]
        step.result = f"{places.OPERATOR_IMAGE}, {places.SERVING_IMAGE}, {VERSITYGW.reference}"
    with screen.step("Cluster") as step:
        cluster = Cluster.up(places.LOCAL_NAME, 1, images=archives, report=step)
        _load(cluster, archives, step)
        place = places.of_cluster(cluster, operator_build=archives[0].stem)
        server = json.loads(place.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
        step.result = f"Kubernetes {server}, one node, on this machine"
    with screen.step("Prometheus") as step:
        cluster.add("prometheus")
        step.result = "scrapes every second"
    return place


def _load(cluster: Cluster, archives: list[Path], step: Step) -> None:
    """Load what a cluster of an earlier run does not have yet."""
    stamp = cluster.folder / "quickstart-images"
    wanted = "\n".join(archive.name for archive in archives)
    had = stamp.read_text() if stamp.exists() else None
    if had is not None and had != wanted:
        for archive in archives:
            step.say(f"loading {archive.name}")
            cluster.load_image(archive)
    stamp.write_text(wanted)


def _install_serin(screen: Screen, place: Place, root: Path, out: Path) -> None:
    values = out / "values.yaml"
    values.write_text(yaml.safe_dump(_values(place), sort_keys=False))
    with screen.step("Serin") as step:
        if place.cluster is None and place.kubectl.get(f"crd/{CRD}") and not _is_ours(place):
            step.result = "is installed on this cluster already, and used as it is"
            return
        place.helm(
            "upgrade", "--install", "serin", str(root / "charts/serin"),
            "--namespace", SYSTEM_NAMESPACE, "--create-namespace", "--values", str(values), "--wait", "--timeout=180s",
        )  # fmt: skip
        place.kubectl("label", "--overwrite", f"namespace/{SYSTEM_NAMESPACE}", OURS)
        step.result = f"helm upgrade --install serin charts/serin --values {values}"


def _is_ours(place: Place) -> bool:
    """Whether an earlier quickstart installed Serin here; what others installed is neither changed nor removed."""
    found = place.kubectl.get(f"namespace/{SYSTEM_NAMESPACE}") or {"metadata": {}}
    key, _, value = OURS.partition("=")
    return bool(found["metadata"].get("labels", {}).get(key) == value)


def _values(place: Place) -> dict[str, object]:
    def image(reference: str) -> dict[str, str]:
        repository, _, tag = reference.rpartition(":")
        return {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}

    return {
        "image": image(place.operator_image),
        "servingImage": image(place.serving_image),
        "prometheus": {"url": place.prometheus_url, "scrapeIntervalSeconds": place.scrape_interval_seconds},
        # The tag stays the same when an image is built anew; this makes Helm replace the operator's pods all the same.
        "podAnnotations": {"serin.dev/build": place.operator_build} if place.operator_build else {},
    }


def _begin_afresh(place: Place) -> None:
    """What an earlier run left goes, in the background."""
    place.kubectl("delete", f"namespace/{NAMESPACE}", "--ignore-not-found", "--wait=false")


def _empty_namespace(place: Place) -> None:
    """An empty namespace that admits only restricted pods."""
    place.kubectl("wait", "--for=delete", f"namespace/{NAMESPACE}", "--timeout=120s", timeout=150)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    place.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}})


def start_traffic(screen: Screen, place: Place, example: Example) -> None:
    """The clients."""
    with screen.step("Traffic") as step:
        place.kubectl.apply(*example.traffic())
        place.kubectl("rollout", "status", "deployment/traffic", "--timeout=120s")
        step.result = "100 requests a second through the Service"


def take_down(screen: Screen) -> None:
    """The local cluster as a whole; on somebody's own cluster, what quickstart installed there."""
    if places.is_current():
        _take_down_current(screen, places.current())
    elif state.read(places.LOCAL_NAME) is None:
        screen.say("there is no local cluster")
    else:
        with screen.step("Cluster") as step:
            Cluster.open(places.LOCAL_NAME).down()
            step.result = "gone, with everything in it"
    shutil.rmtree(OUT, ignore_errors=True)
    with contextlib.suppress(OSError):  # other things may be in there
        OUT.parent.rmdir()


def _take_down_current(screen: Screen, place: Place) -> None:
    gone = ["--ignore-not-found", "--timeout=180s"]
    with screen.step("Example") as step:
        place.kubectl("delete", f"namespace/{NAMESPACE}", *gone, timeout=200)
        step.result = "gone"
    if _is_ours(place):
        with screen.step("Serin") as step:
            place.helm("uninstall", "serin", "--namespace", SYSTEM_NAMESPACE, "--wait")
            place.kubectl("delete", f"namespace/{SYSTEM_NAMESPACE}", f"crd/{CRD}", *gone, timeout=200)
            step.result = "gone, with its CRD"
