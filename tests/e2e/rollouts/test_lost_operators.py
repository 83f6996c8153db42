"""An operator that is killed again and again, and none at all: no step is shown twice, and what serves serves on."""

import json
import random
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.serin import SYSTEM, Space

pytestmark = pytest.mark.e2e

KILLS = 20


def steps_of(file: Path) -> list[tuple[int, int]]:
    """The (step, weight) pairs that a watch of status saw, without immediate repeats."""
    seen: list[tuple[int, int]] = []
    decoder, text = json.JSONDecoder(), file.read_text()
    position = 0
    while position < len(text):
        try:
            obj, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            break
        position += len(text[position:]) - len(text[position:].lstrip())
        canary = (obj.get("status") or {}).get("canary") or {}
        pair = (canary.get("step"), canary.get("weight"))
        if pair[0] is not None and (not seen or seen[-1] != pair):
            seen.append(pair)
    return seen


def test_an_operator_killed_at_twenty_random_moments_shows_each_step_once(space: Space, tmp_path: Path) -> None:
    serin, moments = space.serin, random.Random(KILLS)
    steps = [{"weight": 25, "holdSeconds": 40}, {"weight": 50, "holdSeconds": 40}]
    rollout = {"steps": steps, "bakeSeconds": 3, "progressDeadlineSeconds": 300}
    space.apply("v1", replicas=3, rollout=rollout)
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)
    watched = tmp_path / "watch.json"
    with watched.open("w") as out:
        command = ["kubectl", "-n", space.namespace, "get", "mdep", space.name, "--watch", "-o", "json"]
        watch = subprocess.Popen(command, stdout=out, env=dict(space.kubernetes.environment))
        try:
            serin.scale_operators(3)  # two that lead in turn while a third one starts
            space.apply("v2", replicas=3, rollout=rollout)
            for _ in range(KILLS):
                leader = space.kubernetes.wait_for("a leader", serin.leader, 180)
                death = time.monotonic() + moments.uniform(0.2, 2.5)
                space.kubernetes.wait_for("the moment has come", lambda at=death: time.monotonic() > at, 10, 0.02)
                serin.kill(leader)
                bury(space, leader)
            space.wait_until_serves("v2", 240)
        finally:
            watch.terminate()
            watch.wait(10)
            serin.scale_operators(2)
    assert steps_of(watched) == [(0, 25), (1, 50), (1, 100)]
    assert space.lost_requests() == ""


def bury(space: Space, pod: str) -> None:
    """A fresh pod instead of one whose container a kubelet would make wait longer and longer, and a lease that is free.

    So the next one leads, and can be killed in doing so, without waiting until the lease has run out.
    """
    what = (f"pod/{pod}", "lease/serin-operator")
    space.kubernetes.kubectl("-n", SYSTEM, "delete", *what, "--grace-period=0", "--force", "--wait=false")


def test_when_the_leader_is_killed_the_other_replica_leads_within_20_seconds(space: Space) -> None:
    serin = space.serin
    kubernetes = space.kubernetes
    serin.wait_for_operators(2)
    leader = kubernetes.wait_for("a leader", serin.leader, 30)
    began = time.monotonic()
    kubernetes.kubectl("-n", SYSTEM, "delete", "pod", leader, "--grace-period=0", "--force")
    kubernetes.wait_for("a new leader", lambda: serin.leader() not in {"", leader}, 60)
    assert time.monotonic() - began < 20
    space.apply("v1")
    space.wait_until_serves("v1")


def test_with_the_operator_down_pods_that_die_are_replaced_and_get_traffic(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    kubectl = space.kubernetes.kubectl
    kubectl("-n", SYSTEM, "scale", "deployment/serin-operator", "--replicas=0")
    try:
        space.kubernetes.wait_for("no operator", lambda: not space.serin.operator_pods(), 60)
        old = {p["metadata"]["name"] for p in space.pods()}
        space.kubectl("delete", "pods", *old, "--grace-period=1")
        space.wait_until("new pods serve", lambda: len(space.endpoints() - old) == 2, 60)
    finally:
        space.serin.scale_operators(2)
