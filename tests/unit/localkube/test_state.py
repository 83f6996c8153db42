"""Claims of clusters, locks, processes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from localkube import cgroups, state
from localkube.cache import cache_folder, locked
from localkube.errors import LocalKubeError
from localkube.processes import ProcessId, end, identify, is_alive, myself


@pytest.fixture(autouse=True)
def _root(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCALKUBE_STATE", str(tmp_path / "state"))


def claim(name: str, owner: ProcessId | None = None) -> state.Record:
    return state.claim(name, 1, "/bin", owner, [])


def test_two_clusters_never_get_one_index():
    assert [claim(name).index for name in ("a", "b", "c")] == [0, 1, 2]
    (state.folder_of("b") / "cluster.json").unlink()
    assert claim("d").index == 1


def test_claims_at_the_same_moment_are_all_different():
    found: list[int] = []
    threads = [threading.Thread(target=lambda n=n: found.append(claim(f"c{n}").index)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(8))


def test_a_claim_is_read_back_as_it_was_made():
    assert state.read("a") is None
    assert state.read(claim("a", myself()).name) == state.all_records()[0]


def test_no_free_range_says_how_to_get_one():
    for number in range(16):
        claim(f"c{number}")
    with pytest.raises(LocalKubeError, match=r"16 clusters are up.*\n.*localkube down"):
        claim("one-too-many")


@pytest.mark.parametrize("name", ["", "Up", "a/b", "..", "-a", "a-", "x" * 41])
def test_a_name_that_could_leave_the_state_folder_is_refused(name):
    with pytest.raises(LocalKubeError, match="cannot name a cluster"):
        state.folder_of(name)


def test_a_cluster_whose_owner_is_gone_is_an_orphan():
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify(owner.pid)
    assert identity
    record = claim("a", identity)
    assert not record.is_orphan
    owner.communicate(b"\n")
    assert record.is_orphan
    assert not claim("b").is_orphan


def test_a_pid_that_another_process_got_is_not_the_old_process():
    me = myself()
    assert is_alive(me)
    stranger = ProcessId(os.getpid(), me.start_ticks - 1)
    assert not is_alive(stranger)
    assert end(stranger)  # and nothing was killed, or this test would not go on


def test_the_last_to_leave_removes_the_root(tmp_path):
    with state.exclusive("a"):
        state.forget("a")
    assert not (tmp_path / "state").exists()


def test_a_lock_whose_file_was_removed_still_excludes(tmp_path):
    path, inside = tmp_path / "lock", []

    def enter(number: int) -> None:
        with locked(path):
            inside.append(number)
            assert inside == [number]
            inside.clear()
            path.unlink()

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not path.exists()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SERIN_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/serin"),
        ({}, str(Path.home() / ".cache/serin")),
    ],
)
def test_the_cache_is_where_the_user_says(environment, expected):
    assert str(cache_folder(environment)) == expected


def version_1(root: Path) -> None:
    for name in ("cpuset", "memory"):
        (root / name).mkdir(parents=True)
    (root / "cpuset" / "cpuset.cpus").write_text("0-1\n")
    (root / "cpuset" / "cpuset.mems").write_text("0\n")


def test_version_1_groups_are_made_in_every_hierarchy(tmp_path, monkeypatch):
    version_1(tmp_path)
    created = Path.mkdir

    def mkdir(path: Path, **options) -> None:
        created(path, **options)
        if path.parent.name == "cpuset":  # as the kernel does
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (path / setting).write_text("\n")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    cgroups.create("g", tmp_path)
    assert (tmp_path / "cpuset" / "g" / "cpuset.cpus").read_text() == "0-1\n"
    assert (tmp_path / "memory" / "g").is_dir()


def test_version_2_hands_the_wanted_controllers_down(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids rdma\n")
    (tmp_path / "cgroup.subtree_control").touch()
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "cgroup.controllers").write_text("cpu memory pids\n")
    cgroups.create("g", tmp_path)
    assert (tmp_path / "g" / "cgroup.subtree_control").read_text().startswith("+")
    assert cgroups.hierarchies(tmp_path) == [tmp_path]


def test_groups_are_removed_with_all_below_them(tmp_path):
    version_1(tmp_path)
    (tmp_path / "memory" / "g" / "pod" / "container").mkdir(parents=True)
    cgroups.remove("g", tmp_path)
    assert not (tmp_path / "memory" / "g").exists()
