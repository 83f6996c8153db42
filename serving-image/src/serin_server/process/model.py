"""The model that the settings name."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from serin_server.config.settings import AUTO, PROVIDERS, Settings
from serin_server.dataplane.samples import SampleFiles, UnreadableSamples
from serin_server.failures import LoadFailure, Reason
from serin_server.features.likely import baseline_file, likely_feeds
from serin_server.model.load import Model, load, no_samples
from serin_server.model.providers import Placement
from serin_server.model.source import Source
from serin_server.model.sources.asked import Store
from serin_server.model.tensors import Signature
from serin_server.model.warmup import Feed, RealSample
from serin_server.process.termination import fault
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust


def source_of(settings: Settings) -> Source:
    """Where the settings say that the model comes from."""
    return Source(
        uri=settings.model_uri,
        sha256=settings.model_sha256,
        cache_dir=settings.cache_dir,
        mounts_dir=settings.mounts_dir,
        headers_file=settings.source_headers_file,
        ca_file=settings.source_ca_file,
        credentials_dir=settings.source_credentials_dir,
        timeout_seconds=settings.source_timeout_seconds,
        total_seconds=settings.source_total_seconds,
        redirect_hosts=frozenset(filter(None, map(str.strip, settings.source_redirect_hosts.lower().split(",")))),
        store=store_of(settings),
        variant=settings.model_variant,
        with_signatures=trust_of(settings).asks and settings.verify_format == "cosign",
    )


def store_of(settings: Settings) -> Store | None:
    """Where the settings say that models are kept; None: nowhere."""
    if not settings.store:
        return None
    return Store(
        settings.store,
        settings.store_credentials_dir,
        settings.store_ca_file,
        settings.mounts_dir,
        settings.store_timeout_seconds,
    )


def _samples(settings: Settings, model: Path, signature: Signature) -> tuple[list[RealSample], list[Feed]]:
    """Recorded requests beside the model, and rows that its baseline makes likely. Unreadable ones are no reason to refuse it."""
    try:
        real = SampleFiles(settings.warmup, settings.golden).to_warm_up(model, signature)
    except UnreadableSamples as error:
        if settings.warmup is not None:
            raise LoadFailure(Reason.MODEL_FAILED_WARMUP, f"SERIN_WARMUP: {error}") from error
        real = []
    return real, likely_feeds(baseline_file(settings.baseline, model), signature)


def trust_of(settings: Settings) -> Trust:
    """Whose signature the settings want."""
    names = tuple(filter(None, map(str.strip, settings.verify_signers.split(","))))
    return Trust(
        settings.verify_keys,
        settings.verify_certificates,
        names,
        settings.verify_root,
        settings.verify_issuer.strip(),
        of_artifact=settings.verify_format == "cosign",
    )


def placement_of(settings: Settings) -> Placement:
    """Where the settings say that models run."""
    return Placement(
        tuple(PROVIDERS[name] for name in settings.provider_names if name != AUTO),
        settings.gpu_memory_limit_bytes,
        settings.use_tf32 == "on",
    )


def load_as_set(settings: Settings, *, with_samples: bool = True, is_resolving: bool = False) -> Model:
    """The model that the settings name, on the threads and providers that they name. Raises nothing but `LoadFailure`.

    Without samples its first inference is on made-up inputs, which refuse no model. Who resolves looks at the source before the
    store.
    """
    try:
        placement = placement_of(settings)
        samples = partial(_samples, settings) if with_samples else no_samples
        source = replace(source_of(settings), is_resolving=is_resolving)
        threads, seconds = settings.intra_op_threads, settings.warmup_seconds
        return load(source, threads, placement, seconds, samples, settings.batching_mode, check_by(trust_of(settings)))
    except LoadFailure:
        raise
    except MemoryError as error:
        message = "the model does not fit into memory: give the container more (runtime.resources.limits.memory)"
        raise LoadFailure(Reason.OUT_OF_MEMORY, message) from error
    except Exception as error:
        raise fault(error, "it fetched and loaded the model") from error
