"""ONNX graphs from a line of text, for tests of what rows do to one another."""

from pathlib import Path

from onnx import save
from onnx.parser import parse_model

from serin_server.model.rows.analysis import check
from serin_server.model.rows.decision import Decision, decide
from serin_server.model.rows.states import NotProven, Reason
from serin_server.model.session import open_session


def written(folder: Path, text: str, opset: int = 17) -> Path:
    """A model file of `(inputs) => (outputs) {nodes}` in ONNX's textual syntax."""
    sets = f'"" : {opset}, "ai.onnx.ml" : 3, "com.microsoft" : 1, "elsewhere" : 1'
    file = folder / "model.onnx"
    save(parse_model(f"<ir_version: 8, opset_import: [{sets}]> g {text}"), file)
    return file


def reason(file: Path) -> Reason:
    """What the graph alone says."""
    try:
        check(file)
    except NotProven as found:
        return found.reason
    return Reason.PROVEN


def decision(file: Path, wanted: str = "proven") -> Decision:
    """What is decided when the model is loaded."""
    return decide(file, open_session(file), wanted)
