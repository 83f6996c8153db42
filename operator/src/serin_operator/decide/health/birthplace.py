"""A version that was born in another namespace: a back-up was restored here."""

from serin_operator.api.reasons import Reason
from serin_operator.decide.manifests.pod import namespace_of
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.world import Revision, World


def born_elsewhere(world: World, revision: Revision) -> Refusal | None:
    """Why no look can find the pods of ``revision``: their template names another namespace as theirs.

    Templates are never written anew, or pods would restart; those of today read their namespace where they run.
    """
    named = namespace_of(revision.born.template) if revision.born else None
    if revision.born is None or named in {None, world.mdep.namespace}:
        return None
    return Refusal(
        Reason.BORN_ELSEWHERE,
        f"{revision.born.version} was born in namespace {named}, and its pods tell Prometheus that name: it serves, and no"
        " look finds what it answers; give the same model another spec.model.version, which is born here",
    )
