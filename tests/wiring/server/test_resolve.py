"""`serin-server resolve`: each way a source or a model can be wrong, and the one way it is right."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from tests.support.models import doubling, identity, never

from serin_server.cli import main

TENSOR = {"datatype": "FP32", "shape": [-1, 3]}


def resolved(tmp_path, capsys, model, *flags):
    log = tmp_path / "termination"
    code = main(
        [
            "resolve",
            "--model",
            str(model),
            "--cache-dir",
            str(tmp_path / "cache"),
            "--termination-log",
            str(log),
            *flags,
        ]
    )
    told = json.loads(log.read_text())
    assert json.loads(capsys.readouterr().out) == told
    assert len(log.read_text()) <= 3584
    return code, told


def test_a_good_model_is_described(tmp_path, capsys):
    model = doubling(tmp_path / "m.onnx")
    code, told = resolved(tmp_path, capsys, f"file://{model}")
    assert code == 0
    assert told.pop("signatureDigest")
    assert told == {
        "ok": True,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "sizeBytes": model.stat().st_size,
        "warmUp": "made-up",
        "opset": 17,
        "inputs": [{"name": "x", **TENSOR}],
        "outputs": [{"name": "y", **TENSOR}],
        "truncated": False,
    }


def test_a_claim_is_found_where_it_is_mounted_and_a_folder_is_digested_by_its_listing(tmp_path, capsys):
    folder = tmp_path / "mnt" / "claim" / "churn"
    folder.mkdir(parents=True)
    model = doubling(folder / "model.onnx")
    (folder / "notes.txt").write_text("hello")
    lines = sorted(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in folder.iterdir())
    code, told = resolved(tmp_path, capsys, "pvc://claim/churn", "--mounts-dir", str(tmp_path / "mnt"))
    assert (code, told["sha256"]) == (0, hashlib.sha256("".join(lines).encode()).hexdigest())
    assert told["sizeBytes"] == model.stat().st_size + 5


def test_a_folder_may_hold_the_weights_in_a_file_of_their_own(tmp_path, capsys):
    from onnx import load, numpy_helper, save

    whole = load(doubling(tmp_path / "whole.onnx"))
    # Only raw data can be put into a file of their own.
    whole.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([2.0], np.float32), "factor"))
    folder = tmp_path / "model"
    folder.mkdir()
    save(whole, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (folder / "weights.bin").stat().st_size > 0
    code, told = resolved(tmp_path, capsys, folder)
    assert (code, told["ok"]) == (0, True)
    (folder / "weights.bin").unlink()
    code, told = resolved(tmp_path, capsys, folder)
    assert (code, told["reason"]) == (64, "ModelInvalid")
    assert "weights.bin" in told["message"]


def test_a_report_that_would_be_cut_by_kubernetes_is_cut_here_and_says_so(tmp_path, capsys):
    from onnx import TensorProto, helper, save

    names = [f"a-rather-long-name-of-a-feature-{index}" for index in range(60)]
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"out-{name}"]) for name in names],
        "wide",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in names],
        [helper.make_tensor_value_info(f"out-{name}", TensorProto.FLOAT, [None, 1]) for name in names],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "wide.onnx")
    code, told = resolved(tmp_path, capsys, tmp_path / "wide.onnx")
    assert (code, told["truncated"]) == (0, True)


def broken(tmp_path):
    good = doubling(tmp_path / "good.onnx").read_bytes()
    from onnx import TensorProto, helper, load, save

    future = load(tmp_path / "good.onnx")
    future.opset_import[0].version = 9999
    save(future, tmp_path / "future.onnx")
    odd = load(tmp_path / "good.onnx")
    odd.graph.node[0].op_type = "NoSuchOperator"
    save(odd, tmp_path / "odd.onnx")
    (tmp_path / "cut.onnx").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "text.onnx").write_text("<html>not found</html>")
    (tmp_path / "recorded").mkdir()
    never(tmp_path / "recorded" / "model.onnx")
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [0]}
    (tmp_path / "recorded" / "warmup.jsonl").write_text(json.dumps({"inputs": [tensor]}))
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [None])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    graph = helper.make_graph([helper.make_node("SplitToSequence", ["x"], ["s"], axis=0)], "seq", [x], [sequence])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "seq.onnx")
    (tmp_path / "folder").mkdir()


@pytest.mark.parametrize(
    ("uri", "reason", "words"),
    [
        ("{}/missing.onnx", "SourceNotFound", "check the path"),
        ("{}/cut.onnx", "ModelInvalid", "cut short"),
        ("{}/empty.onnx", "ModelInvalid", "empty"),
        ("{}/text.onnx", "ModelInvalid", "not an ONNX model"),
        ("{}/folder", "ModelInvalid", "model.onnx"),
        ("{}/future.onnx", "ModelUnsupported", "opset"),
        ("{}/odd.onnx", "ModelUnsupported", "NoSuchOperator"),
        ("{}/seq.onnx", "ModelUnsupported", "end the graph in tensors"),
        ("{}/recorded", "ModelFailedWarmup", "fails on sample 1 of warmup.jsonl"),
        ("ftp://bucket/m.onnx", "SourceUnsupported", "https://"),
        ("pvc://claim/../../etc/passwd", "SourceUnsupported", "pvc://claim/path"),
    ],
)
def test_what_is_permanently_wrong_exits_64_with_a_reason_and_a_way_out(tmp_path, capsys, uri, reason, words):
    broken(tmp_path)
    code, told = resolved(tmp_path, capsys, uri.format(tmp_path))
    assert (code, told["ok"], told["reason"]) == (64, False, reason)
    assert words in told["message"]


def test_other_bytes_than_asked_for_are_a_digest_mismatch(tmp_path, capsys):
    code, told = resolved(tmp_path, capsys, identity(tmp_path / "m.onnx"), "--sha256", "0" * 64)
    assert (code, told["reason"]) == (64, "DigestMismatch")


class Store(BaseHTTPRequestHandler):
    """A model store that misbehaves by address."""

    model = b""

    def do_GET(self):
        match self.path:
            case "/m.onnx":
                self.answer(200, self.model)
            case "/secret" if self.headers["Authorization"] == "Bearer right":
                self.answer(200, self.model)
            case "/secret":
                self.answer(403, b"")
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/m.onnx")
                self.end_headers()
            case "/short":
                self.send_response(200)
                self.send_header("Content-Length", str(len(self.model) + 100))
                self.end_headers()
                self.wfile.write(self.model)
            case "/down":
                self.answer(503, b"")
            case _:
                self.answer(404, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def store(tmp_path):
    Store.model = doubling(tmp_path / "stored.onnx").read_bytes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("/m.onnx", 0, None),
        ("/moved", 0, None),
        ("/gone", 64, "SourceNotFound"),
        ("/secret", 64, "SourceForbidden"),
        ("/down", 75, "SourceUnreachable"),
        ("/short", 75, "SourceUnreachable"),
    ],
)
def test_a_store_answers_and_the_exit_code_says_whether_to_try_again(tmp_path, capsys, store, path, code, reason):
    given, told = resolved(tmp_path, capsys, store + path)
    assert (given, told.get("reason")) == (code, reason), told


def test_headers_from_a_file_open_the_store(tmp_path, capsys, store):
    (tmp_path / "headers").write_text("Authorization: Bearer right\n")
    code, told = resolved(tmp_path, capsys, f"{store}/secret", "--source-headers-file", str(tmp_path / "headers"))
    assert (code, told["ok"]) == (0, True)


def test_a_store_that_is_not_there_is_worth_another_try(tmp_path, capsys):
    code, told = resolved(tmp_path, capsys, "http://127.0.0.1:1/m.onnx")
    assert (code, told["reason"]) == (75, "SourceUnreachable")
