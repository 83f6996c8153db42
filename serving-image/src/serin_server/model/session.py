"""A model in ONNX Runtime: loaded, its signature in the protocol's words, and one call to run it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.binding import BoundRuns, Run
from serin_server.model.by_size import RunsBySize
from serin_server.model.lengths import what_decides
from serin_server.model.providers import CPU, CUDA, DEVICES, Placement, checked, prepare, with_options
from serin_server.model.sequences import SEQUENCE, SequenceOutput
from serin_server.model.tensors import ONNX_TO_OIP, Array, Signature, TensorSpec

_MAP_SEQUENCE: Final = re.compile(r"^seq\(map\((int64|string),tensor\((float|double)\)\)\)$")
_UNSUPPORTED: Final = re.compile(
    r"opset|IR version|No Op registered|is not a registered function|NOT_IMPLEMENTED|Could not find an implementation|not supported",
    re.IGNORECASE,
)
_NO_LOCALE: Final = "Failed to construct locale"
_WAY_OUT: Final = (
    "end the graph in tensors (scikit-learn: convert with options={'zipmap': False}; others: drop the last node)"
)


class Session:
    """One ONNX Runtime session; several threads may run it at once.

    `providers` are those that it has, best first; `notice` is what a person should know of them, if anything.
    """

    __slots__ = (
        "_input_names",
        "_map_outputs",
        "_output_names",
        "_run",
        "_sequences",
        "_shrinking",
        "_told",
        "notice",
        "providers",
        "rounding",
        "signature",
    )

    def __init__(
        self,
        raw: Any,
        signature: Signature,
        map_outputs: frozenset[str],
        sequences: Mapping[str, SequenceOutput] = MappingProxyType({}),
        providers: Sequence[str] = (CPU,),
        notice: str = "",
        again: Callable[[], Any] | None = None,
    ) -> None:
        self._output_names = [output.name for output in signature.outputs]
        self._input_names = [spec.name for spec in signature.inputs]
        self._map_outputs = map_outputs
        """Those that are no tensors as they come: maps, and the sequences."""
        self._sequences = sequences
        self._told = signature.outputs
        self._shrinking: Any = None
        self.signature = signature
        self.providers = tuple(providers)
        self.notice = notice
        self.rounding = 0.0
        """How far the device rounds factors of products, relative to them, where that is coarser than their type."""
        is_bound = providers[0] == CUDA and not map_outputs and _holds_numbers_only(signature)
        self._run = _run_of(raw, is_bound=is_bound)
        if again is not None and providers[0] in DEVICES:
            self._run = RunsBySize(self._run, lambda: _run_of(again(), is_bound=is_bound))

    @property
    def is_on_device(self) -> bool:
        """Whether a device computes, for which new shapes are dear, while this process could do something else."""
        return self.providers[0] in DEVICES

    def fix(self, rows: int) -> None:
        """Prepares a device for batches of this number of rows. Raises what opening one more session raises."""
        if isinstance(self._run, RunsBySize):
            self._run.fix(rows)

    def run(self, feed: Mapping[str, Array], output_names: list[str] | None = None, options: Any = None) -> list[Array]:
        """The outputs (all, or those named) for one feed. Raises what ONNX Runtime raises.

        The options are those of model/deadline.py, for a run that may never end.
        """
        names = output_names or self._output_names
        outputs = self._run(names, feed, options)
        return self._as_tensors(names, outputs) if self._map_outputs else outputs

    def run_and_give_back(self, feed: Mapping[str, Array]) -> list[Array]:
        """As `run`; afterwards ONNX Runtime returns what memory it does not need for a run like this one."""
        if self._shrinking is None:
            import onnxruntime  # noqa: PLC0415 (0.1 s, not for --help)

            self._shrinking = onnxruntime.RunOptions()
            self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        try:
            outputs = self._run(self._output_names, feed, self._shrinking)
        except Exception:  # noqa: BLE001 (a build without an arena refuses; whatever else it was comes again)
            return self.run(feed)
        return self._as_tensors(self._output_names, outputs) if self._map_outputs else outputs

    def _as_tensors(self, names: list[str], outputs: list[Any]) -> list[Array]:
        tensors: list[Array] = []
        for name, value in zip(names, outputs, strict=True):
            sequence = self._sequences.get(name)
            tensors += [self._as_tensor(name, value)] if sequence is None else sequence.checked(value)
        return tensors

    def _as_tensor(self, name: str, value: Any) -> Array:
        if name not in self._map_outputs:
            return value  # type: ignore[no-any-return]
        spec = next(output for output in self.signature.outputs if output.name == name)
        keys = spec.labels or (tuple(sorted(value[0])) if value else ())
        rows = [[row[key] for key in keys] for row in value]
        return np.array(rows, dtype=spec.dtype).reshape(len(value), len(keys))

    def with_labels(self, feed: Mapping[str, Array], options: Any = None) -> "Session":
        """The same session, its maps' labels and widths learnt from one run."""
        if not self._map_outputs:
            return self
        values = dict(zip(self._output_names, self._run(self._output_names, feed, options), strict=True))
        twice = self._twice(feed, options) if self._sequences else None
        outputs: list[TensorSpec] = []
        sequences = {}
        for spec in self._told:
            if sequence := self._sequences.get(spec.name):
                again = None if twice is None else twice[spec.name]
                sequences[spec.name], tensors = sequence.learnt(values[spec.name], again, set(self._output_names))
                outputs += tensors
            elif spec.name in self._map_outputs and values[spec.name]:
                labels = tuple(sorted(values[spec.name][0]))
                outputs.append(replace(spec, labels=labels, shape=(-1, len(labels))))
            else:
                outputs.append(spec)
        learnt = object.__new__(Session)
        for slot in Session.__slots__:
            setattr(learnt, slot, getattr(self, slot))
        learnt.signature = replace(self.signature, outputs=tuple(outputs))
        learnt._sequences = sequences
        return learnt

    def _twice(self, feed: Mapping[str, Array], options: Any) -> dict[str, Any] | None:
        """What it makes of the same rows twice; None when it takes no other number of rows."""
        more = {
            spec.name: np.concatenate([feed[spec.name]] * 2) if spec.is_batched else feed[spec.name]
            for spec in self.signature.inputs
        }
        try:
            return dict(zip(self._output_names, self._run(self._output_names, more, options), strict=True))
        except Exception:  # noqa: BLE001 (whatever the graph raises, one run is enough to go by)
            return None

    def check_learnt(self) -> None:
        """Raises `LoadFailure` while nobody knows what tensors its lists hold."""
        for sequence in self._sequences.values():
            if problem := sequence.problem():
                raise problem


