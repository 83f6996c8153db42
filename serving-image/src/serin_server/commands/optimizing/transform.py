"""Makes a variant of a model: `python -m serin_server.commands.optimizing.transform VARIANT SOURCE TARGET BYTES`.

A process of its own: libraries that nothing else needs stay out of the one that measures and out of those that serve, what they
take of memory is bounded, and a model that makes them crash ends nobody else.
"""

import resource
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from serin_server.model.external_data import locations_in

EXIT_NOT_MADE: Final = 3
"""A sentence on stdout says why."""
_NOTHING: Final = "nothing in it can be made smaller"


class NotMade(Exception):
    """Why there is no such variant of this model."""


def graph(source: Path, target: Path) -> None:
    """The graph as ONNX Runtime simplifies and fuses it, up to what every processor runs: layouts for one kind are left out."""
    import onnxruntime  # noqa: PLC0415 (loaded by who needs it)

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def int8_dynamic(source: Path, target: Path) -> None:
    """Weights as 8-bit integers with a scale for each column; what comes in is rounded when it comes."""
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    model = onnx.load_model(str(source))
    domains = {each.domain or "ai.onnx": each.version for each in model.opset_import}
    if "ai.onnx" not in domains:
        raise NotMade(_NOTHING)  # trees alone, say
    if len(domains) < len(model.opset_import):  # exporters name a domain twice, which the library cannot read
        del model.opset_import[:]
        model.opset_import.extend(onnx.helper.make_opsetid(*each) for each in domains.items())
        source = source.with_name(f"once-{source.name}")
        onnx.save_model(model, str(source))
    quantize_dynamic(str(source), str(target), per_channel=True, weight_type=QuantType.QInt8)


def float16(source: Path, target: Path) -> None:
    """Numbers of 16 bits inside; what goes in and comes out stays as it is."""
    import onnx  # noqa: PLC0415
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415

    onnx.save_model(convert_float_to_float16(onnx.load_model(str(source)), keep_io_types=True), str(target))


TRANSFORMS: Final[Mapping[str, Callable[[Path, Path], None]]] = {
    "Graph": graph,
    "Int8Dynamic": int8_dynamic,
    "Float16": float16,
}
"""By their names in `spec.model.optimize.variants`."""


def main(arguments: Sequence[str]) -> int:
    """Makes one variant; its exit code."""
    variant, source, target, most_bytes = arguments
    if int(most_bytes):  # an allocation that fails, and not the end of the whole container
        resource.setrlimit(resource.RLIMIT_DATA, (int(most_bytes), int(most_bytes)))
    try:
        whole = _in_one_file(Path(source))
        TRANSFORMS[variant](whole, Path(target))
        if variant != "Graph" and not _differ(whole, Path(target)):
            raise NotMade(_NOTHING)
    except NotMade as error:
        sys.stdout.write(str(error))
    except ModuleNotFoundError as error:
        sys.stdout.write(f"{error.name} is not installed (serin-server[optimize] has it)")
    except MemoryError:
        sys.stdout.write("memory is too small to make it")
    except Exception as error:  # noqa: BLE001 (whatever libraries make of a model, it is served as it is)
        sys.stdout.write(f"it cannot be made ({type(error).__name__}: {' '.join(str(error).split())[:120]})")
    else:
        return 0
    return EXIT_NOT_MADE


def _in_one_file(source: Path) -> Path:
    """The model with the weights in it that it keeps in files beside it: libraries differ in where they put those of a variant."""
    if not locations_in(source):
        return source
    import onnx  # noqa: PLC0415

    whole = source.with_name(f"whole-{source.name}")
    onnx.save_model(onnx.load_model(str(source)), str(whole))
    return whole


def _differ(source: Path, target: Path) -> bool:
    """Whether any node or constant is of another kind: libraries give models back that they can do nothing for."""
    import onnx  # noqa: PLC0415

    return _kinds(onnx.load_model(str(source)).graph) != _kinds(onnx.load_model(str(target)).graph)


def _kinds(of_graph: Any) -> Counter[Any]:
    kinds = Counter[Any]((node.domain, node.op_type) for node in of_graph.node if node.op_type != "Cast")
    kinds.update(constant.data_type for constant in of_graph.initializer)
    return kinds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
