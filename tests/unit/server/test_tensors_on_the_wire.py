"""Every datatype of the protocol through JSON and through raw bytes, and back, bit for bit."""

import json
from functools import partial

import numpy as np
import pytest
from tests.support.tensors import json_body, same, signature

from serin_server.dataplane.call import NO_BATCH
from serin_server.dataplane.memory import Holding, MemoryBudget
from serin_server.dataplane.optional import reader_of
from serin_server.dataplane.request import RequestReader
from serin_server.model.tensors import DTYPES, Signature, TensorSpec
from serin_server.refusals import Kind, Refusal


@pytest.mark.parametrize("datatype", [name for name in DTYPES if name not in ("BOOL", "BYTES")])
@pytest.mark.parametrize("nested", [False, True])
def test_large_bodies_of_numbers_take_the_fast_way_to_the_same_array(datatype, nested):
    info = np.iinfo(DTYPES[datatype]) if DTYPES[datatype].kind in "iu" else np.finfo(DTYPES[datatype])
    rng = np.random.default_rng(7)
    array = rng.integers(0, 100, (40, 30)).astype(DTYPES[datatype])
    array[0, :2] = [info.min, info.max]
    reader = RequestReader(signature(datatype))
    body = json_body(datatype, array, nested, id="mine", outputs=[{"name": "y"}])
    assert len(body) > 2048
    fast = reader._numeric.read(body)
    assert fast is not None
    assert same(fast.arrays[0], array)
    call = reader.read(body)
    assert (call.id, call.wanted) == ("mine", [0])
    assert same(call.arrays[0], array)


BAD = [
    ("FP32", {"data": [1, "2", 3]}, "must be numbers, and element 1 is '2'"),
    ("FP32", {"data": [1, True, 3]}, "element 1 is True"),
    ("INT64", {"data": [1, None, 3]}, "element 1 is None"),
    ("FP32", {"data": [1, 1e39, 3]}, "out of its range"),
    ("FP32", {"data": [1, 10**400, 3]}, "out of its range"),
    ("FP16", {"data": [1, 70000, 3]}, "out of its range"),
    ("INT64", {"data": [1, 2.5, 3]}, "must be integers, and element 1 is 2.5"),
    ("INT64", {"data": [1, 2**63, 3]}, "out of its range"),
    ("INT8", {"data": [1, 128, 3]}, "out of its range"),
    ("INT8", {"data": [1, 128.0, 3]}, "out of its range"),
    ("INT64", {"data": [1, 1e300, 3]}, "out of its range"),
    ("UINT8", {"data": [1, -1, 3]}, "out of its range"),
    ("BOOL", {"data": [1, 0, 1]}, "must be true or false, and element 0 is 1"),
    ("BYTES", {"data": ["a", 1, "b"]}, "must be strings, and element 1 is 1"),
    ("FP32", {"data": [1, 2]}, "3 elements, and 2 came"),
    ("FP32", {"data": [[1, 2], [3]]}, "do not have the shape [1, 3]"),
    ("FP32", {"data": [[1, 2, [3]]]}, "element 2 is [3]"),
    ("FP32", {"data": 5}, "no list of data"),
    ("FP32", {}, "no list of data"),
    ("FP32", {"data": [1, 2, 3], "shape": [3]}, "shape [-1, -1]"),
    ("FP32", {"data": [1, 2, 3], "shape": [-1, -3]}, "[-1, -3] came"),
    ("FP32", {"data": [1, 2, 3], "shape": [10**20, 3]}, "has more than 10^18 elements, and 3 came"),
    ("FP32", {"data": [1, 2, 3], "shape": [10**4299, 10]}, "has more than 10^18 elements, and 3 came"),
    ("FP32", {"data": [], "shape": [10**20, 0]}, "an empty tensor may not be so large in its other dimensions"),
    ("FP32", {"data": [], "shape": [0, 2**62]}, "an empty tensor may not be so large in its other dimensions"),
    ("FP32", {"data": [1, 2, 3], "datatype": "FP64"}, "is FP32, and datatype 'FP64' came"),
    ("FP32", {"data": [1, 2, 3], "name": "nope"}, "no input 'nope': the model takes x"),
]


@pytest.mark.parametrize(("datatype", "changes", "words"), BAD)
def test_a_tensor_that_does_not_fit_is_refused_with_its_name_and_both_sides(datatype, changes, words):
    tensor = {"name": "x", "datatype": datatype, "shape": [1, 3], **changes}
    reader = RequestReader(signature(datatype))
    for padding in ("", " " * 3000):  # the slow way and the fast one
        with pytest.raises(Refusal) as refusal:
            reader.read((json.dumps({"inputs": [tensor]}) + padding).encode())
        assert words in refusal.value.message
        assert refusal.value.kind is Kind.INVALID_TENSOR


