"""What ``spec.preflight.command`` makes of the Job that resolves: that resolves first, then the user's own container runs.

It sees the model and nothing that opens anything: no credentials of sources, no keys, no token of an account.
"""

from typing import Any, Final

from serin_operator.api import names
from serin_operator.api.overlay import PodOverlay
from serin_operator.api.preflight import DEFAULT_COMMAND_SECONDS, PreflightCommand
from serin_operator.api.spec import ModelDeploymentSpec, Runtime
from serin_operator.decide.manifests import overlay
from serin_operator.decide.world import ModelDeployment, OperatorConfig

JsonObject = dict[str, Any]

CACHE: Final = "/var/cache/serin"
MODEL: Final = "/model"
GRACE_SECONDS: Final = 10
_FOLDER: Final = "for-command"
"""Below the cache, so that what was fetched is linked and not copied."""


def command_of(spec: ModelDeploymentSpec) -> PreflightCommand | None:
    """The command that the spec asks for."""
    return spec.preflight.command if spec.preflight else None


def seconds_of(spec: ModelDeploymentSpec) -> int:
    """How much longer resolving may take because of a command; 0 without one."""
    command = command_of(spec)
    return (command.timeout_seconds or DEFAULT_COMMAND_SECONDS) if command else 0


def with_command(pod: JsonObject, mdep: ModelDeployment, config: OperatorConfig) -> JsonObject:
    """The pod of the Job, in which our container comes before the one of the command; the same pod without a command."""
    command = command_of(mdep.spec)
    if command is None:
        return pod
    ours = {**pod["containers"][0]}
    ours["env"] = [*ours["env"], {"name": "SERIN_PREFLIGHT_COMMAND_FOLDER", "value": f"{CACHE}/{_FOLDER}"}]
    mine = _container(command, mdep, config, ours)
    return {**pod, "initContainers": [ours], "containers": [mine], "terminationGracePeriodSeconds": GRACE_SECONDS}


def rules() -> list[JsonObject]:
    """What the Job makes of the end of the command: it is never run a second time."""
    ended = {"containerName": names.COMMAND_CONTAINER, "operator": "NotIn", "values": [0]}
    return [{"action": "FailJob", "onExitCodes": ended}]


def _container(
    command: PreflightCommand, mdep: ModelDeployment, config: OperatorConfig, ours: JsonObject
) -> JsonObject:
    runtime = mdep.spec.runtime or Runtime()
    fixed = {"SERIN_MODEL_NAME": mdep.name, "SERIN_MODEL_VERSION": mdep.spec.model.version}
    given = {each.name: each.value for each in command.env or ()}
    container: JsonObject = {
        "name": names.COMMAND_CONTAINER,
        "image": command.image or runtime.image or config.serving_image,
        "env": [{"name": name, "value": value} for name, value in {**fixed, **given}.items()],
        "securityContext": ours["securityContext"],
        "volumeMounts": [
            {"name": "cache", "mountPath": MODEL, "subPath": _FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount point of the pod
            *overlay.volume_mounts(runtime.pod or PodOverlay()),
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    said = command.model_dump(by_alias=True, exclude_none=True, include={"command", "args", "resources"})
    container |= said
    if command.image is None and "imagePullPolicy" in ours:
        container["imagePullPolicy"] = ours["imagePullPolicy"]
    if "resources" not in said and "resources" in ours:
        container["resources"] = ours["resources"]
    return container
