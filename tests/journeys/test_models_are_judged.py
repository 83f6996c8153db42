"""What the evidence decides on a real cluster, with real patients: retrains, bad labels, slices, slowness, decay, drift.

Each prints what it took. `make journeys` runs them; the statistics behind are measured by thousands in `benchmarks/analysis`.
"""

import math
import random
import re
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tests.support import trained
from tests.support.clinic import opened
from tests.support.serin import STORE, Space

pytestmark = pytest.mark.e2e

INTERVAL = 5
SIGNED: dict[str, Any] = {"serving": {"feedback": {"signing": "Managed"}}}
PATIENTS = trained.patients()
HELD = 3600


def rollout(*weights: int, hold: int = 10, **more: Any) -> dict[str, Any]:
    steps = [{"weight": weight, "holdSeconds": hold} for weight in weights]
    return {"rollout": {"steps": steps, "bakeSeconds": 3, "progressDeadlineSeconds": 120, **more}}


def judged(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"analysis": {"intervalSeconds": INTERVAL, "metrics": list(metrics), **more}}


def accuracy(max_decrease: float = 0.02, **more: Any) -> dict[str, Any]:
    asked = {"maxDecrease": max_decrease, **({"paired": more.pop("paired")} if "paired" in more else {})}
    return {"name": "accuracy", "accuracy": asked, **more}


def put(space: Space, **models: bytes) -> None:
    """Into the store, and wait until it serves them: a kubelet needs a while to notice."""
    space.serin.put_models({f"{name}.onnx": content for name, content in models.items()})
    address = space.kubernetes.kubectl("-n", STORE, "get", "service", STORE, "-o", "jsonpath={.spec.clusterIP}")
    for name in models:
        fetch = ["curl", "-sf", "-o", "/dev/null", f"http://{address}/{name}.onnx"]
        served = lambda fetch=fetch: space.kubernetes.run(*fetch, check=False).returncode == 0  # noqa: E731
        space.kubernetes.wait_for(f"{name} is in the store", served, 150, every=1)


def apply(space: Space, version: str, file: str, **spec: Any) -> None:
    space.apply(version, f"http://{STORE}.{STORE}.svc/{file}.onnx", **SIGNED, **spec)


def serve(space: Space, version: str, file: str, **spec: Any) -> None:
    apply(space, version, file, **spec)
    space.wait_until_serves(version, 120)


def say(text: str) -> None:
    sys.stdout.write(f"  {text}\n")


def predictions(model: bytes) -> np.ndarray:
    """What a model says about those who ask."""
    session = onnxruntime.InferenceSession(model)
    return np.asarray(session.run(["label"], {"features": np.asarray(PATIENTS.features, np.float32)})[0])


def test_the_everyday_retrain_is_promoted_by_agreement_before_any_label_is_there(space: Space) -> None:
    first, retrained = trained.retrained(0), trained.retrained(1)
    differs = float(np.mean(predictions(first) != predictions(retrained)))
    put(space, seed0=first, seed1=retrained)
    proof = judged(accuracy(0.02, evidence="NonInferior"), pairing={"sample": 1.0})
    serve(space, "v1", "seed0", **proof)
    with opened(space, PATIENTS, 100, label_seconds=(3600, 3600)) as clinic:
        apply(space, "v2", "seed1", **proof, **rollout(25, 50))
        space.wait_until("v2 has traffic", lambda: clinic.asked["v2"], 120)
        began = time.monotonic()
        space.wait_until_serves("v2", 300)
        told = f"differs on {differs:.1%} of the patients; promoted {time.monotonic() - began:.0f} s after its first answer"
        say(f"retrain: {told}, {clinic.asked['v2']} requests, {sum(clinic.labelled.values())} labels")
        assert not sum(clinic.labelled.values())
        assert clinic.lost == []


def labels_judged(message: str) -> int:
    """Labels of both versions on which a verdict rests; one of a pair is one, for it tells about both."""
    if found := re.search(r"of ([\d,]+) pairs", message):
        return int(found[1].replace(",", ""))
    arms = re.findall(r"right of ([\d,]+) labels", message)
    assert len(arms) == 2, message
    return sum(int(arm.replace(",", "")) for arm in arms)


def test_a_bad_version_is_rolled_back_by_labels_apart_and_by_labels_of_pairs(space: Space) -> None:
    bad = (space.serin.files / "v3/model.onnx").read_bytes()
    rounds = 3
    names = {
        (paired, number): f"bad-{paired}-{number}".lower() for paired in ("Off", "Auto") for number in range(rounds)
    }
    put(space, **{name: trained.renamed(bad, name) for name in names.values()})
    spec = {"replicas": 3, **rollout(25, 50)}
    serve(space, "v2", "v2", **spec, **judged(accuracy(), minSamples=400))
    needed: dict[str, list[int]] = {"Off": [], "Auto": []}
    with opened(space, PATIENTS, 24, label_seconds=(2, 5)) as clinic:
        for (paired, _), name in names.items():
            rules = judged(accuracy(paired=paired), minSamples=400, pairing={"sample": 1.0})
            apply(space, name, name, **spec, **rules)
            entry = space.wait_for_outcome(name, "RolledBack", 240)
            assert entry["reason"] == "AnalysisFailed"
            needed[paired].append(labels_judged(entry["message"]))
            say(f"{name}: {entry['message']}")
        assert clinic.lost == []
    say(f"labels of both versions, without pairs {needed['Off']}, with pairs {needed['Auto']}")
    assert median(needed["Auto"]) < median(needed["Off"]) / 2


