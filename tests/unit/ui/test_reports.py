"""Who keeps reports writes each end once, whole, and whatever fails is tried again."""

import asyncio
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from serin_server.model.shelf.folder import FolderPlace
from serin_ui.problems import Problem
from serin_ui.reports.cluster import Gone, Taken
from serin_ui.reports.counts import RESULTS, Counts
from serin_ui.reports.ends import MOST_KEPT_BYTES, End, as_of, ended_at, ends_of, kept_again, kept_of
from serin_ui.reports.fleet import Fleet
from serin_ui.reports.pulse import Pulse
from serin_ui.reports.queue import LONGEST_PAUSE_SECONDS, Queue
from serin_ui.reports.settings import Settings
from serin_ui.reports.shelves import ConfigMaps, Objects, Report
from serin_ui.reports.summary import MOST_BYTES, summary_of
from serin_ui.reports.work import LOOK_SECONDS, PATIENCE_SECONDS, Work
from serin_ui.settings import BadSettings

NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
AT = "2026-11-27T12:20:00Z"
KEY = "v2-abc-20261127T122000Z"
NOISE = random.Random(1).randbytes(80_000).hex()
HOSTILE = "<script>alert(1)</script>"
ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SERIN_REPORTS_STORE": "ConfigMap"}


def entry(version="v2", outcome="RolledBack", **more):
    times = {"startedAt": "2026-11-27T12:00:00Z", "endedAt": AT}
    return {"version": version, "revision": "abc", "outcome": outcome, "uri": "s3://m", **times, **more}


def a_model(*versions, uid="u", **status):
    metadata = {"namespace": "scoring", "name": "m", "uid": uid, "resourceVersion": "1"}
    spec = {"model": {"version": "v3"}}
    return {"metadata": metadata, "spec": spec, "status": {"versions": list(versions), **status}}


SEEN = {"metric": "errors", "verdict": "Inconclusive", "reason": "Leaning", "message": HOSTILE, "evidencePercent": 83}
CANARY = {"version": "v2", "revision": "abc", "weight": 25, "progress": "1/2", "analysis": [SEEN]}
RAW = a_model(entry(reason="AnalysisFailed", message="evidence 2,152 of 100 needed"), entry("v1", "Promoted"))
END = End("scoring", "m", "u", "v2", "abc", "RolledBack", datetime(2026, 11, 27, 12, 20, tzinfo=UTC))


# ---- which ends there are


@pytest.mark.parametrize(
    ("outcome", "times", "at"),
    [
        pytest.param("InProgress", {}, None, id="it goes on"),
        pytest.param("RolledBack", {}, AT, id="rolled back"),
        pytest.param("FailedPreflight", {}, AT, id="refused"),
        pytest.param(
            "Promoted", {"promotedAt": "2026-11-27T12:10:00Z"}, "2026-11-27T12:10:00Z", id="promoted, then replaced"
        ),
        pytest.param("Promoted", {"promotedAt": None}, None, id="promoted, nobody knows when"),
        pytest.param("Aborted", {"endedAt": "nonsense"}, None, id="a time that is none"),
    ],
)
def test_an_end_is_what_the_ledger_says(outcome, times, at):
    found = ended_at(entry(outcome=outcome, **times))
    assert found == (datetime.fromisoformat(at) if at else None)


def test_ends_have_names_that_suit_every_store():
    hostile = entry("../v2/ü", revision="m-abc")
    (end,) = ends_of(a_model(hostile), NOW - timedelta(hours=1))
    assert end.path == "scoring/m/_._v2__-abc-20261127T122000Z"


def test_what_ended_long_ago_is_nobodys_business():
    assert list(ends_of(RAW, NOW)) == []


def test_a_report_speaks_of_its_version_as_if_nothing_newer_were_there():
    raw = a_model(
        entry("v3", "InProgress", revision="new"), *RAW["status"]["versions"], canary={**CANARY, "revision": "new"}
    )
    told = as_of(raw, END)
    assert [each["version"] for each in told["status"]["versions"]] == ["v2", "v1"]
    assert told["status"]["canary"] is None
    assert as_of(raw, replace(END, at=NOW)) is None


