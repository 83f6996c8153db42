"""The model that the settings name."""

from serin_server.config.settings import PROVIDERS, Settings
from serin_server.failures import LoadFailure, Reason
from serin_server.model.load import Model, load
from serin_server.model.source import Source
from serin_server.process.termination import fault


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
        total_seconds=settings.source_total_seconds,
        redirect_hosts=frozenset(filter(None, map(str.strip, settings.source_redirect_hosts.lower().split(",")))),
    )


def load_as_set(settings: Settings) -> Model:
    """The model that the settings name, on the threads and providers that they name. Raises nothing but `LoadFailure`."""
    providers = [PROVIDERS[name] for name in settings.provider_names]
    try:
        return load(source_of(settings), settings.intra_op_threads, providers, settings.warmup_seconds)
    except LoadFailure:
        raise
    except MemoryError as error:
        message = "the model does not fit into memory: give the container more (runtime.resources.limits.memory)"
        raise LoadFailure(Reason.OUT_OF_MEMORY, message) from error
    except Exception as error:
        raise fault(error, "it fetched and loaded the model") from error
