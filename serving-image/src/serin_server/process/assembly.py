"""Puts a server's parts together from its settings; the only place that knows them all."""

import asyncio
import socket

from serin_server.baseline import Baseline, InvalidBaseline, read
from serin_server.config.settings import InvalidSetting, Settings
from serin_server.dataplane.batcher import Batcher
from serin_server.dataplane.call import Call
from serin_server.dataplane.optional import reader_of
from serin_server.dataplane.plane import Loaded
from serin_server.dataplane.response import ResponseWriter, Sealer, TokenMaker
from serin_server.dataplane.running.notes import Observe
from serin_server.dataplane.running.sizes import on_a_device
from serin_server.failures import LoadFailure, Reason
from serin_server.features.capture import FeatureCapture
from serin_server.features.fit import checked_fit
from serin_server.features.likely import baseline_file
from serin_server.features.sliced import FeatureSlices
from serin_server.feedback.counter import FeedbackCounter, Rules
from serin_server.feedback.tokens import MAX_ROWS, TokenSigner
from serin_server.keys import keys_in
from serin_server.metrics.server import ServerMetrics, server_id
from serin_server.model.load import Model
from serin_server.model.predictions import PredictionReader
from serin_server.records.log import Log
from serin_server.records.payload import PayloadLog
from serin_server.records.predictions.log import PredictionLog
from serin_server.records.sink import to_http, to_stdout
from serin_server.scoring import scores_in
from serin_server.security.access import AccessControl
from serin_server.security.tls import Certificates
from serin_server.security.watch import FileWatch
from serin_server.slicing import bounds_in, slicings_in


def metrics_of(settings: Settings, started_at: float, kind: type[ServerMetrics] = ServerMetrics) -> ServerMetrics:
    """Who counts, under the labels of this server."""
    labels = {
        "model_namespace": settings.model_namespace,
        "model_name": settings.model_name,
        "model_version": settings.model_version,
        "model_revision": settings.revision,
        "server_id": server_id(settings.pod_name or socket.gethostname(), started_at),
    }
    return kind(labels, started_at)


def signer_of(settings: Settings) -> TokenSigner | None:
    """Who signs tokens; None without a key file. Raises `InvalidSetting` for a file that cannot be used."""
    if settings.feedback_key_file is None:
        return None
    try:
        return TokenSigner(keys_in(settings.feedback_key_file), settings.revision)
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"SERIN_FEEDBACK_KEY_FILE: {error}") from None


def feedback_of(settings: Settings, metrics: ServerMetrics, signer: TokenSigner | None) -> FeedbackCounter:
    """Who counts labels."""
    takes_unsigned = signer is None if settings.feedback_unsigned == "auto" else settings.feedback_unsigned == "on"
    rules = Rules(
        takes_unsigned,
        settings.feedback_max_age_seconds,
        settings.feedback_kind == "regression",
        settings.feedback_tolerance,
        slicings_in(settings.feedback_slices),
        scores_in(settings.feedback_scores),
        bounds_in(settings.feedback_bounds),
    )
    return FeedbackCounter(metrics, rules, signer)


def loaded_of(
    settings: Settings,
    model: Model,
    metrics: ServerMetrics,
    loop: asyncio.AbstractEventLoop,
    signer: TokenSigner | None,
    capture: FeatureCapture | None = None,
    prediction_log: PredictionLog | None = None,
) -> Loaded:
    """What inference needs now that there is a model."""
    observe = None if capture is None else capture.observe
    signature = model.signature
    predictions = PredictionReader(signature, settings.prediction_output)
    slicings = slicings_in(settings.feedback_slices)
    slices = FeatureSlices(slicings, signature, baseline_of(settings, model)) if slicings else None
    token = _token_maker(signer, predictions, metrics, slices)
    return Loaded(
        reader_of(signature),
        batcher_of(settings, model, metrics, loop, observe),
        ResponseWriter(
            settings.model_name,
            settings.revision,
            settings.model_version,
            signature,
            token if prediction_log is None else prediction_log.watching(token),
            _sealer(signer, predictions),
        ),
    )


def batcher_of(
    settings: Settings,
    model: Model,
    metrics: ServerMetrics,
    loop: asyncio.AbstractEventLoop,
    observe: Observe | None = None,
) -> Batcher:
    """Who runs the model: as batches of any size on a CPU, of fixed sizes and two at a time on a device."""
    is_on_device = model.session.is_on_device
    sizes = settings.preferred_rows
    if sizes is None:
        sizes = on_a_device(settings.max_batch_rows) if is_on_device else ()
    return Batcher(
        model.session,
        metrics,
        loop,
        settings.max_batch_rows,
        settings.request_timeout_seconds,
        observe,
        is_batchable=model.batching.is_batchable,
        sizes=sizes,
        window_seconds=settings.batch_window_seconds,
        runs_at_a_time=settings.concurrent_runs or (2 if is_on_device else 1),
        is_on_device=is_on_device,
    )


