"""What ``spec.predictionLog`` means for a serving pod: where its collector is, and the key that it shows there."""

from typing import Final

from serin_operator.api import names
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.manifests.serving import Mount

ADDRESS_VARIABLE: Final = "SERIN_PREDICTION_LOG"
KEY_VARIABLE: Final = "SERIN_PREDICTION_LOG_KEY_FILE"
_VOLUME: Final = "serin-collector"


def variables(name: str, spec: ModelDeploymentSpec) -> dict[str, str]:
    """Where predictions go, by an address that is the same for all versions, and which of them."""
    log = spec.prediction_log
    if log is None:
        return {}
    return {
        ADDRESS_VARIABLE: f"http://{names.collector(name)}:{names.PORT_COLLECTOR}",
        "SERIN_PREDICTION_LOG_SAMPLE": f"{log.sample:.12g}",
        **({"SERIN_PREDICTION_LOG_HIDE": ",".join(log.hide).replace("$(", "$$(")} if log.hide else {}),
        **({} if log.max_bytes is None else {"SERIN_PREDICTION_LOG_MAX_BYTES": str(log.max_bytes)}),
    }


def mounts_of(name: str, spec: ModelDeploymentSpec) -> tuple[Mount, ...]:
    """The key. Without it a pod serves all the same, and drops what it would have told."""
    if spec.prediction_log is None:
        return ()
    items = [{"key": names.FEEDBACK_KEYS, "path": "keys"}]
    secret = {"secretName": names.collector(name), "items": items, "optional": True}
    return (Mount(_VOLUME, {"secret": secret}, {KEY_VARIABLE: "keys"}),)
