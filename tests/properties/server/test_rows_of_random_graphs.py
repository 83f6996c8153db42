"""Random graphs: every tensor that the rules call rows is, on the real runtime, the same alone and in a batch."""

from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from serin_server.failures import LoadFailure
from serin_server.model.rows.analysis import check, follow
from serin_server.model.rows.probe import probe
from serin_server.model.rows.reading import read
from serin_server.model.rows.rules.filling import of_tensor
from serin_server.model.rows.sizes import ROWS, Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows
from serin_server.model.session import open_session

CONSTANTS = {
    f"c{position}": np.random.default_rng(position).normal(size=shape).astype(np.float32)
    for position, shape in enumerate([(), (4,), (1, 4), (3, 4), (1, 3, 4), (2, 3, 4), (4, 4), (3, 1), (1, 1, 1)])
}
TARGETS = (
    [-1, 12],
    [0, -1],
    [-1, 3, 4],
    [0, 3, 4],
    [3, -1],
    [0, 0, 2, 2],
    [-1, 4],
    [12, -1],
    [1, -1, 4],
    [0, 12, 1],
    [-1, 1, 2, 6],
)
AXES = st.integers(-4, 3)


class Growing:
    """A graph that grows node by node, and what the rules say of its tensors."""

    def __init__(self, file):
        self.file, self.nodes, self.constants = file, [], dict(CONSTANTS)
        self._names = count()
        self.states = {}
        self.look()

    def constant(self, value):
        name = f"k{next(self._names)}"
        self.constants[name] = np.asarray(value)
        return name

    def node(self, operator, *inputs, **attributes):
        name = f"t{next(self._names)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def model(self, outputs=("x",)):
        value = helper.make_tensor_value_info
        inputs = [value(name, TensorProto.FLOAT, ["N", 3, 4]) for name in ("x", "z")]
        made = [value(name, TensorProto.FLOAT, ["N", *(None for _ in self.states[name].sizes[1:])]) if name != "x"
                else value(name, TensorProto.FLOAT, ["N", 3, 4]) for name in outputs]  # fmt: skip
        constants = [numpy_helper.from_array(each, name) for name, each in self.constants.items()]
        graph = helper.make_graph(self.needed(outputs), "g", inputs, made, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def needed(self, outputs):
        """The nodes that lead to the outputs; all of them while there is none."""
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if outputs == ("x",) or wanted & set(node.output):
                wanted |= set(node.input)
                kept.insert(0, node)
        return kept

    def runs(self, names):
        """Whether ONNX Runtime takes what is needed for some tensors, for one row and for two."""
        self.file.write_bytes(self.model(tuple(names)).SerializeToString())
        try:
            session = open_session(self.file)
            for rows in (1, 2):
                session.run({spec.name: np.ones((rows, 3, 4), np.float32) for spec in session.signature.inputs})
        except Exception:  # noqa: BLE001 (whatever the graph lacks)
            return False
        return True

    def look(self):
        self.file.write_bytes(self.model().SerializeToString())
        graph = read(self.file)
        states = {name: of_tensor(tensor) for name, tensor in graph.constants.items()}
        states |= {name: Rows(0, (ROWS, Size(3), Size(4))) for name in ("x", "z")}
        follow(graph, states)
        self.states = states

    def usable(self):
        return [name for name, state in self.states.items() if isinstance(state, (Rows, Fixed)) and name[0] in "xzct"]

    def rows(self):
        found = [name for name, state in self.states.items() if isinstance(state, Rows) and name[0] == "t"]
        return [name for name in found if self.states[name].axis == 0 and self.states[name].size == ROWS]


def grown(graph, data):
    """One more node of some kind, be it sensible or not; what is not is dropped by the rules."""
    draw = data.draw
    any_of = st.sampled_from(sorted(graph.usable(), key=lambda name: (name[0] == "c", name)))
    t, u, axis = draw(any_of), draw(any_of), draw(AXES)
    rank = len(graph.states[t].sizes)
    kinds = {
        "Add": lambda: graph.node(draw(st.sampled_from(["Add", "Mul", "Sub", "Max"])), t, u),
        "MatMul": lambda: graph.node("MatMul", t, u),
        "Transpose": lambda: graph.node("Transpose", t, perm=draw(st.permutations(range(max(1, rank))))),
        "Reshape": lambda: graph.node("Reshape", t, graph.constant(draw(st.sampled_from(TARGETS)))),
        "Softmax": lambda: graph.node("Softmax", t, axis=axis),
        "Reduce": lambda: graph.node(
            draw(st.sampled_from(["ReduceMean", "ReduceMax", "ReduceL2"])), t, axes=[axis], keepdims=draw(st.integers(0, 1))
        ),
        "Concat": lambda: graph.node("Concat", t, u, axis=axis),
        "Slice": lambda: graph.node(
            "Slice", t, *(graph.constant([each]) for each in (draw(st.integers(-1, 1)), draw(st.sampled_from([2, 2**40])), axis))
        ),
        "Gather": lambda: graph.node("Gather", t, graph.constant(draw(st.sampled_from([0, [0], [1, 0], [[0, 1]]]))), axis=axis),
        "Unsqueeze": lambda: graph.node("Unsqueeze", t, graph.constant([axis])),
        "Squeeze": lambda: graph.node("Squeeze", t, graph.constant([axis])),
        "Flatten": lambda: graph.node("Flatten", t, axis=axis),
        "ArgMax": lambda: graph.node("Cast", graph.node("ArgMax", t, axis=axis), to=TensorProto.FLOAT),
        "CumSum": lambda: graph.node("CumSum", t, graph.constant(axis)),
        "LayerNormalization": lambda: graph.node("LayerNormalization", t, draw(st.sampled_from(["c1", "c3", "c4"])), axis=axis),
        "Pad": lambda: graph.node("Pad", t, graph.constant([draw(st.integers(0, 1)) for _ in range(2 * rank)])),
        "Tile": lambda: graph.node("Tile", t, graph.constant([draw(st.integers(1, 2)) for _ in range(rank)])),
        "a size as a value": lambda: graph.node("Mul", u, graph.node("Cast", size_of(graph, t, axis), to=TensorProto.FLOAT)),
        "Expand to a shape": lambda: graph.node("Expand", u, graph.node("Shape", t)),
        "Tile to a shape": lambda: graph.node("Tile", u, graph.node("Shape", t)),
        "zeros of a shape": lambda: graph.node("ConstantOfShape", graph.node("Shape", t)),
        "Reshape by a size": lambda: graph.node(
            "Reshape", u, graph.node("Concat", size_of(graph, t, axis), graph.constant(draw(st.sampled_from([[-1], [-1, 4], [12]]))), axis=0)
        ),
        "Einsum": lambda: graph.node("Einsum", t, u, equation=draw(st.sampled_from(["abc,abc->ab", "abc,acd->abd", "abc,dbc->adc", "ab,bc->ac", "abc,abd->cd"]))),
    }  # fmt: skip
    before = list(graph.nodes)
    made = kinds[draw(st.sampled_from(sorted(kinds)))]()
    graph.look()
    if made in graph.rows() and not graph.runs([made]):
        graph.nodes = before
        graph.look()


def brought_to_the_front(graph, name, state):
    """Rows that lie at another axis, or several slices to a row, as an output."""
    order = [state.axis, *(axis for axis in range(len(state.sizes)) if axis != state.axis)]
    front = graph.node("Transpose", name, perm=order) if state.axis else name
    if state.size != ROWS:
        graph.node("Reshape", front, graph.node("Concat", size_of(graph, "x", 0), graph.constant([-1]), axis=0))


def size_of(graph, tensor, axis):
    return graph.node("Gather", graph.node("Shape", tensor), graph.constant([axis]), axis=0)


def confirm(file, data, steps):
    graph = Growing(file)
    for _ in range(steps):
        grown(graph, data)
    for name, state in list(graph.states.items()):
        if isinstance(state, Rows) and name[0] == "t" and name not in graph.rows():
            brought_to_the_front(graph, name, state)
    graph.look()
    outputs = [name for name in graph.rows() if graph.runs([name])]
    if not outputs:
        return
    file.write_bytes(graph.model(tuple(outputs)).SerializeToString())
    check(file)
    try:
        session = open_session(file)
        probe(session)
    except LoadFailure:
        event("not loaded")
    except NotProven as found:
        assert found.reason is Reason.NOT_PROBED, f"{found.message}\n{graph.nodes}\n{graph.states}"  # noqa: PT017 (says which)
        event("not probed")
    else:
        event("confirmed")


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_the_rules_call_rows_is_the_same_alone_and_in_a_batch_of_many_graphs(tmp_path_factory, data):
    confirm(tmp_path_factory.mktemp("grown") / "model.onnx", data, 12)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_the_rules_call_rows_is_the_same_alone_and_in_a_batch(tmp_path_factory, data):
    confirm(tmp_path_factory.mktemp("grown") / "model.onnx", data, 8)
