import json, os, subprocess, time, shutil, threading
from pathlib import Path
import pytest
from tests.support.serin import Space

pytestmark = pytest.mark.e2e
OUT = Path("/tmp/dbg2")


@pytest.mark.parametrize("n", range(8))
def test_dbg(space: Space, n: int) -> None:
    out = OUT / str(n)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    local = space.kubernetes.local

    def note(what):
        with (out / "notes").open("a") as f:
            f.write(f"{time.strftime('%H:%M:%S')} {what}\n")

    stop = threading.Event()
    node = local.node("node1").box.pid

    def collect():
        seen = set()
        while not stop.is_set():
            for f in Path(f"/proc/{node}/root/var/log/pods").glob(f"{space.namespace}_*/*/*.log"):
                try:
                    shutil.copy(f, out / (f.parts[-3].split("_")[1] + "." + f.parts[-1]))
                except OSError:
                    pass
            stop.wait(1)

    threading.Thread(target=collect, daemon=True).start()
    rollout = {"steps": [{"weight": 50, "holdSeconds": 5}, {"weight": 60, "holdSeconds": 5}]}
    space.apply("v1", rollout=rollout)
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)
    space.apply("v2", rollout=rollout)
    space.wait_until("a step", lambda: (space.status().get("canary") or {}).get("phase") == "Stepping", 60)
    (out / "before").write_text(
        space.kubectl("get", "pods,endpointslices", "-o", "wide") + space.kubectl("get", "endpointslices", "-o", "yaml")
    )
    note("stop")
    local.stop_apiserver()
    note("stopped")
    t = time.monotonic()
    while time.monotonic() < t + 60:
        time.sleep(5)
        r = subprocess.run(
            ["nsenter", "-t", str(node), "-n", "iptables-save", "-t", "nat"], capture_output=True, text=True
        )
        (out / f"ipt{int(time.monotonic() - t)}").write_text(r.stdout)
    note("start")
    local.start_apiserver()
    note("started")
    t = time.monotonic()
    def watch():
        while not stop.is_set():
            at = int(time.monotonic() - t)
            r = subprocess.run(["nsenter", "-t", str(node), "-n", "iptables-save", "-t", "nat"], capture_output=True, text=True)
            (out / f"ptafter{at:03}").write_text("\n".join(l for l in r.stdout.splitlines() if space.namespace + "/model:http " in l))
            try: (out / f"after{at:03}").write_text(space.kubectl("get", "pods", "-o", "wide") + space.kubectl("get", "endpointslices", "-o", "yaml"))
            except AssertionError: pass
            stop.wait(2)
    threading.Thread(target=watch, daemon=True).start()
    space.wait_until_serves("v2", 120)
    note("serves")
    (out / "events").write_text(space.kubectl("get", "events", "--sort-by=.lastTimestamp"))
    lost = space.lost_requests()
    time.sleep(20); lost = space.lost_requests(); stop.set()
    (out / "lost").write_text(lost)
    (out / "kubelet").write_text("")
    assert lost == ""