@pytest.mark.parametrize("padding", ["", " " * 3000])
def test_a_float_that_is_null_or_nan_is_no_number(padding):
    tensor = '{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, null, NaN, -Infinity]}'
    call = RequestReader(signature("FP32")).read(f'{{"inputs": [{tensor}]}}{padding}'.encode())
    np.testing.assert_array_equal(call.arrays[0], np.array([[1, np.nan, np.nan, -np.inf]], np.float32))


@pytest.mark.parametrize("padding", ["", " " * 3000])  # the slow way and the fast one
def test_a_whole_number_is_an_integer_however_it_is_written(padding):
    tensor = '{"name": "x", "datatype": "INT64", "shape": [1, 4], "data": [1.0, -2, 3e2, 1E15]}'
    call = RequestReader(signature("INT64")).read(f'{{"inputs": [{tensor}]}}{padding}'.encode())
    assert call.arrays[0].tolist() == [[1, -2, 300, 10**15]]


@pytest.mark.parametrize("padding", ["", " " * 3000])  # the slow way and the fast one
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_a_float_is_the_nearest_one_however_it_is_written(datatype, padding):
    written = ["3", "-0.0", "9007199254740993", "18446744073709551615", "123456789012345678901234567890", "1e-400"]
    tensor = f'{{"name": "x", "datatype": "{datatype}", "shape": [1, 6], "data": [{", ".join(written)}]}}'
    call = RequestReader(signature(datatype)).read(f'{{"inputs": [{tensor}]}}{padding}'.encode())
    assert same(call.arrays[0], np.array([[float(number) for number in written]], DTYPES[datatype]))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "inputs"),
        (b'{"inputs": 5}', "inputs"),
        (b'{"inputs": [{"name": "x", "shape": [1.5, 3], "datatype": "FP32"}]}', "inputs[0].shape[0]"),
        (b"[" * 100_000, "Expected `object`"),
        (b'{"inputs":' + b"[" * 100_000, "inputs"),
    ],
)
def test_a_body_that_is_no_request_is_malformed(body, words):
    with pytest.raises(Refusal) as refusal:
        RequestReader(signature("FP32")).read(body)
    assert words in refusal.value.message
    assert refusal.value.kind is Kind.MALFORMED


@pytest.mark.parametrize(
    "asked",
    [
        {"parameters": {"binary_data_output": "false"}},
        {"parameters": {"binary_data_output": 0}},
        {"outputs": [{"name": "y", "parameters": {"binary_data": "no"}}]},
        {"outputs": [{"name": "y", "parameters": {"binary_data": None}}]},
    ],
)
@pytest.mark.parametrize("columns", [1, 2000])  # the slow way and the fast one
def test_whether_an_output_is_wanted_as_bytes_is_true_or_false(asked, columns):
    with pytest.raises(Refusal, match="is true or false"):
        RequestReader(signature("FP32")).read(json_body("FP32", np.ones((1, columns), np.float32), **asked))


def two_inputs(**second):
    tensors = [
        {"name": "b", "datatype": "INT64", "shape": [1], "data": [7], **second},
        {"name": "a", "datatype": "FP32", "shape": [1], "data": [0.5]},
    ]
    return json.dumps({"inputs": tensors}).encode()


def test_inputs_may_come_in_any_order_once_each():
    both = Signature(
        (TensorSpec("a", "FP32", (-1,)), TensorSpec("b", "INT64", (-1,))), (TensorSpec("y", "FP32", (-1,)),)
    )
    reader = RequestReader(both)
    assert [array.tolist() for array in reader.read(two_inputs()).arrays] == [[0.5], [7]]
    with pytest.raises(Refusal, match="'a' is given twice"):
        reader.read(two_inputs(name="a", datatype="FP32"))
    with pytest.raises(Refusal, match="'b' is missing"):
        reader.read(b'{"inputs": [{"name": "a", "datatype": "FP32", "shape": [1], "data": [1]}]}')