ON_CPU: Final = Placement()


def open_session(file: Path, threads: int = 1, placement: Placement = ON_CPU) -> Session:
    """Loads an ONNX file. Raises `LoadFailure` (ModelInvalid, ModelUnsupported) with what ONNX Runtime says."""
    import onnxruntime  # noqa: PLC0415 (0.1 s, not for --help)

    asked = placement.candidates(onnxruntime.get_available_providers())
    prepare(onnxruntime, asked)
    raw = _opened(onnxruntime, file, threads, with_options(placement, asked))
    providers = raw.get_providers()
    notice = checked(asked, providers, is_auto=placement.is_auto)
    inputs = tuple(_input(node) for node in raw.get_inputs())
    outputs, maps, sequences = [], set(), {}
    for node in raw.get_outputs():
        if match := _MAP_SEQUENCE.match(node.type):
            maps.add(node.name)
            outputs.append(TensorSpec(node.name, "FP32" if match[2] == "float" else "FP64", (-1, -1)))
        elif (match := SEQUENCE.match(node.type)) and match[1] in ONNX_TO_OIP:
            sequences[node.name] = SequenceOutput(node.name, ONNX_TO_OIP[match[1]])
            outputs.append(TensorSpec(node.name, ONNX_TO_OIP[match[1]], (-1,)))
        else:
            outputs.append(TensorSpec(node.name, _datatype("output", node), _shape(node)))
    for name, decided_by in what_decides(file, sequences).items():
        sequences[name] = replace(sequences[name], decided_by=decided_by)
    optional = tuple(_input(node) for node in raw.get_overridable_initializers() if node.type in ONNX_TO_OIP)
    signature = Signature(inputs, tuple(outputs), optional)
    again = partial(_opened, onnxruntime, file, threads, with_options(placement, asked))
    session = Session(raw, signature, frozenset({*maps, *sequences}), sequences, providers, notice, again)
    session.rounding = placement.rounding_on(providers[0])
    return session


def _opened(onnxruntime: Any, file: Path, threads: int, providers: Sequence[tuple[str, Mapping[str, str]]]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if threads > 1:  # threads that spin while they wait burn the CPU limit that the others need
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, list(providers), enable_fallback=0)
    except Exception as error:
        message = one_line(error)
        if _NO_LOCALE in message:
            raise LoadFailure(
                Reason.MODEL_UNSUPPORTED,
                "the model changes the case of text, for which ONNX Runtime needs the locale en_US.UTF-8, and this machine has "
                "none: use Serin's image, which has it, or make it (Debian: apt-get install locales && localedef -i en_US -f UTF-8 "
                "en_US.UTF-8)",
            ) from error
        reason = Reason.MODEL_UNSUPPORTED if _UNSUPPORTED.search(message) else Reason.MODEL_INVALID
        way_out = ": export it with an older opset, or serve it with a newer image" if "pset" in message else ""
        raise LoadFailure(
            reason, f"ONNX Runtime {onnxruntime.__version__} cannot load it{way_out}: {message}"
        ) from error


def _run_of(raw: Any, *, is_bound: bool) -> Run:
    # The private session skips checks in Python that cost as much as a small model's whole run; `run` is the
    # public way for a release of ONNX Runtime that no longer has it.
    private = getattr(raw, "_sess", None)
    run: Run = private.run if private is not None else raw.run
    return BoundRuns(raw, run) if is_bound else run


def _holds_numbers_only(signature: Signature) -> bool:
    return all(spec.datatype != "BYTES" for spec in (*signature.inputs, *signature.outputs))


def _input(node: Any) -> TensorSpec:
    names = tuple(size if isinstance(size, str) else "" for size in node.shape)
    return TensorSpec(node.name, _datatype("input", node), _shape(node), size_names=names)


def _datatype(side: str, node: Any) -> str:
    datatype = ONNX_TO_OIP.get(node.type)
    if datatype is None:
        raise LoadFailure(
            Reason.MODEL_UNSUPPORTED,
            f"{side} {node.name!r} is a {node.type}, which the Open Inference Protocol has no datatype for: "
            f"{_WAY_OUT if 'map' in node.type else 'begin and end the graph in tensors'}",
        )
    return datatype


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) and size >= 0 else -1 for size in node.shape)
