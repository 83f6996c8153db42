"""One child's trouble is not the others', and nothing is taken away before clients are led elsewhere."""

import pytest

from serin_operator.act.executor import ROUND_SECONDS, Executor
from serin_operator.act.made import Made
from serin_operator.act.unchanged import AsItIs
from serin_operator.api.names import LABEL_REVISION, ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.cluster.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotLeading,
    Transient,
)
from serin_operator.decide.children.operations import Apply, Create, Delete, Scale

OWNER = {"kind": "ModelDeployment", "name": "credit", "uid": "mine", "controller": True}


def an_object(kind, name, **more):
    metadata = {"namespace": "scoring", "name": name, "labels": {"a": "b"}, "ownerReferences": [OWNER]}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": {}, **more}


def of_revision(name):
    obj = an_object("Service", name)
    obj["metadata"]["labels"][LABEL_REVISION] = "rev1"
    return obj


def ref_of(obj):
    return ObjectRef(obj["apiVersion"], obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])


CLIENTS = an_object("Service", "credit")
DEPLOYMENT = ObjectRef("v1", "Deployment", "scoring", "credit-a")
PIN = Apply(CLIENTS, "1")
REMOVE = Delete(DEPLOYMENT, "u")


class Cluster:
    """Hands and eyes: what was done, what fails, what is there, and what time it is."""

    def __init__(self):
        self.done = []
        self.fails = {}
        self.live = {}
        self.untouched = False
        self.version = 10
        self.now = 0.0

    async def _do(self, verb, ref):
        self.done.append((verb, ref.name))
        if error := self.fails.get((verb, ref.name)):
            raise error
        self.version += 1

    def _answer(self, obj):
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}

    async def create(self, obj):
        await self._do("create", ref_of(obj))
        return self._answer(obj)

    create_secret = create

    async def apply(self, obj, *, resource_version):
        await self._do("apply", ref_of(obj))
        answer = self._answer(obj)
        return AsItIs(answer) if self.untouched else answer

    async def merge_patch(self, ref, patch, *, subresource=None):
        await self._do("patch", ref)
        return {"metadata": {"resourceVersion": str(self.version)}}

    async def scale(self, ref, replicas, *, resource_version):
        await self._do("scale", ref)

    async def delete(self, ref, *, uid, propagation="Background"):
        await self._do("delete", ref)

    async def get(self, ref):
        return self.live.get(ref)


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def made():
    return Made("mine")


@pytest.fixture
def executor(cluster, made):
    return Executor(cluster, cluster, made, monotonic=lambda: cluster.now)


def verbs(cluster):
    return [f"{verb} {name}" for verb, name in cluster.done]


async def test_a_conflict_at_one_object_is_raised_when_the_others_are_done(cluster, executor):
    cluster.fails["apply", "credit-a"] = Conflict("changed")
    with pytest.raises(Conflict):
        await executor.carry_out([Apply(of_revision("credit-a"), "1"), PIN, Scale(DEPLOYMENT, 0, "1"), REMOVE])
    assert verbs(cluster) == ["apply credit-a", "apply credit", "scale credit-a", "delete credit-a"]


async def test_the_first_passing_error_is_the_one_that_is_raised(cluster, executor):
    cluster.fails["apply", "credit-a"] = Transient("first")
    cluster.fails["apply", "credit-b"] = Conflict("second")
    with pytest.raises(Transient, match="first"):
        await executor.carry_out([Apply(of_revision("credit-a"), "1"), Apply(of_revision("credit-b"), "1")])


@pytest.mark.parametrize(
    "error",
    [Conflict("changed"), Transient("away"), Forbidden("no"), Invalid("odd"), NotFound("gone")],
    ids=lambda error: type(error).__name__,
)
async def test_where_clients_could_not_be_led_elsewhere_nothing_they_reach_is_taken_away(cluster, executor, error):
    cluster.fails["apply", "credit"] = error
    job = Delete(ObjectRef("batch/v1", "Job", "scoring", "resolve"), "u")
    down, up = Scale(DEPLOYMENT, 1, "1", before=3), Scale(DEPLOYMENT, 5, "1", before=3)
    service = Delete(ObjectRef("v1", "Service", "scoring", "credit-a"), "u")
    operations = [PIN, Scale(DEPLOYMENT, 1, "1"), down, service, REMOVE, up, job]
    if isinstance(error, Transient):
        with pytest.raises(type(error)):
            await executor.carry_out(operations)
    else:
        await executor.carry_out(operations)
    assert verbs(cluster) == ["apply credit", "scale credit-a", "delete resolve"]


