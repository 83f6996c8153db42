"""What is in use is told as a whole, or not at all: whoever sweeps by it removes the rest."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from serin_operator.cluster.errors import Expired, Forbidden
from serin_operator.runtime import ledgers
from serin_operator.runtime.ledgers import main, named

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def mdep(name: str, *digests: str, created: str = "2026-11-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
    versions = [{"version": "v", "sha256": digest} for digest in digests]
    status = {"versions": versions} if digests else {}
    metadata = {"namespace": "scoring", "name": name, "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"model": {"uri": "s3://x", **spec}}, "status": status}


class Cluster:
    """Lists what it is given; a listing may break off once."""

    def __init__(self, *mdeps: dict[str, Any], breaks_off: bool = False) -> None:
        self.mdeps, self.breaks_off = mdeps, breaks_off
        self.listed: list[str | None] = []

    async def each(self, scope: Any, take: Any) -> str:
        self.listed.append(scope.namespace)
        for each in self.mdeps:
            take(each)
            if self.breaks_off:
                self.breaks_off = False
                raise Expired("the rest is gone")
        return "1"


async def test_every_digest_of_spec_and_ledger_is_in_use() -> None:
    cluster = Cluster(mdep("credit", A, B), mdep("fraud", A, sha256=C), breaks_off=True)
    found = await named(cluster, (), NOW)  # type: ignore[arg-type]
    assert (found.digests, found.without_ledger, cluster.listed) == ({A, B, C}, [], [None, None])


async def test_each_namespace_is_asked() -> None:
    cluster = Cluster()
    await named(cluster, ("scoring", "fraud"), NOW)  # type: ignore[arg-type]
    assert cluster.listed == ["scoring", "fraud"]


async def test_one_whose_ledger_is_lost_is_named_unless_it_is_new() -> None:
    cluster = Cluster(mdep("lost"), mdep("new", created="2026-11-27T11:30:00Z"))
    assert (await named(cluster, (), NOW)).without_ledger == ["scoring/lost"]  # type: ignore[arg-type]


def test_no_list_is_written_where_something_is_amiss(tmp_path, monkeypatch, capsys) -> None:
    async def refused(*_: Any) -> str:
        raise Forbidden("modeldeployments is forbidden in scoring")

    monkeypatch.setattr(ledgers, "_found", refused)
    assert main([str(tmp_path / "list")]) == 1
    assert "no list is written: modeldeployments is forbidden" in capsys.readouterr().err
    assert main([]) == 2
    lost = asyncio.run(named(Cluster(mdep("lost")), (), NOW))  # type: ignore[arg-type]
    monkeypatch.setattr(ledgers, "_found", lambda _: asyncio.sleep(0, lost))
    assert main([str(tmp_path / "list")]) == 1
    assert "scoring/lost has no ledger in its status" in capsys.readouterr().err
    assert not (tmp_path / "list").exists()
