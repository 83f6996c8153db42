"""The log of predictions, where it is asked for."""

from serin_server.config.settings import InvalidSetting, Settings
from serin_server.keys import keys_in
from serin_server.metrics.server import ServerMetrics
from serin_server.model.load import Model
from serin_server.model.predictions import PredictionReader
from serin_server.records.log import Log
from serin_server.records.predictions.lines import LineWriter
from serin_server.records.predictions.log import PredictionLog
from serin_server.records.predictions.wire import CONTENT_TYPE, PATH
from serin_server.records.sink import to_http


def prediction_log_of(settings: Settings, model: Model, metrics: ServerMetrics, log: Log) -> PredictionLog | None:
    """Who takes a sample of predictions; None unless a collector is named. Raises `InvalidSetting`."""
    if not settings.prediction_log or not settings.prediction_log_sample:
        return None
    signature = model.signature
    hidden = [name for name in map(str.strip, settings.prediction_log_hide.split(",")) if name]
    names = [spec.name for spec in (*signature.inputs, *signature.optional, *signature.outputs)]
    if strangers := [name for name in hidden if name not in names]:
        log.warning("prediction_log_hide names no tensor of the model", names=strangers, tensors=names)
    reader = PredictionReader(signature, settings.prediction_output)
    about = {
        "namespace": settings.model_namespace,
        "model": settings.model_name,
        "version": settings.model_version,
        "revision": settings.revision,
        "server": metrics.labels["server_id"],
    }
    try:
        address = settings.prediction_log.rstrip("/") + PATH
        send = to_http(address, content_type=CONTENT_TYPE, credentials=lambda: _authorization(settings))
    except ValueError as error:
        raise InvalidSetting(f"SERIN_PREDICTION_LOG: {error}") from None
    return PredictionLog(
        LineWriter(about, signature, reader, hidden=hidden, max_bytes=settings.prediction_log_max_bytes),
        send,
        settings.prediction_log_sample,
        tell=lambda trouble, dropped: log.warning("predictions not logged", trouble=trouble, dropped=dropped),
    )


def _authorization(settings: Settings) -> dict[str, str]:
    """Read anew for each batch, so that a key may change. Raises `OSError` or `ValueError` while the file is no good."""
    if settings.prediction_log_key_file is None:
        return {}
    keys = keys_in(settings.prediction_log_key_file)
    return {"Authorization": f"Bearer {keys.by_id[keys.signing_id].decode()}"}