# ---- what is remembered


def test_each_end_is_told_once_with_what_was_seen_on_its_way():
    fleet = Fleet(timedelta(hours=1))
    assert fleet.see(a_model(entry(outcome="InProgress", endedAt=None), canary=CANARY), NOW) == []
    ((end, seen),) = fleet.see(RAW, NOW)
    assert (end, json.loads(seen)["analysis"]) == (END, [SEEN])
    assert fleet.see(RAW, NOW) == []
    fleet.forget_others("elsewhere", set())
    assert fleet.see(RAW, NOW) == []
    fleet.forget_others("scoring", set())
    assert fleet.see(RAW, NOW) == [(END, b"")], "it was gone, and is there again: the store knows what was written"


def test_a_version_that_falls_after_its_promotion_has_ended_twice():
    fleet = Fleet(timedelta(hours=1))
    promoted = entry(outcome="Promoted", promotedAt="2026-11-27T12:10:00Z", endedAt=None)
    fleet.see(a_model(entry(outcome="InProgress"), canary=CANARY), NOW)
    ((first, of_rollout),) = fleet.see(a_model(promoted, guard={**CANARY, "analysis": [{"metric": "guarded"}]}), NOW)
    ((second, of_guard),) = fleet.see(a_model({**promoted, "outcome": "RolledBack", "endedAt": AT}), NOW)
    assert (first.outcome, second.outcome) == ("Promoted", "RolledBack")
    assert b"errors" in of_rollout
    assert b"guarded" in of_guard


# ---- a summary


def test_a_summary_has_the_numbers_and_says_what_was_seen_last():
    told = json.loads(summary_of(END, RAW, {"revision": "abc", "at": AT, "weight": 0, "analysis": [SEEN]}))
    assert told["message"] == "evidence 2,152 of 100 needed"
    assert (told["before"], told["endedAt"], told["schema"]) == ("v1", AT, "serin.dev/report/v1")
    assert told["lastSeen"] == {"at": AT, "weight": 0, "metrics": [SEEN]}


def test_a_summary_has_addresses_without_what_may_open_them():
    raw = a_model(entry(uri="https://me:hunter2@models/m.onnx?sig=hunter3"))
    summary = summary_of(END, raw, None)
    assert json.loads(summary)["uri"] == "https://…@models/m.onnx?…"
    assert b"hunter" not in summary


def test_a_summary_has_few_kilobytes_whatever_status_holds():
    much = "x" * 100_000
    metrics = [dict.fromkeys(("metric", "verdict", "reason", "message", "stable", "canary"), much)] * 500
    gates = [{"name": much, "verdict": much, "message": much}] * 8
    raw = a_model(entry(message=much, uri=much, preflight=gates))
    summary = summary_of(END, raw, {"revision": "abc", "analysis": metrics})
    assert len(summary) <= MOST_BYTES
    assert json.loads(summary)["isCut"] is True
    assert len(json.loads(summary)["message"]) == 512


# ---- stores


@pytest.fixture
def objects(tmp_path):
    return Objects(lambda: FolderPlace(tmp_path, "a folder", 5.0))


async def test_a_page_counts_when_its_summary_is_there_too(objects, tmp_path):
    assert not await objects.has(END)
    (tmp_path / "scoring/m").mkdir(parents=True)
    (tmp_path / f"scoring/m/{KEY}.html").write_text("half of it")  # killed between the two
    assert not await objects.has(END)
    await objects.put(END, Report(b"{}", b"<html>"))
    assert await objects.has(END)
    assert (tmp_path / f"scoring/m/{KEY}.html").read_bytes() == b"<html>"
    assert sorted(file.name for file in (tmp_path / "scoring/m").iterdir()) == [f"{KEY}.html", f"{KEY}.json"]