@pytest.mark.parametrize(
    ("size", "length", "tail", "words"),
    [
        (11, None, b"\0" * 11, "is 12 bytes, and 11 came"),
        (12, None, b"\0" * 11, "11 bytes are left"),
        (12, None, b"\0" * 13, "1 bytes are left over"),
        (-1, None, b"", "binary_data_size is -1"),
        ("12", None, b"\0" * 12, "binary_data_size is '12'"),
        (12, b"99999", b"\0" * 12, "99999"),
        (12, b"-1", b"\0" * 12, "-1"),
        (12, b"abc", b"\0" * 12, "abc"),
    ],
)
def test_binary_tensors_that_do_not_add_up_are_refused(size, length, tail, words):
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(Refusal, match=words):
        RequestReader(signature("FP32")).read(head + tail, length or str(len(head)).encode())


def test_a_binary_tensor_of_an_impossible_size_is_refused():
    tensor = {"name": "x", "datatype": "FP32", "shape": [10**4299, 3], "parameters": {"binary_data_size": 0}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(Refusal, match="is more than 10\\^18 bytes, and 0 came"):
        RequestReader(signature("FP32")).read(head, str(len(head)).encode())


@pytest.mark.parametrize("tail", [b"\x01", b"\x05\0\0\0ab", b"\x01\0\0\0\xff", b"\x01\0\0\0a\x01\0\0\0b"])
def test_binary_strings_that_are_cut_or_no_text_or_too_many_are_refused(tail):
    tensor = {"name": "x", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    with pytest.raises(Refusal, match="'x'"):
        RequestReader(signature("BYTES")).read(head + tail, str(len(head)).encode())


def test_every_response_has_an_id_of_its_own_unless_the_request_brought_one():
    array = np.ones((1, 1), np.float32)
    reader = RequestReader(signature("FP32"))
    ids = {reader.read(json_body("FP32", array)).id for _ in range(3)}
    assert len(ids) == 3
    assert reader.read(json_body("FP32", array, id="mine")).id == "mine"


@pytest.mark.parametrize("length", [b"x", b"", b"-1", b"1_0", b"9" * 5000])
@pytest.mark.parametrize("size", [10, 600_000])
@pytest.mark.parametrize("optional", [(), (TensorSpec("z", "FP32", (1,)),)])
def test_a_length_of_the_json_that_is_no_number_is_refused_however_large_the_body(length, size, optional):
    made = signature("FP32")
    reader = reader_of(Signature(made.inputs, made.outputs, optional))
    body = b" " * size
    holding = Holding(MemoryBudget(1 << 20))
    read = partial(reader.read_large, holding=holding) if reader.is_large(size, length) else reader.read
    with pytest.raises(Refusal, match="Inference-Header-Content-Length") as refused:
        read(body, length)
    assert refused.value.kind is Kind.MALFORMED


def test_a_request_whose_equally_named_sizes_differ_shares_its_run_with_nobody():
    specs = tuple(TensorSpec(name, "FP32", (-1, -1), size_names=("N", "M")) for name in "ab")
    reader = RequestReader(Signature(specs, (TensorSpec("y", "FP32", (-1, -1)),)))

    def rows(*widths):
        arrays = [np.zeros((2, width), np.float32) for width in widths]
        return reader.call_of(arrays, None).rows

    assert rows(4, 4) == 2
    assert rows(4, 8) == NO_BATCH


@pytest.mark.slow
def test_constants_of_python_are_read_beside_a_long_text():
    specs = (TensorSpec("s", "BYTES", (-1,)), TensorSpec("x", "FP32", (-1,)))
    reader = RequestReader(Signature(specs, (TensorSpec("y", "FP32", (-1,)),)))
    tensors = [
        {"name": "s", "datatype": "BYTES", "shape": [1], "data": ["a word, and one more; " * 100_000]},
        {"name": "x", "datatype": "FP32", "shape": [3], "data": [1.0, float("nan"), float("-inf")]},
    ]
    call = reader.read_large(json.dumps({"inputs": tensors}).encode(), None, Holding(MemoryBudget(1 << 30)))
    np.testing.assert_array_equal(call.arrays[1], np.array([1, np.nan, -np.inf], np.float32))
    assert call.arrays[0].tolist() == tensors[0]["data"]


def test_more_texts_than_others_can_wait_for_are_refused():
    reader = RequestReader(Signature((TensorSpec("s", "BYTES", (-1,)),), (TensorSpec("y", "FP32", (-1,)),)))
    count = 500_000
    tensor = {"name": "s", "datatype": "BYTES", "shape": [count], "data": ["a"] * count}
    with pytest.raises(Refusal, match=r"has 500000 texts, and a request may have 400000: send fewer rows"):
        reader.read_large(json.dumps({"inputs": [tensor]}).encode(), None, Holding(MemoryBudget(1 << 30)))