async def test_a_service_of_one_revision_holds_nothing_up(cluster, executor):
    # Its quota may be used up by what is to be taken away.
    cluster.fails["create", "credit-b"] = Forbidden("exceeded quota: services")
    (obstacle,) = await executor.carry_out([Create(of_revision("credit-b")), REMOVE])
    assert verbs(cluster) == ["create credit-b", "delete credit-a"]
    assert obstacle.reason == Reason.QUOTA_EXCEEDED


async def test_without_the_lease_nothing_more_is_tried(cluster, executor):
    cluster.fails["apply", "credit"] = NotLeading("paused")
    with pytest.raises(NotLeading):
        await executor.carry_out([PIN, Create(of_revision("credit-b"))])
    assert verbs(cluster) == ["apply credit"]


async def test_an_api_server_that_answers_nothing_is_not_asked_for_everything(cluster, executor):
    class Slow(Transient):
        pass

    async def slow(obj, *, resource_version):
        cluster.done.append(("apply", obj["metadata"]["name"]))
        cluster.now += ROUND_SECONDS / 2 + 1
        raise Slow("time-out")

    cluster.apply = slow
    with pytest.raises(Slow):
        await executor.carry_out([Apply(of_revision(f"credit-{n}"), "1") for n in range(9)])
    assert len(cluster.done) == 2


async def test_a_refusal_says_what_was_refused_and_is_there_beside_a_passing_error(cluster, executor):
    budget = an_object("PodDisruptionBudget", "credit")
    cluster.fails["create", "credit"] = Forbidden("policy says no")
    cluster.fails["apply", "credit-a"] = Conflict("changed")
    with pytest.raises(Conflict):
        await executor.carry_out([Create(budget), Apply(of_revision("credit-a"), "1")])
    (obstacle,) = executor.obstacles
    assert obstacle.ref == ref_of(budget)
    assert obstacle.reason == Reason.CREATION_FORBIDDEN


async def test_a_webhook_that_does_not_answer_is_an_obstacle(cluster, executor):
    words = 'failed calling webhook "mesh.example": connection refused'
    cluster.fails["create", "credit-b"] = Transient(words)
    (obstacle,) = await executor.carry_out([Create(of_revision("credit-b")), REMOVE])
    assert words in obstacle.message
    assert verbs(cluster) == ["create credit-b", "delete credit-a"]


async def test_a_long_refusal_keeps_both_ends(cluster, executor):
    cluster.fails["apply", "credit"] = Invalid(f"begin {'x' * 5000} end")
    (obstacle,) = await executor.carry_out([PIN])
    assert obstacle.reason == Reason.INVALID_SPEC
    assert (obstacle.message.startswith("begin"), obstacle.message.endswith("end")) == (True, True)
    assert len(obstacle.message) < 800


# ---- a name that is taken ------------------------------------------------------------------------------------------


def taken(cluster, *, owner=OWNER, deleted=False, labels=None):
    obj = an_object("Service", "credit")
    obj["metadata"] |= {"resourceVersion": "7", "labels": labels or {}, "ownerReferences": [owner] if owner else []}
    if deleted:
        obj["metadata"]["deletionTimestamp"] = "2026-11-20T12:00:00Z"
    cluster.live[ref_of(obj)] = obj
    cluster.fails["create", "credit"] = AlreadyExists("create Service scoring/credit: already exists")


STRANGER = {"kind": "Deployment", "name": "other", "uid": "x", "controller": True}
PREDECESSOR = OWNER | {"uid": "before"}


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (STRANGER, "Deployment other owns it"),
        (None, "nobody owns it"),
        (PREDECESSOR | {"name": "x"}, "ModelDeployment x"),
    ],
    ids=["somebody else", "nobody", "another ModelDeployment"],
)
async def test_a_name_that_a_stranger_has_is_taken(cluster, executor, owner, words):
    taken(cluster, owner=owner)
    (obstacle,) = await executor.carry_out([Create(CLIENTS)])
    assert (obstacle.reason, obstacle.ref) == (Reason.NAME_TAKEN, ref_of(CLIENTS))
    assert words in obstacle.message
    assert verbs(cluster) == ["create credit"]