async def test_a_store_that_refuses_is_a_problem_with_a_way_out(tmp_path):
    (tmp_path / "scoring").write_text("a file where a folder should be")
    shelf = Objects(lambda: FolderPlace(tmp_path, "a folder", 5.0))
    with pytest.raises(Problem, match="a folder"):
        await shelf.put(END, Report(b"{}", b""))


class Maps:
    """ConfigMaps of an API server."""

    def __init__(self):
        self.found = {}
        self.rivals = 0

    async def config_map(self, namespace, name):
        return json.loads(json.dumps(self.found.get((namespace, name))))

    async def create_config_map(self, obj):
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        obj["metadata"]["resourceVersion"] = "1"
        self.found[key] = obj

    async def patch_config_map(self, namespace, name, patch):
        if self.rivals:
            self.rivals -= 1
            raise Taken("it has changed", "it is tried again")
        data = self.found[namespace, name]["data"] | patch["data"]
        self.found[namespace, name]["data"] = {key: value for key, value in data.items() if value is not None}


def at_hour(hour):
    return replace(END, version=f"v{hour}", at=datetime(2026, 11, 27, hour, tzinfo=UTC))


async def test_a_config_map_is_its_models_and_holds_the_newest_few():
    maps = Maps()
    shelf = ConfigMaps(maps, keep=2)
    for hour in (3, 10, 2, 11):
        if not await shelf.has(at_hour(hour)):
            await shelf.put(at_hour(hour), Report(b"{}", b""))
    found = maps.found["scoring", "m-reports"]
    assert list(found["data"]) == ["v10-abc-20261127T100000Z.json", "v11-abc-20261127T110000Z.json"]
    assert found["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert await shelf.has(at_hour(2)), "it would be the first to go"


async def test_a_config_map_of_somebody_else_is_left_alone():
    maps = Maps()
    maps.found["scoring", "m-reports"] = {"metadata": {"resourceVersion": "1"}, "data": {"theirs": "x"}}
    with pytest.raises(Problem, match="does not belong to ModelDeployment m"):
        await ConfigMaps(maps, 2).put(END, Report(b"{}", b""))
    assert maps.found["scoring", "m-reports"]["data"] == {"theirs": "x"}


@pytest.mark.parametrize(("rivals", "is_kept"), [(2, True), (3, False)])
async def test_a_config_map_that_changes_meanwhile_is_looked_at_again(rivals, is_kept):
    maps = Maps()
    shelf = ConfigMaps(maps, 5)
    await shelf.put(END, Report(b"{}", b""))
    maps.rivals = rivals
    if not is_kept:
        with pytest.raises(Problem, match="changed by others"):
            await shelf.put(at_hour(3), Report(b"{}", b""))
        return
    await shelf.put(at_hour(3), Report(b"{}", b""))
    assert len(maps.found["scoring", "m-reports"]["data"]) == 2


# ---- the whole


class Shelf:
    """Keeps reports, unless the test has it away."""

    takes_pages = True
    told = "a shelf"

    def __init__(self):
        self.kept = {}
        self.error = None

    async def has(self, end):
        if self.error:
            raise self.error
        return end.path in self.kept

    async def put(self, end, report):
        self.kept[end.path] = report


class Cluster:
    """Has one model, and tells of it once."""

    def __init__(self, *listed):
        self.listed = listed
        self.live = {raw["metadata"]["name"]: raw for raw in listed}
        self.listings = 0
        self.watches = []
        """How each goes: what it tells before it ends, and with what."""

    async def each(self, _namespace, take):
        self.listings += 1
        for raw in self.listed:
            take(raw)
        return "1"

    async def changes(self, _namespace, version, take, opened):
        told, ends = self.watches.pop(0) if self.watches else (1, None)
        if told:
            opened()
            take("BOOKMARK", {})
        if ends:
            raise ends
        await asyncio.Event().wait()
        return version

    async def model(self, _namespace, name):
        return self.live.get(name)


class Log:
    def __init__(self):
        self.lines = []

    def info(self, event, **fields):
        self.lines.append((event, fields))

    warning = info


class Prometheus:
    error = None

    def range(self, *_):
        if self.error:
            raise self.error
        return []


class Room:
    """A reporter with a clock of the test's own."""

    def __init__(self, *models, prometheus=None, **settings):
        self.now = NOW.timestamp()
        self.shelf, self.cluster, self.counts, self.log = Shelf(), Cluster(*models), Counts(), Log()
        self.pauses = []
        made = replace(Settings.of(ENVIRONMENT), **settings)
        self.work = Work(
            made,
            self.cluster,
            self.shelf,
            prometheus=prometheus,
            counts=self.counts,
            log=self.log,
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    async def sleep(self, seconds):
        if seconds != LOOK_SECONDS:
            self.pauses.append(seconds)
        await asyncio.sleep(0)

    def metric(self, name):
        lines = self.counts.exposition().decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def see(self):
        for raw in self.cluster.listed:
            self.work._changed("MODIFIED", raw)

    async def write(self):
        """All that is due now."""
        while waiting := self.work._queue.take(self.now):
            await self.work.write(waiting)

    def results(self):
        samples = next(iter(self.counts.reports.collect())).samples
        return {s.labels["result"]: s.value for s in samples if s.name.endswith("_total") and s.value}

    @property
    def failures(self):
        return self.counts.failures._value.get()


async def test_an_end_becomes_a_report_when_its_last_scrape_is_there():
    room = Room(RAW)
    room.now = NOW.timestamp() - 570  # half a minute after the end
    room.see()
    await room.write()
    assert room.shelf.kept == {}
    room.now += 31
    await room.write()
    report = room.shelf.kept[f"scoring/m/{KEY}"]
    assert json.loads(report.summary)["outcome"] == "RolledBack"
    assert "v2: RolledBack. evidence 2,152 of 100 needed" in report.page.decode()
    assert "no Prometheus is known" in report.page.decode()
    room.see()
    await room.write()
    assert room.results() == {"written": 1}


async def test_the_report_that_is_being_written_waits_still():
    room = Room(RAW)
    room.see()
    room.now += 30
    seen = []

    async def has(_end):
        seen.append((room.metric("serin_reports_waiting"), room.metric("serin_reports_late_seconds")))
        return False

    room.shelf.has = has
    await room.write()
    assert seen == [(1.0, 30.0)]
    assert (room.metric("serin_reports_waiting"), room.metric("serin_reports_late_seconds")) == (0.0, 0.0)


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(
            a_model(entry(outcome="InProgress", endedAt=None), entry("v1", "Promoted")), id="it is tried again"
        ),
        pytest.param(a_model(entry(outcome="Promoted", promotedAt="2026-11-27T12:25:00Z")), id="and promoted"),
        pytest.param(a_model(entry("v3", "Promoted", revision="new")), id="the ledger has moved on"),
        pytest.param({**RAW, "status": None}, id="status was taken away"),
    ],
)
async def test_an_end_that_status_has_no_more_is_told_as_it_was_seen(live):
    room = Room(RAW)
    room.see()
    room.cluster.live["m"] = live
    await room.write()
    report = room.shelf.kept[f"scoring/m/{KEY}"]
    told = json.loads(report.summary)
    assert (told["outcome"], told["message"], told["before"]) == ("RolledBack", "evidence 2,152 of 100 needed", "v1")
    assert "v2: RolledBack. evidence 2,152 of 100 needed" in report.page.decode()


