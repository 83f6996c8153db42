"""What status says of a rollout under way, of a guard, and of sizes and losses that are remembered."""

from typing import Annotated, Any

from pydantic import Field

from serin_operator.api.base import ApiModel


class SliceStatus(ApiModel):
    """What a metric says of one slice of the traffic."""

    slice: Annotated[str, Field(description="Which: region=north.")]
    verdict: Annotated[str, Field(description="Its own.")]
    reason: Annotated[str, Field(description="Its own.")]
    stable: Annotated[str | None, Field(description="Stable's numbers.")] = None
    canary: Annotated[str | None, Field(description="The canary's.")] = None
    samples: Annotated[int | None, Field(description="In this step.")] = None
    samples_needed: Annotated[int | None, Field(description="Of them.")] = None
    evidence_percent: Annotated[int | None, Field(description="As above.")] = None


class MetricStatus(ApiModel):
    """What one metric says about the canary."""

    metric: Annotated[str, Field(description="Name of the metric in spec.analysis.")]
    verdict: Annotated[str, Field(description="Pass, Fail or Inconclusive.")]
    reason: Annotated[str, Field(description="Why, in one word.")]
    message: Annotated[str | None, Field(max_length=1024, description="Why, in a sentence with the numbers.")] = None
    stable: Annotated[str | None, Field(description="The stable version's numbers.")] = None
    canary: Annotated[str | None, Field(description="The canary's numbers.")] = None
    pairs: Annotated[
        str | None,
        Field(description="Of requests that both versions answered: on which only one of the two was bad."),
    ] = None
    differing: Annotated[
        str | None, Field(description="Requests to which the two versions gave different answers, of all pairs.")
    ] = None
    mode: Annotated[
        str | None,
        Field(description="Warn for a metric that holds nothing up and rolls nothing back; absent for a gate."),
    ] = None
    stable_range: Annotated[
        str | None,
        Field(description="95 % interval of the stable version's bad share."),
    ] = None
    canary_range: Annotated[
        str | None,
        Field(description="95 % interval of the canary's bad share."),
    ] = None
    samples: Annotated[int | None, Field(description="Canary samples in this step.")] = None
    samples_needed: Annotated[int | None, Field(description="Canary samples that this metric needs in a step.")] = None
    evidence_percent: Annotated[
        int | None,
        Field(
            description="Evidence against the canary, in percent of what makes the metric fail (on a logarithmic scale); from"
            " 50 on the step is held."
        ),
    ] = None
    slices: Annotated[
        list[SliceStatus] | None,
        Field(description="By slice; numbers above are the whole's, the verdict the worst's."),
    ] = None
    design_effect: Annotated[
        float | None,
        Field(
            description="Counts are worth this many times less, because connections are split and not requests: from how"
            " stable's clients scatter, else from its pods, or the operator's default while neither tells."
        ),
    ] = None


class ObservedTime(ApiModel):
    """Time that was observed, in seconds: what an operator that was away did not see uses up no deadline."""

    at: Annotated[str, Field(description="The last observation that counted.")]
    waited: Annotated[float, Field(description="Towards progressDeadlineSeconds, in the present phase.")] = 0
    held: Annotated[float, Field(description="Towards the step's holdSeconds, or towards bakeSeconds.")] = 0
    analysed: Annotated[
        float, Field(description="Towards deadlineSeconds: while the metrics answered and decided nothing.")
    ] = 0
    dark: Annotated[
        float | None, Field(description="In which the version with all traffic had no ready pod, but the other had.")
    ] = None
    best: Annotated[int | None, Field(description="The most pods that were ready in the present phase.")] = None


