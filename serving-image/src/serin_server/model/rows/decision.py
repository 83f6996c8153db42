"""Whether requests may share a run of a model, decided once, when it is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serin_server.model.rows.states import NotProven, Reason
from serin_server.model.tensors import Array

if TYPE_CHECKING:
    from serin_server.model.rows.probe import Runs

_WAY_OUT = "each request runs alone (batching=trusted lets them share runs nevertheless)"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether rows of different requests may share a run, and why."""

    is_batchable: bool
    mode: str
    """`proven`, `trusted`, `alone` (not proven) or `off`."""
    reason: Reason
    message: str


OFF = Decision(False, "off", Reason.SWITCHED_OFF, "each request runs alone: batching is switched off")


def decide(
    file: Path,
    session: "Runs",
    wanted: str = "proven",
    words: Sequence[Sequence[str]] = (),
    samples: Sequence[Mapping[str, Array]] = (),
    rounding: float = 0.0,
) -> Decision:
    """Proves that rows are independent, from the graph and by trying it, or says why requests run alone."""
    if wanted == "off":
        return OFF
    signature = session.signature
    if not signature.has_free_rows or not signature.inputs:
        fixed = [spec.name for spec in (*signature.inputs, *signature.outputs) if not spec.is_batched]
        what = f"{fixed[0]!r} has no free first dimension" if fixed else "the model takes no input"
        told = f"{what}, so each request runs alone"
        return Decision(False, "alone", Reason.FIXED_SIZE, told)
    if wanted == "trusted":
        told = "requests share runs, since the setting says that rows are independent; this was not checked"
        return Decision(True, "trusted", Reason.TRUSTED, told)
    from serin_server.model.rows.analysis import check  # noqa: PLC0415 (two dozen modules that only a proof needs)
    from serin_server.model.rows.probe import probe  # noqa: PLC0415

    try:
        check(file)
        probe(session, words, samples, rounding)
    except NotProven as found:
        return Decision(False, "alone", found.reason, f"{found.message}, so {_WAY_OUT}")
    told = "requests share runs: by its graph and by trial, every row is answered by itself"
    return Decision(True, "proven", Reason.PROVEN, told)
