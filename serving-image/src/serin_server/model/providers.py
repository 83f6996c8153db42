"""Where ONNX Runtime is to compute: the execution providers of this build, their options, and what came of asking."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serin_server.failures import LoadFailure, Reason

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
DEVICES: Final = frozenset(
    {
        CUDA,
        "TensorrtExecutionProvider",
        "MIGraphXExecutionProvider",
        "ROCMExecutionProvider",
        "OpenVINOExecutionProvider",
    }
)
"""Providers that compute elsewhere than in this process's cores, or prepare each new shape at length."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What was asked for: providers, best first (none: the best that works), and options of CUDA.

    `gpu_memory_limit_bytes` bounds the arena on the device, 0 for no bound. `uses_tf32` lets tensor cores round the
    factors of products to ten bits of mantissa, which is quicker, and differs from a CPU's answers.
    """

    providers: tuple[str, ...] = (CPU,)
    gpu_memory_limit_bytes: int = 0
    uses_tf32: bool = True

    @property
    def is_auto(self) -> bool:
        """Whether the best provider that works is wanted."""
        return not self.providers

    def candidates(self, available: Sequence[str]) -> tuple[str, ...]:
        """The providers to ask for. Raises `LoadFailure` for one that this build of ONNX Runtime has not.

        TensorRT is never chosen by itself: it builds an engine for minutes and wants to be asked for.
        """
        if self.is_auto:
            return (CUDA, CPU) if CUDA in available else (CPU,)
        missing = [name for name in self.providers if name not in available]
        if missing:
            raise LoadFailure(
                Reason.MODEL_UNSUPPORTED,
                f"this image has no {missing[0]} (it has {', '.join(available)}): "
                "use an image built with it, or SERIN_PROVIDERS=cpu",
            )
        return self.providers

    def rounding_on(self, name: str) -> float:
        """How far a provider rounds factors of products in single precision beyond their type: TF32 has ten bits of mantissa."""
        return 2.0**-11 if name == CUDA and self.uses_tf32 else 0.0

    def options_of(self, name: str) -> dict[str, str]:
        """The options of one provider, as ONNX Runtime takes them."""
        if name != CUDA:
            return {}
        options = {
            # A search for the best convolution takes 400 ms for each new shape.
            "cudnn_conv_algo_search": "HEURISTIC",
            "use_tf32": "1" if self.uses_tf32 else "0",
        }
        if self.gpu_memory_limit_bytes:
            options["gpu_mem_limit"] = str(self.gpu_memory_limit_bytes)
            options["arena_extend_strategy"] = "kSameAsRequested"
        return options


def prepare(onnxruntime: Any, providers: Sequence[str]) -> None:
    """Loads the libraries of CUDA that came as Python packages, so that ONNX Runtime finds them."""
    if CUDA in providers and hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(
            io.StringIO()
        ):  # it prints what it does not find, and the provider says it better
            onnxruntime.preload_dlls()


def checked(asked: Sequence[str], running: Sequence[str], *, is_auto: bool) -> str:
    """What a person should know of the providers that a session has: empty when it has what was asked for.

    ONNX Runtime leaves a provider out that it cannot start, and goes on with the next: never silently here. Raises
    `LoadFailure` when the provider was asked for by name.
    """
    left_out = [name for name in asked if name not in running]
    if not left_out:
        return ""
    told = f"{left_out[0]} cannot be started: is there a device, are its driver and libraries there"
    if is_auto:
        return f"{told}? The model runs on {running[0]}"
    raise LoadFailure(
        Reason.MODEL_UNSUPPORTED,
        f"{told}, and does the container have access to it (nvidia.com/gpu)? Or use SERIN_PROVIDERS=cpu, or auto",
    )


def with_options(placement: Placement, names: Sequence[str]) -> list[tuple[str, Mapping[str, str]]]:
    """Providers with their options."""
    return [(name, placement.options_of(name)) for name in names]
