"""Embeddings of a model that declares them, at the address of its port."""

import asyncio
from collections.abc import Mapping

from serin_server.config.settings import Settings
from serin_server.dataplane.plane import DataPlane
from serin_server.embedding.embedder import Embedder, NoEmbeddings, embedder_of
from serin_server.http.body import BodyLimits
from serin_server.http.embeddings import Embeddings
from serin_server.http.routes import PortRouter
from serin_server.model.tensors import Signature
from serin_server.records.log import Log


def embed(
    port: PortRouter,
    limits: BodyLimits,
    settings: Settings,
    signature: Signature,
    properties: Mapping[str, str],
    plane: DataPlane,
    log: Log,
) -> None:
    """From now on the port answers for this model. One whose embeddings cannot be made is served all the same, and it is said why."""
    try:
        made: Embedder | str | None = embedder_of(
            signature, properties, settings.embeddings, shortens=settings.embedding_shortens == "on"
        )
    except NoEmbeddings as error:
        made = str(error)
        log.warning("no embeddings", message=made)
    if made is None:
        return
    if port.embeddings is None:
        port.embeddings = Embeddings(limits, asyncio.get_running_loop())
    port.embeddings.use(settings.model_name, plane, made)
