"""An explanation as it is asked for and answered over HTTP, in the protocol's tensors."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from serin_server.dataplane.call import Call
from serin_server.explaining.explainer import Explained, Question
from serin_server.explaining.shapley import Stopped
from serin_server.refusals import Kind, Refusal

_WORST_FIRST: Final = (Stopped.TIME, Stopped.EVALUATIONS, Stopped.PRECISE)


class _Asked(msgspec.Struct, gc=False, frozen=True, forbid_unknown_fields=True):
    output: str | None = None
    label: int | str | None = msgspec.field(default=None, name="class")
    max_evaluations: int | None = None
    tolerance: float = 0.05
    seed: int | None = None


class _Envelope(msgspec.Struct, gc=False):
    parameters: _Asked = _Asked()


def question_of(call: Call, envelope: bytes | bytearray | memoryview) -> Question:
    """What is asked, from the call that was read and the JSON it was read from. Raises `Refusal`."""
    try:
        asked = msgspec.json.decode(envelope, type=_Envelope).parameters
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(
            Kind.MALFORMED,
            f"the parameters of an explanation are output, class, max_evaluations, tolerance and seed: {error}",
        ) from None
    if call.more:
        names = ", ".join(call.more)
        raise Refusal(
            Kind.MALFORMED,
            f"{names}: what may be left out is no feature of a row: leave it out to have the row explained",
        )
    if asked.max_evaluations is not None and asked.max_evaluations < 1:
        raise Refusal(Kind.MALFORMED, f"max_evaluations is 1 or more, and {asked.max_evaluations} came")
    if not 0 <= asked.tolerance <= 1:
        raise Refusal(
            Kind.MALFORMED, f"tolerance is a share of the largest effect, 0 to 1, and {asked.tolerance:g} came"
        )
    if asked.seed is not None and asked.seed < 0:
        raise Refusal(Kind.MALFORMED, f"seed is 0 or more, and {asked.seed} came")
    return Question(call.arrays, asked.output, asked.label, asked.max_evaluations, asked.tolerance, asked.seed)


def answer_of(explained: Sequence[Explained], names: Sequence[str], background_rows: int) -> dict[str, Any]:
    """Outputs and parameters of the answer: a row of `attributions` and `standard_errors` for each row of the request."""
    rows, found = len(explained), [each.attribution for each in explained]
    stopped = next((word for word in _WORST_FIRST if any(each.stopped is word for each in found)), Stopped.PRECISE)
    labels = [str(each.target.label) for each in explained]
    return {
        "outputs": [
            _floats("attributions", [rows, len(names)], [each.values.tolist() for each in found]),
            _floats("standard_errors", [rows, len(names)], [each.standard_errors.tolist() for each in found]),
            _floats("base_value", [rows], [each.base_value for each in found]),
            _floats("prediction", [rows], [each.prediction for each in found]),
            {"name": "class", "datatype": "BYTES", "shape": [rows], "data": labels},
            {"name": "features", "datatype": "BYTES", "shape": [len(names)], "data": list(names)},
        ],
        "parameters": {
            **({"output": explained[0].target.output.name} if explained else {}),
            "stopped": str(stopped),
            "evaluations": sum(each.evaluations for each in found),
            "background_rows": background_rows,
        },
    }


def _floats(name: str, shape: list[int], rows: list[Any]) -> dict[str, Any]:
    data = [value for row in rows for value in row] if len(shape) > 1 else rows
    return {"name": name, "datatype": "FP64", "shape": shape, "data": data}
