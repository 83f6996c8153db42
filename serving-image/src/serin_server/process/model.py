"""The model that the settings name."""

from serin_server.config.settings import AUTO, PROVIDERS, Settings
from serin_server.model.load import Model, load
from serin_server.model.providers import Placement
from serin_server.model.source import Source


def source_of(settings: Settings) -> Source:
    """Where the settings say that the model comes from."""
    return Source(
        uri=settings.model_uri,
        sha256=settings.model_sha256,
        cache_dir=settings.cache_dir,
        mounts_dir=settings.mounts_dir,
        headers_file=settings.source_headers_file,
        ca_file=settings.source_ca_file,
        timeout_seconds=settings.source_timeout_seconds,
    )


def load_as_set(settings: Settings) -> Model:
    """The model that the settings name, on the threads and providers that they name. Raises `LoadFailure`."""
    placement = Placement(
        tuple(PROVIDERS[name] for name in settings.provider_names if name != AUTO),
        settings.gpu_memory_limit_bytes,
        settings.use_tf32 == "on",
    )
    return load(source_of(settings), settings.intra_op_threads, placement)
