"""What some settings may be: the words that they know, and how much."""

from collections.abc import Mapping
from typing import Final

VARIANTS: Final = ("Graph", "Int8Dynamic", "Float16")
"""What may be made of a model to have it quicker."""
MOST_LOGGED_BYTES: Final = 1 << 20
"""Of one body in the prediction log."""
PROVIDERS: Final[Mapping[str, str]] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "dnnl": "DnnlExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}
"""Execution providers by their short names."""
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "grpc": ("on", "off"),
    "model_control": ("on", "off"),
    "batching": ("proven", "off", "trusted"),
    "use_tf32": ("on", "off"),
    "sweep_delete": ("on", "off"),
    "bump_write": ("on", "off"),
    "verify_format": ("bundle", "cosign"),
    "explain": ("on", "off"),
    "embedding_shortens": ("on", "off"),
    "feedback_unsigned": ("auto", "on", "off"),
    "feedback_kind": ("class", "regression"),
    "preflight_golden": ("off", "fail", "warn"),
    "preflight_signature": ("off", "warn", "backward", "same"),
    "preflight_budget": ("off", "fail", "warn"),
    "preflight_baseline": ("off", "fail", "warn"),
    "preflight_baseline_required": ("on", "off"),
    "preflight_baseline_must_beat": ("on", "off"),
    "log_format": ("json", "console"),
    "log_level": ("debug", "info", "warning", "error"),
}
"""The words of each setting that knows some."""