async def test_a_failed_end_stays_as_it_was_seen():
    room = Room(RAW)
    room.shelf.error = Problem("away", "wait")
    room.see()
    await room.write()
    room.shelf.error, room.cluster.live["m"] = None, a_model()
    room.now += 2
    await room.write()
    assert room.results() == {"written": 1}


def test_what_is_kept_of_an_end_is_bounded():
    long = [entry(f"v{part}", message=NOISE[8000 * part :][:8000]) for part in range(20)]
    much = a_model(*RAW["status"]["versions"], *long)
    kept = kept_of(much, END)
    assert 0 < len(kept) <= MOST_KEPT_BYTES
    assert [each["version"] for each in kept_again(kept)["status"]["versions"]] == ["v2", "v1"]
    assert kept_of(a_model(entry(message=NOISE)), END) == b""
    queue = Queue(most_kept_bytes=2 * len(kept))
    for _ in range(3):
        queue.add(END, b"", 0.0, kept)
    first, second, third = (queue.take(0.0) for _ in range(3))
    assert [first.kept, second.kept, third.kept] == [kept, kept, b""]
    queue.done(first)
    queue.again(second, 0.0)
    queue.add(END, b"", 0.0, kept)
    assert queue.take(0.0).kept == kept


async def test_what_was_seen_on_the_way_is_on_the_page_and_inert():
    room = Room(RAW)
    room.work._changed("MODIFIED", a_model(entry(outcome="InProgress", endedAt=None), canary=CANARY))
    room.see()
    await room.write()
    page = room.shelf.kept[f"scoring/m/{KEY}"].page.decode()
    assert "errors" in page.partition("<h2>Evidence</h2>")[2]
    assert HOSTILE not in page


