"""The operator dies at any moment of a rollout, and the rollout ends as if nothing had happened."""

import json
import random
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.cluster

STEPS = [{"weight": weight, "holdSeconds": 2} for weight in (10, 25, 50)]
KILLS = 20


def a_model_deployment(namespace, version):
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "m", "namespace": namespace},
        "spec": {
            "replicas": 3,
            "model": {"version": version, "uri": f"file:///models/{version}.onnx"},
            "rollout": {"steps": STEPS, "bakeSeconds": 2},
        },
    }


class Watch:
    """Every status that anybody could have seen, in order."""

    def __init__(self):
        self.statuses = []

    def stable(self):
        return self.statuses[-1].get("stable", {}).get("version") if self.statuses else None

    def steps(self, version):
        """(step, weight in the spec) of the rollout of a version while it had traffic, as it changed."""
        seen = []
        for status in self.statuses:
            canary = status.get("canary") or {}
            if canary.get("version") == version and canary.get("weight"):
                place = (canary.get("step"), canary.get("stepWeight"))
                if not seen or seen[-1] != place:
                    seen.append(place)
        return seen


@contextmanager
def watching(kubernetes, namespace):
    """`kubectl get --watch`, beside the test."""
    process = subprocess.Popen(
        ["kubectl", "get", "modeldeployment", "m", "-n", namespace, "--watch", "-o", "json", "--output-watch-events"],
        env=dict(kubernetes.environment),
        stdout=subprocess.PIPE,
        text=True,
    )
    watch = Watch()

    def read():
        decoder, text = json.JSONDecoder(), ""
        for line in process.stdout:
            text += line
            try:
                event, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                continue
            text = text[end:].lstrip()
            watch.statuses.append(event["object"].get("status") or {})

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield watch
    process.kill()
    process.wait()
    thread.join(5)


@pytest.mark.timeout(1200)
def test_twenty_sigkills_change_nothing_about_a_rollout(kubernetes, kubelet, namespace, start_operator):
    random.seed(20)
    operator = start_operator(POD_NAME="only")
    kubernetes.apply(a_model_deployment(namespace, "v0"))
    with watching(kubernetes, namespace) as watch:
        kubernetes.wait_for("v0 to serve", lambda: watch.stable() == "v0")
        kills, number = 0, 0
        while kills < KILLS:
            number += 1
            version = f"v{number}"
            kubernetes.apply(a_model_deployment(namespace, version))
            while watch.stable() != version:
                time.sleep(random.uniform(0.2, 2.5))  # the moment is what is random here
                if kills < KILLS and watch.stable() != version:
                    operator.kill()
                    kills += 1
                    # The successor need not wait for the lease to run out: it is as if it had been elected.
                    kubernetes.kubectl("delete", "lease", "serin-operator", "-n", namespace, "--ignore-not-found")
                    operator = start_operator(POD_NAME="only")
                    kubernetes.wait_for("the successor to lead", operator.is_leading)
            assert watch.steps(version) == [(n, step["weight"]) for n, step in enumerate(STEPS)]
        print(f"{kills} kills in {number} rollouts")
    history = kubernetes.get("modeldeployment", "m", "-n", namespace)["status"]["versions"]
    assert [entry["outcome"] for entry in history] == ["Promoted"] * (number + 1)
    assert len({entry["revision"] for entry in history}) == number + 1
