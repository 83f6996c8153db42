"""Embeddings as OpenAI's clients ask for them, from models that take texts or tokens and declare that they make some."""

import base64
import json
import urllib.request

import numpy as np
import pytest
from onnx import TensorProto, helper, load, save
from tests.support.models import doubling, saved
from tests.support.serving import serving

SIZE = 4


def of_tokens(file, properties=True, mask=True):
    """The mean of rows of a table, of the tokens that are none of padding."""
    table = [float(token * 10 + place) for token in range(50) for place in range(SIZE)]
    names = ["input_ids", "attention_mask"] if mask else ["input_ids"]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["each"])]
    if mask:
        nodes += [
            helper.make_node("Cast", ["attention_mask"], ["wide"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["wide", "last"], ["weights"]),
            helper.make_node("Mul", ["each", "weights"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "second"], ["sum"], keepdims=0),
            helper.make_node("ReduceSum", ["weights", "second"], ["count"], keepdims=0),
            helper.make_node("Div", ["sum", "count"], ["sentence_embedding"]),
        ]
    else:
        nodes += [helper.make_node("ReduceMean", ["each"], ["sentence_embedding"], axes=[1], keepdims=0)]
    saved(
        file,
        nodes,
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in names],
        [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", SIZE])],
        [
            helper.make_tensor("table", TensorProto.FLOAT, [50, SIZE], table),
            helper.make_tensor("last", TensorProto.INT64, [1], [-1]),
            helper.make_tensor("second", TensorProto.INT64, [1], [1]),
        ],
    )
    return declared(file, on="on") if properties else file


def of_texts(file):
    """One place for each of three words."""
    saved(
        file,
        [
            helper.make_node("LabelEncoder", ["text"], ["index"], domain="ai.onnx.ml", keys_strings=["a", "b", "c"], values_int64s=[0, 1, 2]),
            helper.make_node("OneHot", ["index", "depth", "values"], ["embedding"]),
            helper.make_node("Cast", ["index"], ["token_count"], to=TensorProto.INT64),
        ],
        [helper.make_tensor_value_info("text", TensorProto.STRING, [None])],
        [
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [None, 3]),
            helper.make_tensor_value_info("token_count", TensorProto.INT64, [None]),
        ],
        [
            helper.make_tensor("depth", TensorProto.INT64, [1], [3]),
            helper.make_tensor("values", TensorProto.FLOAT, [2], [0.0, 1.0]),
        ],
    )  # fmt: skip
    return declared(file, on="embedding")


def declared(file, on, **more):
    model = load(file)
    helper.set_model_props(model, {"serin.embeddings": on, **more})
    save(model, file)
    return file


