"""What a client sends, in each way and of each datatype, is what the model gets, and what it gets back."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.support.tensors import json_body, raw, same, signature, written

from serin_server.dataplane.request import RequestReader
from serin_server.model.tensors import DTYPES


def arrays(datatype):
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5)
    if datatype == "BYTES":
        # A plain str array of numpy cannot hold a trailing NUL; an object array can.
        return st.tuples(st.lists(st.text(max_size=8), min_size=6, max_size=6)).map(
            lambda texts: np.array(texts[0], dtype=object).reshape(2, 3)
        )
    finite = {"allow_nan": False, "allow_infinity": False} if datatype.startswith("FP") else {}
    return shapes.flatmap(lambda shape: hnp.arrays(DTYPES[datatype], shape, elements=finite or None))


@pytest.mark.parametrize("datatype", DTYPES)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_what_a_client_sends_is_what_the_model_gets_and_back(datatype, data):
    array = data.draw(arrays(datatype))
    reader = RequestReader(signature(datatype))
    for nested in (False, True):
        assert same(reader.read(json_body(datatype, array, nested)).arrays[0], array)
    tensor = {
        "name": "x",
        "datatype": datatype,
        "shape": list(array.shape),
        "parameters": {"binary_data_size": len(raw(array))},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    assert same(reader.read(head + raw(array), str(len(head)).encode()).arrays[0], array)
    told, _ = written(array, datatype)
    again = RequestReader(signature(datatype))
    output = told["outputs"][0]
    assert same(again.read(json.dumps({"inputs": [{**output, "name": "x"}]}).encode()).arrays[0], array)
    told, tail = written(array, datatype, parameters={"binary_data_output": True})
    assert tail == raw(array)
    assert told["outputs"][0]["parameters"]["binary_data_size"] == len(tail)
    assert "data" not in told["outputs"][0]
