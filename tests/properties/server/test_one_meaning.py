"""A body means the same whichever way it is read: small, large, or so large that it is streamed."""

import json
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from serin_server.dataplane import large, streamed
from serin_server.dataplane.elision import elided
from serin_server.dataplane.memory import Holding, MemoryBudget
from serin_server.dataplane.request import RequestReader
from serin_server.model.tensors import DTYPES, Signature, TensorSpec
from serin_server.refusals import Kind, Refusal

# As the server sets it for itself; here every test begins with the filters of pytest.
pytestmark = pytest.mark.filterwarnings("error:overflow encountered in cast:RuntimeWarning")
OUTPUT = TensorSpec("y", "FP32", (-1,))
READERS = {
    (datatype, shape): RequestReader(Signature((TensorSpec("x", datatype, shape),), (OUTPUT,)))
    for datatype in DTYPES
    for shape in ((-1, -1), (-1, 3), (-1, 2, -1))
}


@pytest.fixture(autouse=True, scope="module")
def short_pieces():
    """What is streamed in pieces of 128 KiB comes in pieces of a few elements here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "elided", partial(elided, longer_than=12))
        patch.setattr(streamed, "_PIECE", 128)
        yield


def meaning(read):
    try:
        call = read()
    except Refusal as refusal:
        return refusal.kind
    return [(array.dtype, array.shape, array.tolist()) for array in call.arrays], call.rows, call.wanted, call.binary


def same_however_read(reader, body):
    padding = b" " * 3000
    small = meaning(lambda: reader.read(body))
    assert repr(meaning(lambda: reader.read(body + padding))) == repr(small)
    holding = Holding(MemoryBudget(1 << 30))
    assert repr(meaning(lambda: reader.read_large(body, None, holding))) == repr(small)


NUMBERS = st.one_of(
    st.integers(-3, 300),
    st.floats(width=32),
    st.sampled_from([2**63, 2**64, -(2**63), 1e39, 1e300, 65520.0, 3.0, -0.0]),
)
ODD = st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.lists(st.integers(0, 3), max_size=2), st.just({}))
ELEMENTS = st.one_of(*[NUMBERS] * 6, ODD)


@st.composite
def bodies(draw):
    rows, width = draw(st.integers(0, 6)), draw(st.integers(1, 8))
    shape = draw(st.sampled_from([(rows, width), (rows, 3), (rows, 2, width)]))
    count = int(np.prod(shape)) + draw(st.sampled_from([0] * 8 + [1, -1]))
    element = draw(st.sampled_from([NUMBERS, NUMBERS, st.booleans(), st.text(max_size=9), ELEMENTS]))
    data = draw(st.lists(element, min_size=max(0, count), max_size=max(0, count)))
    # Infinity is no JSON, a text or an object no element: a body with both is refused for the one or the other.
    has_constants = any(isinstance(each, float) and not np.isfinite(each) for each in data)
    assume(not has_constants or not any(isinstance(each, (str, list, dict)) for each in data))
    if draw(st.booleans()) and len(data) == int(np.prod(shape)) and data:
        array = np.empty(len(data), object)
        array[:] = data
        data = array.reshape(shape).tolist()
        if draw(st.integers(0, 5)) == 0:
            data[0] = data[0][:-1]
    tensor = {"name": "x", "shape": list(shape), "datatype": draw(st.sampled_from(list(DTYPES))), "data": data}
    text = json.dumps({"inputs": [tensor]}, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))
    return tensor["datatype"], len(shape), text.encode(errors="replace")


@settings(max_examples=600, deadline=None)
@given(bodies(), st.booleans())
def test_a_generated_body_means_the_same_however_it_is_read(body, is_free):
    datatype, depth, text = body
    shape = (-1, 2, -1) if depth == 3 else (-1, -1) if is_free else (-1, 3)
    same_however_read(READERS[datatype, shape], text)


PIECES = st.text(alphabet='[]{}",:0123456789.-eE \\nulltrueNa', max_size=60)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["FP32", "INT64", "BYTES", "BOOL"]), PIECES)
@example("INT64", "[1,]2,3,[4,5,6]")
@example("FP32", "[[1,2,3],[4,5,6]")
@example("FP32", "1 2,3")
@example("FP32", "1E400:")
@example("INT64", "1E400,NaN")
@example("BYTES", '"a\\",\\"b",",","]"')
@example("BYTES", '["\\\\",",","[1,2]"],["a","b","c"]')
def test_any_text_as_data_means_the_same_however_it_is_read(datatype, text):
    for shape in ([2, 3], [1, 3]):
        body = f'{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","data":[{text}]}}]}}'
        same_however_read(READERS[datatype, (-1, 3)], body.encode())


WHOLE = {
    "inputs twice": '{"inputs":[],"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "data twice": '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3],"data":[4,5,6]}]}',
    "a shape twice": '{"inputs":[{"name":"x","shape":[2,3],"shape":[1,3],"datatype":"FP32","data":[4,5,6]}]}',
    "an escaped key": '{"inputs":[{"n\\u0061me":"x","shape":[1,3],"datatype":"FP32","data":[4,5,6]}]}',
    "no input": '{"inputs":[]}',
    "an input too many": '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[4,5,6]},{"name":"z","shape":[1],'
    '"datatype":"FP32","data":[1]}]}',
    "parameters with lists": '{"parameters":{"a":[1,[2]]},"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,[2],3]}]}',
    "a list in a name": '{"id":"[[","inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "numbers in an id": '{"id":":[1,2,3,4,5,6,7,8,9]","inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "data that are no list": '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":{"a":[1,2,3,4,5,6,7]}}]}',
    "no data": '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32"}]}',
    "an id that is a number": '{"id":5,"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "an output": '{"outputs":[{"name":"y"}],"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "an unknown output": '{"outputs":[{"name":"z"}],"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "NaN and Infinity": '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[NaN,-Infinity,null]}]}',
    "a body cut short": '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3',
    "a name that is a number": '{"inputs":[{"name":7,"shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    "a shape of fractions": '{"inputs":[{"name":"x","shape":[1.5,3],"datatype":"FP32","data":[1,2,3]}]}',
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_a_body_means_the_same_however_it_is_read(text):
    same_however_read(READERS["FP32", (-1, 3)], text.encode())


@pytest.mark.parametrize("where", ["parameters", "outputs", "of an input"])
def test_bytes_that_are_no_text_are_refused_where_nobody_but_the_last_looks_at_them(where):
    tensor = b'"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]'
    text = {
        "parameters": b'{"parameters":{"\xff":1},"inputs":[{%b}]}' % tensor,
        "outputs": b'{"outputs":[{"name":"y","parameters":{"\xff":1}}],"inputs":[{%b}]}' % tensor,
        "of an input": b'{"inputs":[{%b,"parameters":{"\xff":1}}]}' % tensor,
    }[where]
    reader = READERS["FP32", (-1, 3)]
    assert meaning(partial(reader.read, text)) is Kind.MALFORMED
    same_however_read(reader, text)