async def test_what_is_in_the_store_is_not_written_again_by_another_process():
    room = Room(RAW)
    room.shelf.kept[f"scoring/m/{KEY}"] = "as it was"
    room.see()
    await room.write()
    assert (room.shelf.kept[f"scoring/m/{KEY}"], room.results()) == ("as it was", {"there": 1})


async def test_a_store_that_is_away_is_tried_again_and_told_once_a_minute():
    room = Room(RAW)
    room.shelf.error = Problem("the store does not answer", "it is tried again")
    room.see()
    for _ in range(3):
        await room.write()
        room.now += 2
    assert (room.failures, room.results()) == (2, {})
    assert [event for event, _ in room.log.lines] == ["a report is not written yet"]
    room.shelf.error = None
    room.now += LONGEST_PAUSE_SECONDS
    await room.write()
    assert room.results() == {"written": 1}


async def test_a_store_that_stays_away_costs_the_report_in_the_end():
    room = Room(RAW, max_age_seconds=3600)
    room.shelf.error = Problem("away", "wait")
    room.see()
    await room.write()
    room.now += 3600
    await room.write()
    assert (room.results(), len(room.work._queue)) == ({"expired": 1}, 0)


async def test_a_bug_with_one_report_does_not_keep_the_others_from_being_written():
    other = a_model(entry("v9"), uid="other")
    other["metadata"]["name"] = "other"
    room = Room(RAW, other)
    room.cluster.live["m"] = {**RAW, "status": {"versions": [{**RAW["status"]["versions"][0], "preflight": 7}]}}
    room.see()
    await room.write()
    assert (room.results(), room.failures) == ({"written": 1}, 1)


@pytest.mark.parametrize("live", [None, a_model(entry(), uid="another")])
async def test_a_model_that_is_gone_or_another_has_no_report_and_that_is_told(live):
    room = Room(RAW)
    room.cluster.live["m"] = live
    room.see()
    await room.write()
    assert room.results() == {"gone": 1}
    assert room.log.lines == [
        ("a report is given up: its model was deleted before", {"report": f"scoring/m/{KEY}"}),
    ]


async def test_an_end_of_which_nothing_could_be_kept_is_told_when_it_is_gone():
    room = Room(a_model(entry(message=NOISE)))
    room.see()
    room.cluster.live["m"] = a_model()
    await room.write()
    assert room.results() == {"gone": 1}
    ((said, _),) = room.log.lines
    assert "its ledger has it no more" in said


async def test_a_prometheus_that_does_not_answer_is_waited_for_and_then_done_without():
    from kubectl_serin.problems import Problem as Unanswered

    prometheus = Prometheus()
    prometheus.error = Unanswered("Prometheus at http://p does not answer", "wait")
    room = Room(RAW, prometheus=prometheus)
    room.see()
    await room.write()
    assert (room.results(), room.failures) == ({}, 1)
    room.now += PATIENCE_SECONDS
    await room.write()
    assert "does not answer" in room.shelf.kept[f"scoring/m/{KEY}"].page.decode()