@pytest.mark.parametrize("owner", [OWNER, PREDECESSOR, STRANGER], ids=["ours", "a predecessor's", "a stranger's"])
async def test_what_is_being_deleted_is_waited_for_by_name_and_not_repaired(cluster, executor, owner):
    taken(cluster, owner=owner, deleted=True)
    (obstacle,) = await executor.carry_out([Create(CLIENTS)])
    assert obstacle.reason == Reason.BEING_DELETED
    assert "Service credit is being deleted" in obstacle.message
    assert verbs(cluster) == ["create credit"]
    assert executor.repairs == []


async def test_the_garbage_collector_gets_time_for_what_a_predecessor_left(cluster, executor):
    taken(cluster, owner=PREDECESSOR)
    for cluster.now in (0.0, 119.0):
        (obstacle,) = await executor.carry_out([Create(CLIENTS)])
        assert (obstacle.reason, "about to be collected" in obstacle.message) == (Reason.BEING_DELETED, True)
        executor.obstacles = ()
    cluster.now = 121.0
    (obstacle,) = await executor.carry_out([Create(CLIENTS)])
    assert obstacle.reason == Reason.NAME_TAKEN


async def test_a_child_that_lost_its_labels_gets_them_again(cluster, executor):
    taken(cluster)
    assert await executor.carry_out([Create(CLIENTS)]) == ()
    assert verbs(cluster) == ["create credit", "patch credit"]
    assert executor.repairs == ["Service credit had lost its labels; it has them again"]


async def test_a_child_whose_creation_was_not_answered_had_lost_nothing(cluster, executor):
    taken(cluster, labels=CLIENTS["metadata"]["labels"])
    assert await executor.carry_out([Create(CLIENTS), REMOVE]) == ()
    assert verbs(cluster) == ["create credit", "delete credit-a"]
    assert executor.repairs == []


async def test_a_name_that_is_free_again_is_looked_at_again(cluster, executor):
    taken(cluster)
    cluster.live.clear()
    with pytest.raises(Conflict):
        await executor.carry_out([Create(CLIENTS)])


# ---- repairs and fights --------------------------------------------------------------------------------------------


def managed(manager, **fields):
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, "time": "2026-11-20T12:00:00Z"}


def edited(cluster, *managers):
    cluster.live[ref_of(CLIENTS)] = an_object("Service", "credit", spec={"selector": {"app": "evil"}})
    cluster.live[ref_of(CLIENTS)]["metadata"]["managedFields"] = list(managers)


SELECTING = an_object("Service", "credit", spec={"selector": {"app": "good"}})


async def applied_against_edits(cluster, made, times, seconds=1.0):
    """Apply the same again and again, while somebody edits it in between; returns what was told at the end."""
    for _ in range(times):
        cluster.version += 1
        executor = Executor(cluster, cluster, made, monotonic=lambda: cluster.now)
        await executor.carry_out([Apply(SELECTING, str(cluster.version))])
        cluster.now += seconds
    return executor


async def test_an_edit_is_told_once_it_has_been_put_right(cluster, made):
    executor = await applied_against_edits(cluster, made, 2)
    assert executor.repairs == ["Service credit had been edited; it was put right"]


async def test_where_nothing_was_written_nothing_was_put_right(cluster, made):
    cluster.untouched = True
    executor = await applied_against_edits(cluster, made, 9)
    assert (executor.repairs, executor.obstacles) == ([], ())


async def test_the_third_time_within_a_minute_is_a_fight_that_names_manager_field_and_values(cluster, made):
    edited(cluster, managed("kubectl-edit", **{"f:spec": {"f:selector": {}}}))
    executor = await applied_against_edits(cluster, made, 4)
    assert executor.repairs == []
    executor = await applied_against_edits(cluster, made, 1)
    assert [verb for verb, _ in cluster.done] == ["apply"] * 4
    (obstacle,) = executor.obstacles
    assert (obstacle.reason, obstacle.ref) == (Reason.FOUGHT_OVER, ref_of(CLIENTS))
    for words in ("field manager kubectl-edit sets spec.selector", "evil", "good"):
        assert words in obstacle.message