def test_a_version_that_is_better_for_all_and_worse_for_some_is_held_by_its_slice(space: Space) -> None:
    put(space, sliced=trained.broken_in_the_middle((space.serin.files / "v2/model.onnx").read_bytes()))
    slices = {"by": f"features[{trained.RADIUS}]", "cuts": list(trained.MIDDLE)}
    spec = {**judged(accuracy(slices=slices, evidence="NonInferior")), **rollout(50, hold=20)}
    serve(space, "v1", "v1", **spec)
    middle = trained.is_middle(np.asarray(PATIENTS.features))
    easy, hard = np.flatnonzero(~middle), np.flatnonzero(middle)

    def few_of_them(chance: random.Random) -> int:
        return int(chance.choice(hard if chance.random() < 0.15 else easy))

    with opened(space, PATIENTS, 100, draw=few_of_them) as clinic:
        apply(space, "v2", "sliced", **spec)
        entry = space.wait_for_outcome("v2", "RolledBack", 500)
        say(
            f"v1 {clinic.accuracy('v1'):.1%}, v2 {clinic.accuracy('v2'):.1%} of {clinic.labelled['v2']} labels: {entry['message']}"
        )
        assert entry["reason"] == "AnalysisFailed"
        assert "slice features[0]" in entry["message"]
        assert clinic.accuracy("v2") >= clinic.accuracy("v1") - 0.02
        assert clinic.lost == []


def test_a_version_three_times_as_slow_is_away_within_two_intervals(space: Space) -> None:
    model = (space.serin.files / "v2/model.onnx").read_bytes()
    put(space, quick=trained.slowed(model, 20), slow=trained.slowed(model, 60))
    slow = {"name": "slow", "latency": {"slowerThanSeconds": 0.005}}
    spec = {**judged(slow), **rollout(50, hold=HELD)}
    serve(space, "v1", "quick", **spec)
    with opened(space, PATIENTS, 40, label_seconds=None) as clinic:
        apply(space, "v2", "slow", **spec)
        entry = space.wait_for_outcome("v2", "RolledBack", 120)
        took = time.monotonic() - clinic.first_answer["v2"]
        say(
            f"three times as slow: rolled back {took:.1f} s after its first answer, {clinic.asked['v2']} requests: {entry['message']}"
        )
        assert entry["reason"] == "AnalysisFailed"
        assert took <= 2 * INTERVAL + 2
        assert clinic.lost == []


def test_a_version_that_decays_after_its_promotion_makes_room_for_the_one_before(space: Space) -> None:
    put(space, decays=trained.broken_in_the_middle((space.serin.files / "v2/model.onnx").read_bytes()))
    middle = trained.is_middle(np.asarray(PATIENTS.features))
    easy, hard = np.flatnonzero(~middle), np.flatnonzero(middle)
    spec = {
        **judged(accuracy(), pairing={"sample": 1.0}),
        **rollout(50, hold=5),
        "guard": {"seconds": 3600},
    }
    serve(space, "v1", "v1", **spec)
    with opened(space, PATIENTS, 60, draw=lambda chance: int(chance.choice(easy))) as clinic:
        apply(space, "v2", "decays", **spec)
        space.wait_until_serves("v2", 180)
        space.wait_until("the guard has begun", lambda: space.status().get("guard"), 60)
        space.kubernetes.wait_for("a good time of its own", lambda: clinic.labelled["v2"] > 1500, 120)
        before, began = clinic.labelled["v2"], time.monotonic()
        clinic.draw = lambda chance: int(chance.choice(hard if chance.random() < 0.9 else easy))
        entry = space.wait_for_outcome("v2", "RolledBack", 240)
        say(
            f"decayed: found after {clinic.labelled['v2'] - before} labels and {time.monotonic() - began:.0f} s: {entry['message']}"
        )
        assert entry["reason"] == "GuardFailed"
        space.wait_until("v1 is back", lambda: (space.status().get("stable") or {}).get("version") == "v1", 60)
        assert clinic.lost == []


@pytest.mark.timeout(2400)
def test_twenty_equally_good_versions_are_promoted_while_the_traffic_drifts(space: Space) -> None:
    """Each is as often right as the first about those who ask; who comes changes all the time, and with it how often all are wrong."""
    chosen = as_good_as_the_first(20)
    put(space, **chosen)
    names = list(chosen)
    first = predictions(chosen[names[0]])
    hard = np.flatnonzero(first != np.asarray(PATIENTS.labels))
    spec = {**judged(accuracy(), {"name": "errors", "errorRate": {}}), **rollout(50, hold=8)}
    serve(space, names[0], names[0], **spec)

    def drifting(chance: random.Random) -> int:
        share = 0.06 + 0.06 * math.sin(2 * math.pi * time.monotonic() / 45)
        return int(chance.choice(hard)) if chance.random() < share else chance.randrange(len(PATIENTS.labels))

    with opened(space, PATIENTS, 80, draw=drifting) as clinic:
        for name in names[1:]:
            apply(space, name, name, **spec)
            space.wait_until(f"{name} has ended", lambda name=name: space.outcome(name) not in {"", "InProgress"}, 240)
            say(f"{name}: {space.outcome(name)}, {clinic.accuracy(name):.1%} of {clinic.labelled[name]} labels right")
            assert space.outcome(name) == "Promoted"
        assert clinic.lost == []


def as_good_as_the_first(count: int) -> dict[str, bytes]:
    """Retrains that are wrong about as many of those who ask as the first, and not about the same ones only."""
    truth = np.asarray(PATIENTS.labels)
    found: dict[str, bytes] = {}
    wanted = None
    for seed in range(200):
        model = trained.retrained(seed)
        wrong = int(np.sum(predictions(model) != truth))
        wanted = wrong if wanted is None else wanted
        if wrong == wanted:
            found[f"equal-{seed}"] = model
        if len(found) == count + 1:
            return found
    raise AssertionError(f"only {len(found)} of 200 are wrong as often as the first")