async def running_until(room, is_so):
    running = asyncio.create_task(room.work.run())
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - some turns of the loop
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_it_lists_follows_and_writes_until_it_is_told_to_stop():
    room = Room(RAW)
    await running_until(room, lambda: room.shelf.kept)
    assert room.metric("serin_reports_watch_up") == 1.0


@pytest.mark.parametrize("error", [Problem("it breaks", "wait"), Gone("expired")])
async def test_a_fleet_whose_watch_fails_is_listed_less_and_less_often(error):
    room = Room()
    room.cluster.watches = [*[(0, error)] * 7, (1, error), (0, error), (0, error), (0, None)]
    await running_until(room, lambda: room.cluster.listings == 11)
    assert room.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 1.0, 2.0, 4.0], "what lives shortens it again"
    assert room.metric("serin_reports_watch_up") == 0.0


async def test_a_watch_is_up_when_it_is_taken_and_stays_though_nothing_changes():
    counts = Counts()
    up = counts.watch_up.labels("")
    pulse = Pulse(up, lives_seconds=0.01)
    pulse.opens()
    pulse.ends()
    assert up._value.get() == 0.0, "it was over at once"
    pulse.opens()
    async with asyncio.timeout(5):
        while not up._value.get():  # noqa: ASYNC110 - a timer of the loop
            await asyncio.sleep(0)


def test_what_fails_comes_again_less_and_less_often():
    queue = Queue()
    queue.add(END, b"", 0.0)
    now, pauses = 0.0, []
    for _ in range(40):
        waiting = queue.take(now)
        queue.again(waiting, now)
        pauses.append(queue._heap[0].due - now)
        now = queue._heap[0].due
    assert pauses[:3] == [2.0, 4.0, 8.0]
    assert max(pauses) == LONGEST_PAUSE_SECONDS
    assert queue.late_seconds(now) == now


def test_every_result_has_a_series_from_the_start():
    told = Counts().exposition().decode()
    assert all(f'serin_reports_total{{result="{result}"}} 0.0' in told for result in RESULTS)


# ---- settings


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"SERIN_REPORTS_STORE": ""}, "SERIN_REPORTS_STORE says where reports are kept"),
        ({"SERIN_REPORTS_STORE": "ftp://x"}, "SERIN_REPORTS_STORE says where reports are kept"),
        ({"SERIN_REPORTS_KEEP": "41"}, "SERIN_REPORTS_KEEP must be a number from 1 to 40"),
        ({"SERIN_REPORTS_KEEP": "1.5"}, "SERIN_REPORTS_KEEP must be a number"),
        ({"SERIN_REPORTS_MAX_AGE_HOURS": "-1"}, "SERIN_REPORTS_MAX_AGE_HOURS must be a number"),
        (
            {"SERIN_REPORTS_SETTLE_SECONDS": "60", "SERIN_REPORTS_MAX_AGE_HOURS": "0.0166"},
            "SERIN_REPORTS_SETTLE_SECONDS .* must be less than SERIN_REPORTS_MAX_AGE_HOURS .*: lower the one or raise",
        ),
        ({"SERIN_REPORTS_PROMETHEUS_HEADERS": '{"X-Scope-OrgID": "a\\nb"}'}, "one line"),
        ({"SERIN_REPORTS_CREDENTIALS_DIR": "/not/there"}, "names /not/there, which is no folder"),
        ({"SERIN_REPORTS_PROMETHEUS_HEADERS": "{"}, "must be JSON"),
        ({"KUBERNETES_SERVICE_HOST": ""}, "SERIN_REPORTS_API is not set"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_the_way_out(more, says):
    with pytest.raises(BadSettings, match=says):
        Settings.of({**ENVIRONMENT, **more})


def test_a_pod_needs_to_be_told_the_store_alone():
    settings = Settings.of(ENVIRONMENT)
    assert (settings.api, settings.port, settings.keep, settings.max_age_seconds) == (
        "https://10.0.0.1:443",
        8080,
        20,
        86400,
    )