async def test_another_installation_is_named_as_what_it_is(cluster, made):
    edited(cluster, managed("serin-operator", **{"f:spec": {"f:selector": {}}}) | {"operation": "Apply"})
    executor = await applied_against_edits(cluster, made, 5)
    assert "another installation of Serin" in executor.obstacles[0].message


async def test_patience_doubles_up_to_five_minutes_and_ends_in_peace(cluster, made):
    edited(cluster, managed("kubectl-edit", **{"f:spec": {"f:selector": {}}}))
    await applied_against_edits(cluster, made, 3600)
    moments = len(cluster.done)
    assert moments < 22, "about once in five minutes in the end"
    cluster.now += 1000.0
    executor = await applied_against_edits(cluster, made, 1)
    assert executor.repairs == ["Service credit had been edited; it was put right"]


async def test_an_edit_now_and_then_is_no_fight(cluster, made):
    executor = await applied_against_edits(cluster, made, 50, seconds=31.0)
    assert (len(cluster.done), executor.obstacles) == (50, ())


async def test_while_standing_back_from_the_client_service_nothing_is_taken_away(cluster, made):
    edited(cluster, managed("kubectl-edit", **{"f:spec": {"f:selector": {}}}))
    await applied_against_edits(cluster, made, 4)
    cluster.done.clear()
    await Executor(cluster, cluster, made, monotonic=lambda: cluster.now).carry_out([Apply(SELECTING, "1"), REMOVE])
    assert cluster.done == []


async def test_a_fight_that_the_other_has_given_up_is_no_obstacle(cluster, made):
    await applied_against_edits(cluster, made, 4)
    cluster.live[ref_of(CLIENTS)] = {**SELECTING}
    executor = await applied_against_edits(cluster, made, 1)
    assert executor.obstacles == ()


async def test_an_autoscaler_on_a_child_is_named(cluster, made):
    autoscaler = managed("kube-controller-manager", **{"f:spec": {"f:replicas": {}}}) | {"subresource": "scale"}
    deployment = an_object("Deployment", "credit-a", spec={"replicas": 7})
    deployment["metadata"]["managedFields"] = [autoscaler]
    cluster.live[DEPLOYMENT] = deployment
    for _ in range(6):
        executor = Executor(cluster, cluster, made, monotonic=lambda: cluster.now)
        (*obstacles,) = await executor.carry_out([Scale(DEPLOYMENT, 3, "1")])
        cluster.now += 1.0
    assert len(cluster.done) == 4
    assert "kube-controller-manager sets spec.replicas to 7, Serin to 3" in obstacles[0].message


async def test_what_may_be_secret_is_not_told(cluster, made):
    env = [{"name": "TOKEN", "value": "ours"}]
    pod = {"containers": [{"name": "server", "env": env}]}
    intent = an_object("Deployment", "credit-a", spec={"template": {"spec": pod}})
    theirs = {"containers": [{"name": "server", "env": [{"name": "TOKEN", "value": "theirs"}]}]}
    cluster.live[DEPLOYMENT] = an_object("Deployment", "credit-a", spec={"template": {"spec": theirs}})
    for _ in range(5):
        cluster.version += 1
        executor = Executor(cluster, cluster, made, monotonic=lambda: cluster.now)
        await executor.carry_out([Apply(intent, str(cluster.version))])
    assert "env[TOKEN].value to something else" in executor.obstacles[0].message
    assert "theirs" not in executor.obstacles[0].message


async def test_what_was_deleted_by_us_is_forgotten(cluster, made, executor):
    for _ in range(5):
        await executor.carry_out([Scale(DEPLOYMENT, 3, "1")])
    await executor.carry_out([REMOVE, Scale(DEPLOYMENT, 3, "1")])
    assert cluster.done[-1] == ("scale", "credit-a")
    assert not made.was_made(DEPLOYMENT)