def capture_of(settings: Settings, model: Model, loop: asyncio.AbstractEventLoop, log: Log) -> FeatureCapture | None:
    """Who counts features; None without a baseline. Raises `LoadFailure` for a baseline that cannot be used."""
    baseline = baseline_of(settings, model)
    if baseline is None:
        return None
    predictions = PredictionReader(model.signature, settings.prediction_output)
    if left_out := checked_fit(baseline, model.signature, predictions):
        log.warning("part of the baseline is not counted", reasons=left_out[:10], parts=len(left_out))
    return FeatureCapture(baseline, model.signature, predictions, loop)


def baseline_of(settings: Settings, model: Model) -> Baseline | None:
    """The baseline that is named, or that lies in the model's folder. Raises `LoadFailure` when it is none."""
    file = baseline_file(settings.baseline, model.path)
    if file is None:
        return None
    try:
        return read(file)
    except InvalidBaseline as error:
        raise LoadFailure(Reason.MODEL_INVALID, str(error)) from error


def payload_log_of(settings: Settings, model: Model, log: Log) -> PayloadLog | None:
    """Who writes payloads down; None unless it is switched on."""
    if not settings.payload_log:
        return None
    try:
        send = to_stdout if settings.payload_log == "stdout" else to_http(settings.payload_log)
    except ValueError as error:
        raise InvalidSetting(f"SERIN_PAYLOAD_LOG: {error}") from None
    hidden = [name for name in map(str.strip, settings.payload_log_hide.split(",")) if name]
    signature = model.signature
    names = [spec.name for spec in (*signature.inputs, *signature.optional, *signature.outputs)]
    if strangers := [name for name in hidden if name not in names]:
        log.warning("payload_log_hide names no tensor of the model", names=strangers, tensors=names)
    return PayloadLog(
        send,
        signature,
        f"/v2/models/{settings.model_name}/versions/{settings.revision}",
        sample=settings.payload_log_sample,
        max_bytes=settings.payload_log_max_bytes,
        hidden=hidden,
        tell=lambda trouble, dropped: log.warning("payload not logged", trouble=trouble, dropped=dropped),
    )


def certificates_of(settings: Settings) -> Certificates | None:
    """The server's certificates; None without TLS. Raises `InvalidSetting` for files that cannot be used."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    try:
        return Certificates(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"SERIN_TLS_CERT_FILE, SERIN_TLS_KEY_FILE: {error}") from None


def access_of(settings: Settings, log: Log) -> AccessControl | None:
    """Who may ask; None when everybody may. Raises `InvalidSetting` for files that cannot be used."""
    if settings.api_keys_file is None and settings.jwks_file is None:
        return None
    try:
        return AccessControl(
            settings.api_keys_file,
            settings.jwks_file,
            settings.jwt_audience,
            settings.jwt_issuer,
            lambda left_out: log.warning("keys of the key set left out", keys=left_out),
        )
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"SERIN_API_KEYS_FILE, SERIN_JWKS_FILE: {error}") from None


def watches_of(
    settings: Settings, certificates: Certificates | None, access: AccessControl | None, signer: TokenSigner | None
) -> list[FileWatch]:
    """The files that may change while the server runs."""
    watches = [FileWatch(part.files, part.reload) for part in (certificates, access) if part is not None]
    if (keys := settings.feedback_key_file) and signer is not None:
        watches.append(FileWatch((keys,), lambda: signer.use(keys_in(keys))))
    return watches


def _token_maker(
    signer: TokenSigner | None,
    predictions: PredictionReader,
    metrics: ServerMetrics,
    slices: FeatureSlices | None = None,
) -> TokenMaker | None:
    if signer is None or predictions.position is None:
        return None
    metrics.signed_predictions = metrics.signed_predictions or 0

    def token(call: Call, predicted_at: float) -> bytes:
        told = predictions.read(call.outputs or [])
        control = None if call.pair is None else call.pair.control_part()
        client = 0 if call.client is None else call.client.number
        if len(told) > MAX_ROWS:
            return b""
        metrics.signed_predictions = (metrics.signed_predictions or 0) + len(told)
        sliced = slices.of(call.arrays, len(told)) if slices is not None else ()
        return signer.sign(predicted_at, call.id, told, control, client, sliced)

    return token


def _sealer(signer: TokenSigner | None, predictions: PredictionReader) -> Sealer | None:
    if signer is None:
        return None

    def seal(question: str, call: Call | None, predicted_at: float) -> bytes:
        told = predictions.read(call.outputs or []) if call is not None else []
        return signer.sign(predicted_at, question, told[:MAX_ROWS])

    return seal
