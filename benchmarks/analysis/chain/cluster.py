"""Pods of two versions, their clients and their Prometheus, second by second: scrapes at offsets of their own, some missed, pods that begin anew."""

from heapq import heappop, heappush
from itertools import count
from math import inf

import numpy as np
from benchmarks.analysis.chain.made import CANARY, STABLE, Made, heard_from
from benchmarks.analysis.chain.pods import Exporter, Pod, settings_of, trained
from benchmarks.analysis.chain.storage import Storage
from benchmarks.analysis.chain.targets import Target
from benchmarks.analysis.chain.traffic import Requests, Traffic, Version

from serin_operator.api.spec import ModelDeploymentSpec
from serin_server.baseline import Baseline
from serin_server.feedback.tokens import ControlPart
from serin_server.pairing.heard import Predicted

SCRAPE_SECONDS = 10.0
MISSED = 0.02
"""Of scrapes."""
CONTROL_LATE = 0.02
"""Of questions to the control."""
_LONGEST = 30.0
"""Seconds that pass at once."""


class Cluster:
    """One model and everything around it.

    Args:
        rng: Decides everything that is chance.
        spec: As people applied it.
        versions: What the two revisions do.
        traffic: How clients ask.
        wanted: Names of the series that will be asked for.
        now: Unix seconds at which it begins.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        spec: ModelDeploymentSpec,
        versions: dict[str, Version],
        traffic: Traffic,
        wanted: frozenset[str],
        now: float,
    ) -> None:
        self.rng, self.spec, self.versions, self.traffic = rng, spec, versions, traffic
        self.wanted, self.now = wanted, now
        self.storage = Storage()
        self.serving: list[Pod] = []
        """Those whom clients reach."""
        self.kept: list[Pod] = []
        """Those whom only other versions ask."""
        self.answered = dict.fromkeys(versions, 0)
        self._targets: dict[Pod | Exporter, Target] = {}
        self._gone: list[Target] = []
        self._pods = count()
        self._requests = count()
        self._labels: list[tuple[float, int, dict[str, object]]] = []
        pairing = spec.analysis.pairing if spec.analysis else None
        self._sample = pairing.sample if pairing else 0.0
        self._exporters = [Exporter(f"shop-{number}") for number in range(2 if traffic.offers else 0)]
        for exporter in self._exporters:
            self._watch(exporter)

    # ---- pods ------------------------------------------------------------------------------------------------------

    def start(self, revision: str, pods: int, *, age: float = 0.0) -> None:
        """So many pods more, which no client reaches; they have been up for so many seconds, and have counted nothing yet."""
        for _ in range(pods):
            self._started(self.kept, f"{revision}-{next(self._pods)}", revision, self.now - age)

    def lead_to(self, revision: str) -> None:
        """Clients reach all pods of a version from now on."""
        self.serving += [pod for pod in self.kept if pod.revision == revision]
        self.kept = [pod for pod in self.kept if pod.revision != revision]

    def _started(self, among: list[Pod], name: str, revision: str, born: float) -> None:
        pod = Pod(name, settings_of(self.spec, revision, name), born, self._baseline(revision))
        among.append(pod)
        self._watch(pod)

    def begin_anew(self, pod: Pod) -> None:
        """Its process is another from now on; what was counted since its last scrape is lost."""
        self.serving.remove(pod)
        self._gone.append(self._targets.pop(pod))
        self._started(self.serving, pod.name, pod.revision, self.now)

    def reset_exporter(self) -> None:
        """A counter of somebody else falls to 0."""
        if self._exporters:
            self._exporters[0].offers.values.clear()

    def _watch(self, process: Pod | Exporter) -> None:
        first = round(self.now + self.rng.uniform(0, SCRAPE_SECONDS), 3)
        self._targets[process] = Target(process, first, SCRAPE_SECONDS, self.wanted)

    def _baseline(self, revision: str) -> Baseline | None:
        return trained(self.versions[revision].knows) if self.traffic.sees_inputs else None

    @property
    def targets(self) -> list[Target]:
        """Of the processes that are there."""
        return [*self._targets.values()]

    # ---- time ------------------------------------------------------------------------------------------------------

    def advance(self, to: float) -> None:
        """Let time pass up to a moment, with the pods that there are."""
        while (pause := min(to, self.now + _LONGEST)) > self.now:
            self._pass(pause)
            self.now = pause

    def _pass(self, end: float) -> None:
        requests = Requests(self.rng, self.traffic, self.now, end)
        of_pod = self.rng.integers(len(self.serving), size=len(requests))
        heard_by = self.rng.integers(len(self._exporters), size=len(requests)) if self._exporters else of_pod
        made = {revision: Made(self.rng, requests, self.traffic, one) for revision, one in self.versions.items()}
        for number, pod in enumerate(self.serving):
            mine = np.flatnonzero(of_pod == number)
            self.answered[pod.revision] += len(mine)
            self._tokens(pod, made, mine)
        heard: dict[Pod, list[tuple[float, dict[str, object]]]] = {pod: [] for pod in self.serving}
        while self._labels and self._labels[0][0] < end:
            moment, _, row = heappop(self._labels)
            heard[self.serving[self.rng.integers(len(self.serving))]].append((moment, row))
        for number, pod in enumerate(self.serving):
            self._live(pod, requests, made[pod.revision], np.flatnonzero(of_pod == number), heard[pod], end)
        for number, exporter in enumerate(self._exporters):
            revisions = [pod.revision for pod in self.serving]
            self._export(exporter, requests, made, np.flatnonzero(heard_by == number), of_pod, revisions, end)
        for target in [*self._gone, *(self._targets[pod] for pod in self.kept)]:
            for moment in self._scrapes(target, end):
                target.miss(moment) if target in self._gone else target.scrape(self.storage, moment)
        self._gone = [target for target in self._gone if target.series and self._is_fresh(target)]

    def _is_fresh(self, target: Target) -> bool:
        """Whether nobody has noticed yet that it is gone."""
        return next(iter(target.series.values())).values[-1] is not None

    def _scrapes(self, target: Target, end: float) -> list[float]:
        """The moments of its scrapes up to an end."""
        moments = []
        while target.next < end:
            moments.append(target.next)
            target.next = round(target.next + target.interval, 3)
        return moments

    def _live(self, pod: Pod, requests: Requests, made: Made, mine: np.ndarray, heard, end: float) -> None:
        """What one pod does up to an end, scrape after scrape."""
        target, at, moments = self._targets[pod], 0, requests.moments[mine]
        labels = iter([*heard, (inf, {})])
        label = next(labels)
        for moment in [*self._scrapes(target, end), end]:
            until = int(np.searchsorted(moments, moment, side="right"))
            chunk, at = mine[at:until], until
            self._count(pod, requests, made, chunk)
            while label[0] <= moment:
                pod.hear(*label)
                label = next(labels)
            if moment < end and self.rng.random() < MISSED:
                target.miss(moment)
            elif moment < end:
                target.scrape(self.storage, moment)

    def _count(self, pod: Pod, requests: Requests, made: Made, chunk: np.ndarray) -> None:
        for number in chunk.tolist():
            pod.answer(made.moments[number], made.clients[number], made.seconds[number], fails=made.fails[number])
            if number in made.questions:
                own = None if made.fails[number] else [made.predicted[number]]
                pod.book.count(own, made.questions[number])
        answered = chunk[~made.failed[chunk]]
        pod.metrics.cpu_seconds += float(made.cpu[chunk].sum())
        pod.metrics.signed_predictions += len(answered)
        if self.traffic.sees_inputs:
            pod.see(requests.inputs[answered], made.outputs[answered])

    def _export(self, exporter, requests, made, mine, of_pod, revisions, end: float) -> None:
        at, moments = 0, requests.moments[mine]
        for moment in [*self._scrapes(self._targets[exporter], end), end]:
            until = int(np.searchsorted(moments, moment, side="right"))
            for number in mine[at:until].tolist():
                revision = revisions[of_pod[number]]
                one = made[revision]
                if not one.fails[number]:
                    is_taken = one.accepted[number]
                    exporter.offers.add("accepted" if is_taken else "refused", revision)
            at = until
            if moment < end:
                self._targets[exporter].scrape(self.storage, moment)

    # ---- labels and pairs ------------------------------------------------------------------------------------------

    def _tokens(self, pod: Pod, made: dict[str, Made], mine: np.ndarray) -> None:
        """Ask the control about some requests, and let labels of others be on their way."""
        own, control = made[pod.revision], made[STABLE]
        asks = self._sample and pod.revision == CANARY and any(one.revision == STABLE for one in self._all())
        drawn = self.rng.random(len(mine)) < self._sample if asks else np.zeros(len(mine), bool)
        late = self.rng.random(len(mine)) < CONTROL_LATE if asks else drawn
        for number, is_asked, is_late in zip(mine.tolist(), drawn.tolist(), late.tolist(), strict=True):
            part: ControlPart | None = None
            if is_asked:
                heard = heard_from(control, number, is_late=is_late)
                own.questions[number] = heard
                part = ControlPart(STABLE, heard.predictions) if isinstance(heard, Predicted) else None
            if self.traffic.has_labels and own.labelled_at[number] < inf and not own.fails[number]:
                told = [own.predicted[number]]
                request = next(self._requests)
                client = pod.metrics.clients.client(own.clients[number]).number
                token = pod.signer.sign(own.moments[number], f"r{request}", told, part, client)
                row = {
                    "token": token.decode(),
                    "label": own.labels[number],
                    "score": own.scores[number],
                    "attributes": {"region": own.regions[number]},
                }
                heappush(self._labels, (own.labelled_at[number], request, row))

    def _all(self) -> list[Pod]:
        return [*self.serving, *self.kept]
