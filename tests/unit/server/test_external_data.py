"""Weights outside a model's file belong to the model: to its digest, or it is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, load, numpy_helper, save
from tests.support.models import doubling
from tests.support.sources import answering, ok

from serin_server.failures import LoadFailure
from serin_server.model import external_data
from serin_server.model import load as loading
from serin_server.model.digest import model_digest, model_size_bytes
from serin_server.model.external_data import locations_in
from serin_server.model.source import Source


def with_weights_outside(file: Path, location: str = "weights.bin", factor: float = 2.0) -> Path:
    file.parent.mkdir(exist_ok=True, parents=True)
    whole = load(doubling(file))
    tensor = whole.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(np.array([factor], np.float32), "factor"))
    save(whole, file, save_as_external_data=True, location="weights.bin", size_threshold=0)
    if location != "weights.bin":
        moved = load(file, load_external_data=False)
        next(each for each in moved.graph.initializer[0].external_data if each.key == "location").value = location
        file.write_bytes(moved.SerializeToString())
    return file


def test_a_file_with_all_in_it_keeps_its_own_sha256(tmp_path) -> None:
    model = doubling(tmp_path / "m.onnx")
    assert model_digest(model) == hashlib.sha256(model.read_bytes()).hexdigest()
    assert model_size_bytes(model) == model.stat().st_size


def test_other_weights_beside_a_file_are_another_model(tmp_path) -> None:
    model = with_weights_outside(tmp_path / "m.onnx")
    before = model_digest(model)
    files = (model, tmp_path / "weights.bin")
    lines = sorted(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    assert before == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert model_size_bytes(model) == sum(file.stat().st_size for file in files)
    (tmp_path / "notes.txt").write_text("not part of it")
    assert model_digest(model) == before
    assert loading.load(Source(str(model), before)).sha256 == before
    (tmp_path / "weights.bin").write_bytes(np.array([3.0], np.float32).tobytes())
    assert model_digest(model) != before
    with pytest.raises(LoadFailure, match="DigestMismatch"):
        loading.load(Source(str(model), before))


def test_weights_of_a_file_behind_http_cannot_come_with_it(tmp_path) -> None:
    model = with_weights_outside(tmp_path / "m.onnx")
    with (
        answering(ok(model.read_bytes())) as port,
        pytest.raises(LoadFailure, match=r"ModelUnsupported: .*'weights.bin'.*save the model in one file"),
    ):
        loading.load(Source(f"http://127.0.0.1:{port}/m.onnx", cache_dir=tmp_path / "cache"))


@pytest.mark.parametrize("as_folder", [False, True], ids=["a file", "a folder"])
@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/etc/hostname", "no path below"), ("../outside.bin", "no path below"), ("sub/../../outside.bin", "no path below"),
        ("", "no path below"), (".", "no path below"), ("a\0b", "no path below"), ("none.bin", "no such file"),
        ("sub", "no such file"), ("*/_ORT_MEM_ADDR_/*", "no such file"), ("..data/w.bin", "two dots"),
        ("link-out.bin", "leads out"), ("linked/w.bin", "a folder that is a link"),
        ("none.bin?sig=hunter22", "no such file"),
    ],
)  # fmt: skip
def test_weights_are_taken_only_from_below_the_models_folder(tmp_path, location, words, as_folder) -> None:
    folder = tmp_path / "model"
    model = with_weights_outside(folder / "model.onnx", location)
    weights = (folder / "weights.bin").read_bytes()
    for place in (tmp_path / "outside.bin", folder / "sub" / "w.bin", folder / "..data" / "w.bin"):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(weights)
    (folder / "link-out.bin").symlink_to(tmp_path / "outside.bin")
    (folder / "linked").symlink_to(folder / "sub")
    with pytest.raises(LoadFailure, match=f"ModelInvalid: .*{words}"):
        loading.load(Source(str(folder if as_folder else model)))


def test_weights_in_a_folder_below_and_behind_a_link_within_are_fine(tmp_path) -> None:
    model = with_weights_outside(tmp_path / "model.onnx", "sub/w.bin")
    (tmp_path / "sub").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "kept.bin")
    (tmp_path / "sub" / "w.bin").symlink_to(tmp_path / "kept.bin")
    assert loading.load(Source(str(model))).session.run({"x": np.ones((1, 3), np.float32)})[0].tolist() == [[2.0] * 3]


def outside(name: str) -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(1, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("offset", "0"), ("location", f"{name}.bin")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


@pytest.mark.parametrize(
    ("large", "few"), [(64 << 20, 1), (0, 1_000_000), (0, 3)], ids=["small", "large", "of many fields"]
)
def test_every_place_of_a_graph_that_holds_tensors_is_looked_at(tmp_path, monkeypatch, large, few) -> None:
    monkeypatch.setattr(external_data, "_LARGE", large)
    monkeypatch.setattr(external_data, "_FEW_FIELDS", few)
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=outside("constant"))], "inner", [], [], [outside("inner")]
    )
    sparse = helper.make_sparse_tensor(outside("values"), outside("indices"), [1])
    nodes = [
        helper.make_node("If", ["x"], ["y"], then_branch=inner),
        helper.make_node("Odd", [], ["z"], tensors=[outside("first"), outside("second")], sparse=sparse),
    ]
    graph = helper.make_graph(nodes, "g", [], [], [outside("initializer")], sparse_initializer=[sparse])
    model = helper.make_model(graph, functions=[helper.make_function("d", "f", [], [], nodes, [])])
    model.training_info.add().algorithm.CopyFrom(helper.make_graph([], "t", [], [], [outside("training")]))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    names = ("constant", "inner", "values", "indices", "first", "second", "initializer", "training")
    assert sorted(locations_in(tmp_path / "m.onnx")) == sorted(f"{name}.bin" for name in names)


@pytest.mark.parametrize(
    "content", [b"", b"location", b"\x3a\xff\xff\xff\xff\x7flocation", b"\x3a\x0a\x2a\x08\x6a\x06location"]
)
def test_bytes_that_are_no_model_are_refused_and_still_have_a_digest(tmp_path, content) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert model_digest(tmp_path / "m.onnx") == hashlib.sha256(content).hexdigest()
    with pytest.raises(LoadFailure, match="ModelInvalid"):
        loading.load(Source(str(tmp_path / "m.onnx")))