def row(*tokens):
    """The mean of rows of the table."""
    return [sum(token * 10 + place for token in tokens) / len(tokens) for place in range(SIZE)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    models = [f"tokens={of_tokens(folder / 't.onnx')}", f"texts={of_texts(folder / 'x.onnx')}"]
    models += [
        f"plain={doubling(folder / 'p.onnx')};embeddings=off",
        f"odd={doubling(folder / 'o.onnx')};embeddings=on",
    ]
    models += [f"short={declared(of_tokens(folder / 's.onnx'), on='on', **{'serin.embeddings.shortens': 'on'})}"]
    models += [f"bare={of_tokens(folder / 'b.onnx', mask=False)}"]
    with serving("", folder, ready=False, name="many", more=[t for m in models for t in ("--model", m)]) as running:
        running.name = "tokens"
        running.wait_ready()
        for each in models:
            running.name = each.partition("=")[0]
            running.wait_ready()
        yield running


def ask(server, **question):
    return server.post("/v1/embeddings", {"model": "tokens", **question})


def test_a_list_of_tokens_becomes_an_embedding(server):
    status, told = ask(server, input=[1, 2, 3])
    assert status == 200
    assert told["object"] == "list"
    assert told["data"] == [{"object": "embedding", "index": 0, "embedding": row(1, 2, 3)}]
    assert (told["model"], told["usage"]) == ("tokens", {"prompt_tokens": 3, "total_tokens": 3})


def test_lists_of_several_lengths_are_padded_and_the_padding_counts_nothing(server):
    _, told = ask(server, input=[[1, 2, 3], [7], [4, 5]])
    assert [each["embedding"] for each in told["data"]] == [row(1, 2, 3), row(7), row(4, 5)]
    assert [each["index"] for each in told["data"]] == [0, 1, 2]
    assert told["usage"]["prompt_tokens"] == 6


def test_texts_become_embeddings_where_the_model_takes_texts(server):
    _, told = ask(server, model="texts", input=["b", "c", "a"])
    assert [each["embedding"] for each in told["data"]] == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert told["usage"]["prompt_tokens"] == 3
    assert ask(server, model="texts", input="c")[1]["data"][0]["embedding"] == [0, 0, 1]


def test_base64_holds_the_same_floats(server):
    _, told = ask(server, input=[[1, 2]], encoding_format="base64")
    assert np.frombuffer(base64.b64decode(told["data"][0]["embedding"]), "<f4").tolist() == row(1, 2)


def test_fewer_dimensions_are_of_models_that_are_made_for_it_and_have_length_one(server):
    _, told = ask(server, model="short", input=[1], dimensions=2)
    found = np.array(told["data"][0]["embedding"])
    assert np.allclose(found, np.array(row(1)[:2]) / np.linalg.norm(row(1)[:2]))
    assert ask(server, input=[1], dimensions=SIZE)[0] == 200


BAD = [
    ("no model at all", {"model": "nobody", "input": "a"}, 404, "those that do: bare, short, texts, tokens"),
    ("a model without embeddings", {"model": "plain", "input": "a"}, 404, "no model 'plain'"),
    ("a model that cannot make them", {"model": "odd", "input": "a"}, 409, "neither one of texts nor tokens"),
    ("texts for tokens", {"input": "a"}, 400, "takes tokens, not texts"),
    ("tokens for texts", {"model": "texts", "input": [1]}, 400, "takes texts, not tokens"),
    ("nothing", {"input": []}, 400, "nothing in it"),
    ("an empty text", {"model": "texts", "input": ["a", ""]}, 400, "is empty"),
    ("an empty list of tokens", {"input": [[1], []]}, 400, "is empty"),
    ("no input", {}, 400, "nor tokens"),
    ("numbers that are no tokens", {"input": [1.5]}, 400, "neither a text nor tokens"),
    ("tokens below nothing", {"input": [-1]}, 400, "neither a text nor tokens"),
    ("both kinds", {"input": ["a", 1]}, 400, "neither a text nor tokens"),
    ("more than OpenAI takes", {"input": [[1]] * 2049}, 400, "at most 2048"),
    ("another encoding", {"input": [1], "encoding_format": "int8"}, 400, "float or base64"),
    ("fewer dimensions", {"input": [1], "dimensions": 2}, 400, "have 4"),
    ("more dimensions", {"model": "short", "input": [1], "dimensions": 5}, 400, "have 4"),
    ("no dimensions", {"input": [1], "dimensions": 0}, 400, "dimensions cannot be used"),
    ("more padding than memory", {"input": [[1] * 60000, *[[1]] * 2000]}, 413, "too many"),
    ("lengths that differ without a mask", {"model": "bare", "input": [[1, 2], [3]]}, 400, "no attention_mask"),
    ("a token that the model does not know", {"input": [49, 50]}, 400, "model"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "status", "says"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_what_cannot_be_embedded_is_refused_in_openais_form(server, question, status, says):
    answered, told = ask(server, **question)
    assert answered == status
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert says in told["error"]["message"]
    assert told["error"]["type"] == "invalid_request_error"
    assert ask(server, input=[1])[0] == 200


def test_a_body_that_is_no_json_is_refused_and_so_is_another_method(server):
    assert server.post("/v1/embeddings", b"{")[1]["error"]["message"] == "the body is no JSON object"
    status, told = server.get("/v1/embeddings")
    assert (status, told["error"]["type"]) == (405, "invalid_request_error")


def test_embeddings_count_as_requests_of_their_model(server):
    def counted(**labels):
        return server.metric("serin_requests_total", model_name="tokens", **labels)

    good, bad = counted(code="200"), counted(code="400")
    ask(server, input=[1])
    ask(server, input=[1], dimensions=3)
    assert (counted(code="200"), counted(code="400")) == (good + 1, bad + 1)
    assert server.metric("serin_requests_in_flight") == 0


def test_large_questions_are_answered_and_what_they_held_is_given_back(server):
    status, told = ask(server, input=[[1 + place % 40] * 500 for place in range(600)])
    assert (status, len(told["data"])) == (200, 600)
    assert told["data"][41]["embedding"] == row(2)
    assert server.metric("serin_memory_held_bytes") == 0


def test_a_model_that_declares_nothing_has_no_such_address(tmp_path):
    with serving(of_tokens(tmp_path / "m.onnx", properties=False), tmp_path) as server:
        status, told = ask(server, model="m", input=[1])
        assert (status, told["error"]["type"]) == (404, "invalid_request_error")
        _, answer = server.infer(*[{"name": name, "shape": [1, 1], "datatype": "INT64", "data": [1]} for name in ("input_ids", "attention_mask")])  # fmt: skip
        assert answer["outputs"][0]["data"] == row(1)


def test_a_setting_declares_them_too_and_keys_hold_for_them(tmp_path):
    (tmp_path / "keys").write_text("me:0123456789abcdef\n")
    settings = {"embeddings": "sentence_embedding", "api_keys_file": tmp_path / "keys"}
    with serving(of_tokens(tmp_path / "m.onnx", properties=False), tmp_path, **settings) as server:
        status, told = ask(server, model="m", input=[1])
        assert (status, told["error"]["code"]) == (401, "invalid_api_key")
        request = urllib.request.Request(
            server.url("/v1/embeddings"), json.dumps({"model": "m", "input": [3]}).encode(), {"authorization": "Bearer 0123456789abcdef"}
        )  # fmt: skip
        assert json.load(urllib.request.urlopen(request))["data"][0]["embedding"] == row(3)


@pytest.mark.slow
def test_the_client_of_openai_works_unchanged(server):
    import openai

    with openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0) as client:
        answer = client.embeddings.create(model="tokens", input=[[1, 2], [3]])
        assert [each.embedding for each in answer.data] == [row(1, 2), row(3)]
        assert answer.usage.prompt_tokens == 3
        floats = client.embeddings.create(model="texts", input="b", encoding_format="float")
        assert floats.data[0].embedding == [0, 1, 0]
        assert client.embeddings.create(model="short", input=[5], dimensions=2).data[0].embedding != row(5)
        with pytest.raises(openai.NotFoundError, match="nobody"):
            client.embeddings.create(model="nobody", input="a")
        with pytest.raises(openai.BadRequestError, match="takes tokens") as refused:
            client.embeddings.create(model="tokens", input="a")
        assert refused.value.type == "invalid_request_error"