class CanaryStatus(ApiModel):
    """The version that is being rolled out."""

    version: Annotated[str, Field(description="Its label, from spec.model.version.")]
    revision: Annotated[
        str, Field(description="Hash of model, runtime and serving; its objects are <name>-<revision>.")
    ]
    sha256: Annotated[str | None, Field(description="Digest of the model, once it was resolved.")] = None
    kind: Annotated[
        str,
        Field(
            description="First, Canary (stage by stage, BlueGreen too), Direct (a restored version, or strategy Immediate),"
            " Rescue (stable served nothing) or Rollback (a person went back to it)."
        ),
    ]
    phase: Annotated[
        str,
        Field(
            description="Resolving, Starting, Reaching, Holding, Growing, Switching or Baking: where the rollout is."
        ),
    ]
    weight: Annotated[int, Field(description="Share of traffic of the step in force, in percent, as achieved.")]
    step: Annotated[int | None, Field(description="Index of the step whose weight is in force, from 0.")] = None
    next_step: Annotated[int | None, Field(description="Index of the step that is being brought into force.")] = None
    next_weight: Annotated[int | None, Field(description="Weight in the spec of that step.")] = None
    progress: Annotated[str | None, Field(description="For people: step 2 of 3 as 2/3.")] = None
    preview_url: Annotated[
        str | None, Field(description="Where it can be tried inside the cluster while it gets no request of clients.")
    ] = None
    ready_replicas: Annotated[int, Field(description="Pods that serve the model and have proven it.")] = 0
    replicas: Annotated[int, Field(description="Pods that exist.")] = 0
    started_at: Annotated[str, Field(description="When the rollout began.")]
    phase_started_at: Annotated[str | None, Field(description="When the shift began, or the weight was in force.")] = (
        None
    )
    attempt: Annotated[int, Field(description="0, or how often a person asked for a retry.")] = 0
    order: Annotated[
        str | None, Field(description="What a person asked of it and is not done yet: promote, skip-step or resume.")
    ] = None
    restarts: Annotated[int | None, Field(description="Container restarts before the canary got traffic.")] = None
    warm_restarts: Annotated[
        dict[str, Any] | None,
        Field(description="Container restarts before a pod was ready, by pod; they are forgiven."),
    ] = None
    pods: Annotated[
        str | None, Field(description="Written by releases before 0.2: pods that made the weight, as 3:1.")
    ] = None
    observed: Annotated[ObservedTime, Field(description="Time that counts towards the step and the deadlines.")]
    steady_since: Annotated[str | None, Field(description="Since when the weight has been in force.")] = None
    step_weight: Annotated[int | None, Field(description="Weight in the spec of the step in force.")] = None
    verdict: Annotated[str | None, Field(description="The worst of the metrics' verdicts.")] = None
    analysis: Annotated[list[MetricStatus] | None, Field(description="What each metric says.")] = None
    canary_since: Annotated[str | None, Field(description="When the canary first got traffic.")] = None
    weight_changes: Annotated[
        list[str] | None, Field(description="Intervals in which the weight changed; no evidence is taken from them.")
    ] = None
    share: Annotated[
        int | None, Field(description="Percent of the traffic that the canary has while the open look lasts.")
    ] = None
    mirror_percent: Annotated[
        int | None, Field(description="Percent of the requests of which it gets copies; no client hears its answers.")
    ] = None
    testers: Annotated[bool | None, Field(description="Whether testers that are pinned to it alone reach it.")] = None
    change_since: Annotated[str | None, Field(description="Since when the shares of traffic have been changing.")] = (
        None
    )
    change_steady_since: Annotated[
        str | None, Field(description="Since when they have been as they are, when the change is about to be over.")
    ] = None
    closed_looks: Annotated[
        list[str] | None,
        Field(description="Intervals that a change of the shares has closed, and that are to be judged."),
    ] = None
    step_since: Annotated[
        str | None, Field(description="When the step's weight came into force, until a look at the step was judged.")
    ] = None
    looked_after_hold: Annotated[
        bool | None, Field(description="Whether the last look was taken after the step had been held for its time.")
    ] = None
    last_look_at: Annotated[str | None, Field(description="End of the last interval that was judged.")] = None
    look_taken_at: Annotated[str | None, Field(description="When the last look was taken.")] = None
    failed_look_at: Annotated[
        str | None, Field(description="When a look failed that will be asked for again after an interval.")
    ] = None
    stray: Annotated[
        str | None,
        Field(
            max_length=1024,
            description="Who answered the requests of the last look, where that is not as it should be.",
        ),
    ] = None
    evidence: Annotated[dict[str, Any] | None, Field(description="State of the tests: a few numbers a metric.")] = None


class GuardStatus(ApiModel):
    """The comparison that goes on after a promotion."""

    version: Annotated[str, Field(description="The version that was promoted.")]
    revision: Annotated[str, Field(description="Its revision.")]
    previous: Annotated[str, Field(description="The version before, which it is compared with.")]
    previous_revision: Annotated[str, Field(description="That one's revision.")]
    since: Annotated[str, Field(description="When it was promoted.")]
    until: Annotated[str, Field(description="When the guard ends.")]
    verdict: Annotated[str, Field(description="Pass, Fail or Inconclusive: the worst of the gates.")]
    message: Annotated[
        str, Field(max_length=1024, description="What it is compared with, and what keeps it from that.")
    ]
    analysis: Annotated[list[MetricStatus] | None, Field(description="What each metric says.")] = None
    observed_at: Annotated[str, Field(description="The last observation that was written down.")]
    canary_since: Annotated[str, Field(description="When it first got traffic, in its rollout.")]
    weight_changes: Annotated[
        list[str] | None, Field(description="Intervals in which shares changed; no evidence is taken from them.")
    ] = None
    share: Annotated[int | None, Field(description="Percent of the traffic that it had, unless all.")] = None
    change_since: Annotated[str | None, Field(description="Since when shares have been changing.")] = None
    change_steady_since: Annotated[str | None, Field(description="Since when they have been as they are.")] = None
    closed_looks: Annotated[list[str] | None, Field(description="Intervals that are still to be judged.")] = None
    last_look_at: Annotated[str | None, Field(description="End of the last interval that was judged.")] = None
    look_taken_at: Annotated[str | None, Field(description="When the last look was taken.")] = None
    failed_look_at: Annotated[str | None, Field(description="When a look failed that will be asked for again.")] = None
    evidence: Annotated[dict[str, Any] | None, Field(description="State of the tests: a few numbers a metric.")] = None


class OutageStatus(ApiModel):
    """How long requests have reached no pod of stable."""

    at: Annotated[str, Field(description="The last observation that counted.")]
    seconds: Annotated[float, Field(description="Observed seconds.")]
    waking: Annotated[
        bool | None, Field(description="It began at 0 replicas, so its pods have rollout.progressDeadlineSeconds.")
    ] = None


class FloorStatus(ApiModel):
    """The size that what serves does not go below, whatever /scale says."""

    replicas: Annotated[int, Field(description="Pods.")]
    at: Annotated[str, Field(description="When the rollout's first traffic set it, or it was lowered last.")]


class ScalingStatus(ApiModel):
    """Pods were added to a version that was Ready, and have not come yet."""

    replicas: Annotated[int, Field(description="Pods that Ready counts: the most that have served since.")]
    at: Annotated[str, Field(description="When it began, or a pod came last.")]


class LeavingStatus(ApiModel):
    """A version that was given up serves beside stable until stable has its pods again."""

    version: Annotated[str, Field(description="Its label.")]
    revision: Annotated[str, Field(description="Its revision.")]
    stable_ready: Annotated[int, Field(description="The most pods that stable has had ready since.")]
    at: Annotated[str, Field(description="When it began, or stable had another pod last.")]
