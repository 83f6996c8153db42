"""Puts together who asks the control."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from serin_server.config.settings import InvalidSetting, Settings
from serin_server.feedback.tokens import TokenSigner
from serin_server.model.load import Model
from serin_server.model.predictions import PredictionReader
from serin_server.pairing.book import PairBook
from serin_server.pairing.connection import Address
from serin_server.pairing.line import Line
from serin_server.pairing.pairing import Pairing, Tell
from serin_server.pairing.patience import Patience
from serin_server.records.log import Log

_TELL_SECONDS: Final = 60.0
_PORTS: Final = {"http": 80, "https": 443}


def pairing_of(
    settings: Settings, model: Model, signer: TokenSigner | None, loop: asyncio.AbstractEventLoop, log: Log
) -> Pairing | None:
    """Who asks the control; None unless it is switched on. Raises `InvalidSetting` for an address that is none."""
    if signer is None or not settings.is_pairing:
        return None
    told = urlsplit(settings.pairing_control)
    try:
        host, port = told.hostname or "", told.port or _PORTS[told.scheme]
    except ValueError as error:
        raise InvalidSetting(f"SERIN_PAIRING_CONTROL: {error}") from None
    context = _trusting(settings.tls_cert_file, settings.tls_key_file) if told.scheme == "https" else None
    name = quote(settings.model_name, safe="")
    return Pairing(
        Line(Address(host, port, context), loop, settings.pairing_timeout_seconds),
        f"POST /v2/models/{name}/infer HTTP/1.1\r\nhost: {told.netloc}\r\n".encode(),
        Patience(settings.pairing_sample, settings.pairing_max_per_second / settings.processes),
        PredictionReader(model.signature, settings.prediction_output),
        PairBook(is_regression=settings.feedback_kind == "regression", tolerance=settings.feedback_tolerance),
        signer,
        revision=settings.revision,
        max_bytes=settings.pairing_max_bytes,
        clock=loop.time,
        tell=_teller(log),
    )


def _trusting(certificates: Path | None, key: Path | None) -> Callable[[], ssl.SSLContext]:
    """Contexts that believe whoever has the own certificate, or one that those above it in its file signed.

    Versions of one model share the Secret of their certificate, which is made for the names that clients use. So its name
    is not looked at, and no other authority is believed.
    """

    def context() -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(certificates) if certificates else None)
        if certificates:
            made.load_cert_chain(
                certificates, key
            )  # where one authority signs for servers and clients alike, it lets us in
            made.check_hostname = False
            made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return made

    return context


def _teller(log: Log) -> Tell:
    """Tells each kind of trouble now and then."""
    told_at: dict[str, float] = {}

    def tell(trouble: str, control_revision: str) -> None:
        now = time.monotonic()
        if now - told_at.get(trouble, -_TELL_SECONDS) >= _TELL_SECONDS:
            told_at[trouble] = now
            log.info("no pairs", trouble=trouble, control_revision=control_revision)

    return tell
