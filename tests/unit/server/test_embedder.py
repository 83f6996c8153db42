"""What a model's outputs become as embeddings, where a server cannot easily be made to show it."""

import numpy as np
import pytest

from serin_server.dataplane.call import Call
from serin_server.embedding.embedder import embedder_of
from serin_server.embedding.question import question_of
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.refusals import Refusal

SIGNATURE = Signature((TensorSpec("text", "BYTES", (-1,)),), (TensorSpec("embedding", "FP32", (-1, 2)),))


def answer(texts, rows):
    embedder = embedder_of(SIGNATURE, {}, "on", shortens=False)
    call = Call([], len(texts), None, "id")
    call.outputs = [np.zeros((rows, 2), np.float32)]
    question = question_of(b'{"model": "m", "input": %b}' % str(texts).replace("'", '"').encode())
    return embedder.answer(call, question, "m")


def test_a_model_that_makes_one_of_several_inputs_answers_nobody_with_anothers():
    assert answer(["a", "b"], 2)
    with pytest.raises(Refusal, match="gives 1 embeddings for 2 inputs"):
        answer(["a", "b"], 1)
