"""Every condition type, reason, outcome and event reason that Serin writes, each with what it means.

The reference documentation is generated from these docstrings, so a reason without an explanation cannot exist.
"""

from enum import StrEnum
from typing import Self


class ExplainedReason(StrEnum):
    """A string with the sentence that explains it in the reference."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> Self:
        """Make the member equal to its string and remember what it means."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """The member that says ``text``; None where there is none."""
        return next((member for member in cls if member.value == text), None)


class ConditionType(ExplainedReason):
    """Types of the conditions in status, in the order in which they are written."""

    READY = "Ready", "The version that the spec wants serves all traffic on all counted pods."
    AVAILABLE = "Available", "Some version of the model answers requests, whichever it is."
    PROGRESSING = "Progressing", "A rollout moves, or has ended well; False when it is held or has failed."
    DEGRADED = "Degraded", "Something is wrong that a person should know, while serving goes on."
    RECONCILING = "Reconciling", "kstatus: the operator still works towards the spec."
    STALLED = "Stalled", "kstatus: nothing will move until a person acts."


class Reason(ExplainedReason):
    """Reasons of conditions."""

    # Where a rollout stands.
    RESOLVING = "Resolving", "The model is being fetched, verified and loaded once, before any pod serves it."
    DEPLOYING = "Deploying", "Pods of the first version start; nothing served before."
    CANARY_STARTING = "CanaryStarting", "Pods of the new version start and warm up; they receive no traffic yet."
    SHIFTING = "Shifting", "The weight of a step is being brought into force: pods start or stop."
    PREVIEWED = (
        "Previewed",
        "The new version's pods are ready and get no request of clients; it can be tried at the Service <name>-preview.",
    )
    MIRRORED = (
        "Mirrored",
        "The new version gets copies of requests and its answers reach no client; evidence is being collected.",
    )
    TESTED = "Tested", "Only testers that spec.traffic.pins name reach the new version; evidence is being collected."
    STEP_HELD = "StepHeld", "The canary has its share of traffic and the step's time is not over."
    ANALYSING = "Analysing", "The canary has its share of traffic and evidence is being collected."
    WAITING_FOR_DATA = "WaitingForData", "The step is held because metrics have not delivered enough data."
    PAUSED = (
        "Paused",
        "spec.paused is true, or an action has paused: no step, no promotion; repair and rollback still happen.",
    )
    STEP_PAUSED = "StepPaused", "The step says pause: true and its time is over; a person lets it go with an action."
    PROMOTING = (
        "Promoting",
        "Every step is passed, or a person promoted it: it grows to full size and takes all traffic.",
    )
    BAKING = "Baking", "The new version serves all traffic; the one before keeps its pods for rollout.bakeSeconds."
    RESTORING = (
        "Restoring",
        "A version that was promoted before comes back without a canary: the spec names it, a person went back to it, or a guard did.",
    )
    HELD_BY_ROLLBACK = (
        "HeldByRollback",
        "A person went back to the version that serves; the spec names another one, which waits for a change, or for resume.",
    )
    ROLLBACK_FAILED = (
        "RollbackFailed",
        "The version that a person went back to did not come back; what served before serves on.",
    )
    BIRTH_FORGOTTEN = (
        "BirthForgotten",
        "The ControllerRevision that told how a version's pods are made is gone, so the version cannot be restored.",
    )
    REPLACING = "Replacing", "strategy Immediate, or promoted by hand: it takes all traffic as soon as it is ready."
    REPAIRING = "Repairing", "The Service or route that clients use was deleted or edited; it is being put right."
    # Where a rollout has ended.
    SCALED_TO_ZERO = (
        "ScaledToZero",
        "spec.replicas is 0: there are no pods; a rollout waits, and goes on when it is raised.",
    )
    SCALING = "Scaling", "Pods that were added start; those that there were serve on, so it stays Ready."
    SERVING = "Serving", "The wanted version serves on all counted pods."
    PROMOTED = "Promoted", "The version took over: it was let through, or was gone back to."
    ANALYSIS_FAILED = "AnalysisFailed", "The evidence says that the new version is worse; it was rolled back."
    GUARD_FAILED = (
        "GuardFailed",
        "After a version had been promoted, the evidence of its guard said that it is worse; spec.guard.onFailure decided.",
    )
    PROGRESS_DEADLINE_EXCEEDED = (
        "ProgressDeadlineExceeded",
        "Pods of the new version did not become ready within rollout.progressDeadlineSeconds.",
    )
    DEADLINE_EXCEEDED = "DeadlineExceeded", "No verdict within rollout.deadlineSeconds; rollout.onDeadline decided."
    CANARY_CRASHED = "CanaryCrashed", "Canary containers restarted twice or more after they had been ready."
    STOPPED_SERVING = (
        "StoppedServing",
        "After all traffic had gone to the new version, none of its pods was ready any more.",
    )
    ABORTED = "Aborted", "A person aborted the rollout."
    SUPERSEDED = "Superseded", "The spec moved on to another version before the rollout had ended."
    TARGET_REJECTED = "TargetRejected", "The spec still names a version that was rolled back; change it, or retry."
    # What keeps it from moving.
    INVALID_SPEC = "InvalidSpec", "The spec says something that the operator cannot do."
    NAME_TAKEN = "NameTaken", "An object with a needed name belongs to somebody else; it is left alone."
    BEING_DELETED = (
        "BeingDeleted",
        "An object with a needed name is on its way out; it is made anew as soon as it is gone.",
    )
    FOUGHT_OVER = (
        "FoughtOver",
        "Somebody changes a child object again and again, or takes it away; the message names the field manager, the field and both values, where anything tells.",
    )
    SCALED_ELSEWHERE = (
        "ScaledElsewhere",
        "An autoscaler aims at the Deployment of one version, which Serin then does not scale; aim it at the ModelDeployment.",
    )
    VERSION_CONFLICT = "VersionConflict", "spec.model.version was already used for a model with another digest."
    PROMETHEUS_NOT_CONFIGURED = (
        "PrometheusNotConfigured",
        "spec.analysis asks for metrics, but the operator has no Prometheus (prometheus.url of the chart).",
    )
    PROMETHEUS_UNREACHABLE = "PrometheusUnreachable", "Queries fail; the step is held and evidence stays as it is."
    QUOTA_EXCEEDED = "QuotaExceeded", "A ResourceQuota keeps pods from being created."
    CREATION_FORBIDDEN = "CreationForbidden", "The API server or an admission webhook refuses an object Serin needs."
    WEBHOOK_UNAVAILABLE = (
        "WebhookUnavailable",
        "An admission webhook does not answer, so the API server refuses objects; never held against a version.",
    )
    POLICY_DENIED = (
        "PolicyDenied",
        "An admission webhook or policy, or Pod Security, refuses an object in its words; never held against a version.",
    )
    CHANNEL_UNKNOWN = (
        "ChannelUnknown",
        "spec.notify names a channel that the installation does not have (notify.channels of the chart); nobody hears it.",
    )
    PREDICTIONS_NOT_KEPT = (
        "PredictionsNotKept",
        "spec.predictionLog asks for a log, and its collector does not run; the message names what is in the way. Serving goes on.",
    )
    CLOCK_SKEW = "ClockSkew", "The operator's clock is behind the API server's; looks ask about the wrong time."
    NOTHING_ELSE_SERVES = (
        "NothingElseServes",
        "Something that should go is kept, because nothing else is ready to answer requests.",
    )
    MISSING_REFERENCE = (
        "MissingReference",
        "A Secret, ConfigMap, key, claim or account that the spec names is not there; pods start as soon as it is.",
    )
    VOLUME_NOT_MOUNTED = (
        "VolumeNotMounted",
        "A volume of a pod cannot be mounted; the kubelet says why, and goes on trying.",
    )
    POD_UNSCHEDULABLE = "PodUnschedulable", "No node has room or the right labels for a pod."
    NODE_UNREACHABLE = (
        "NodeUnreachable",
        "The node of a pod is not heard of any more; another pod replaces it after 30 seconds.",
    )
    SIDECAR_NOT_READY = (
        "SidecarNotReady",
        "A container that was injected into a pod (a sidecar, or one before ours) fails or is not ready.",
    )
    STRANGER_SERVES = (
        "StrangerServes",
        "A pod that is not Serin's carries its labels, and gets requests that a version should answer.",
    )
    READINESS_GATE = (
        "ReadinessGate",
        "A pod's containers are ready, and a readiness gate is not met: its controller has not said so (yet).",
    )
    POD_NOT_STARTED = (
        "PodNotStarted",
        "The node cannot start a pod (its network or its sandbox); the message has the kubelet's words.",
    )
    IMAGE_PULL_FAILED = "ImagePullFailed", "The image of the serving pods cannot be pulled."
    CRASH_LOOP = "CrashLoop", "Containers end again and again; the message has the last words of one."
    OUT_OF_MEMORY = "OutOfMemory", "A container was killed at its memory limit; raise runtime.resources.limits.memory."
    PODS_NOT_READY = "PodsNotReady", "Fewer pods are ready than the spec wants."
    BORN_ELSEWHERE = (
        "BornElsewhere",
        "A version's pods were born in another namespace and tell Prometheus that one's name: no look finds them.",
    )
    ENDPOINTS_BEHIND = (
        "EndpointsBehind",
        "The right pods are ready, but the Service's EndpointSlices do not say so yet; kube-controller-manager writes them.",
    )
    # From the gateway or mesh that spec.traffic names.
    GATEWAY_API_MISSING = (
        "GatewayApiMissing",
        "spec.traffic needs HTTPRoutes of the Gateway API, and the cluster has none or the operator may not see them.",
    )
    ROUTES_UNREADABLE = (
        "RoutesUnreadable",
        "The API server answers with an error when it is asked for routes or Gateways; nothing about them is changed meanwhile.",
    )
    GATEWAY_CANNOT = (
        "GatewayCannot",
        "spec.traffic asks for what the GatewayClass does not list in its features, so it is not tried.",
    )
    PARENT_NOT_FOUND = "ParentNotFound", "spec.traffic names a Gateway that is not there."
    HOSTNAME_TAKEN = (
        "HostnameTaken",
        "An older route has the same host name and path on the same Gateway, and would get the requests.",
    )
    ROUTE_PENDING = (
        "RoutePending",
        "A Gateway or mesh has not said yet what it makes of the route as it is now.",
    )
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted", "A Gateway or mesh refuses the route; the message has its words."
    GATEWAY_STRAYS = (
        "GatewayStrays",
        "The versions' own counts do not follow the weights that a Gateway or mesh says are in force; the step is held.",
    )
    ROUTE_NOT_FOUND = "RouteNotFound", "The HTTPRoute that spec.traffic.routeRef names is not there."
    ROUTE_UNFIT = (
        "RouteUnfit",
        "The HTTPRoute that spec.traffic.routeRef names lacks the two backends whose weights Serin is to set.",
    )
    # From the resolve Job and from the server's own termination message.
    SOURCE_NOT_FOUND = "SourceNotFound", "spec.model.uri points at nothing."
    SOURCE_FORBIDDEN = "SourceForbidden", "The source refuses the credentials, or there are none."
    SOURCE_UNREACHABLE = (
        "SourceUnreachable",
        "The source does not answer. New pods go on trying; running ones serve on.",
    )
    SOURCE_UNSUPPORTED = "SourceUnsupported", "The URI scheme is not one that Serin reads."
    SOURCE_CHANGED = (
        "SourceChanged",
        "The source now has other bytes than those recorded: new pods cannot load the model, running ones serve on.",
    )
    DIGEST_MISMATCH = "DigestMismatch", "The bytes at spec.model.uri do not have the digest spec.model.sha256."
    SIGNATURE_MISSING = (
        "SignatureMissing",
        "spec.model.verify, or the installation, wants a signature, and the model has none.",
    )
    SIGNATURE_INVALID = (
        "SignatureInvalid",
        "The model's signature proves nothing: files were changed or added after it was made, or it is none.",
    )
    SIGNER_NOT_ALLOWED = "SignerNotAllowed", "Somebody has signed the model whom spec.model.verify does not name."
    MODEL_INVALID = "ModelInvalid", "The file is not an ONNX model, or it is truncated."
    MODEL_UNSUPPORTED = "ModelUnsupported", "ONNX Runtime cannot run the model: opset, operator or type."
    MODEL_FAILED_WARMUP = (
        "ModelFailedWarmup",
        "The model loads, but fails on a recorded request (warmup.jsonl or golden.jsonl beside it).",
    )
    GOLDEN_SAMPLE_FAILED = (
        "GoldenSampleFailed",
        "Too few golden samples give the outputs that were recorded with them (spec.preflight.goldenSamples).",
    )
    SIGNATURE_CHANGED = (
        "SignatureChanged",
        "Clients of stable could not go on with the version: inputs, outputs or classes differ (spec.preflight.signature).",
    )
    OVER_BUDGET = (
        "OverBudget",
        "The version takes more time or memory than spec.preflight.budget allows, or is clearly slower than stable.",
    )
    BASELINE_MISSING = (
        "BaselineMissing",
        "spec.preflight.baseline wants a baseline.json beside the model, or what it compares in it, and there is none.",
    )
    BASELINE_NOT_BEATEN = (
        "BaselineNotBeaten",
        "By its baseline.json the version is no better than the simple baseline (spec.preflight.baseline).",
    )
    PREFLIGHT_COMMAND_FAILED = (
        "PreflightCommandFailed",
        "The command of spec.preflight.command ended with another code than 0, did not end in time, or could not be started.",
    )
    DISK_FULL = "DiskFull", "The model does not fit into the cache volume of the pod."
    CACHE_UNUSABLE = "CacheUnusable", "The server may not write into its cache folder."
    ADDRESS_UNAVAILABLE = (
        "AddressUnavailable",
        "The server cannot listen: a port is taken, or the address is not there.",
    )
    INVALID_SETTING = "InvalidSetting", "The server cannot use one of its settings (runtime.env)."
    PROCESS_DIED = "ProcessDied", "One of several processes of a server was killed, and its container with it."
    SERVER_FAULT = (
        "ServerFault",
        "The server failed for a reason that nobody foresaw: a bug; the pod's log has the trace.",
    )
    RESOLVE_FAILED = "ResolveFailed", "The resolve Job ended without saying why; its pod's log may tell."
    # Nothing to say.
    AS_EXPECTED = "AsExpected", "Nothing is wrong."
    NO_VERSION_YET = "NoVersionYet", "No version has ever become ready."


class Outcome(ExplainedReason):
    """How the life of a version ended, or where it stands, in the ledger."""

    IN_PROGRESS = "InProgress", "The version is being rolled out."
    PROMOTED = "Promoted", "The version became stable (and may have been replaced since)."
    ROLLED_BACK = "RolledBack", "The version was taken away: the evidence, a crash or a deadline spoke against it."
    FAILED_PREFLIGHT = (
        "FailedPreflight",
        "The version could not be fetched, verified or loaded, or failed a gate that the spec asks for; it got no request.",
    )
    SUPERSEDED = "Superseded", "The spec moved on before the rollout had ended."
    ABORTED = "Aborted", "A person aborted the rollout."


class EventReason(ExplainedReason):
    """Reasons of the Events on a ModelDeployment."""

    ROLLOUT_STARTED = "RolloutStarted", "A new version begins its rollout."
    MODEL_RESOLVED = "ModelResolved", "The model was fetched, verified and loaded; its digest is recorded."
    STEP_STARTED = "StepStarted", "The canary's weight changed to that of a step."
    SWITCHED = "Switched", "A version got all traffic; the one before is kept for rollout.bakeSeconds."
    PROMOTED = "Promoted", "A version became stable."
    ROLLED_BACK = "RolledBack", "A version was rolled back; the message has the evidence."
    GUARD_BEGAN = "GuardBegan", "A promoted version is compared further with the one before (spec.guard)."
    GUARD_FAILED = (
        "GuardFailed",
        "The evidence speaks against a promoted version; the message has it, and what is done.",
    )
    GUARD_ENDED = "GuardEnded", "The guard of a promoted version is over; the message has what it found."
    PREFLIGHT_FAILED = "PreflightFailed", "A version was refused before it got traffic."
    SUPERSEDED = "Superseded", "A rollout ended because the spec moved on."
    ABORTED = "Aborted", "A person ended a rollout."
    RETRIED = "Retried", "A person asked for a rejected version to be tried again."
    PAUSED = "Paused", "A person paused steps and promotion with an action."
    RESUMED = "Resumed", "A person let go what had been paused or held."
    PROMOTED_BY_HAND = (
        "PromotedByHand",
        "A person promoted a version: neither steps nor evidence are waited for, but its pods are.",
    )
    STEP_SKIPPED = "StepSkipped", "A person ended a step before its time."
    WENT_BACK = "WentBack", "A person went back to a version of the ledger, which is held."
    HOLD_ENDED = "HoldEnded", "A version that a person went back to is no longer held: the spec has moved on."
    ACTION_IGNORED = "ActionIgnored", "The action annotation could not be understood or does not apply now."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "A rollout was held past its deadline."
    STALLED = "Stalled", "Something keeps the operator from going on; the message says what to do."
    REPAIRED = "Repaired", "Somebody else had deleted, edited or scaled a child object; it was put right."
    STATUS_REBUILT = (
        "StatusRebuilt",
        "Status was lost or could not be read; it was rebuilt from the objects that still exist.",
    )
    CLOCK_SET_BACK = "ClockSetBack", "The operator's clock went back; the time between does not count."
    ADOPTED = "Adopted", "An orphaned child with our labels was adopted."
