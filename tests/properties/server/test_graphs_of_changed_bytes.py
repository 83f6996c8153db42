"""A file whose bytes were changed is followed or refused, and nothing else happens."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.graphs import reason, written

from serin_server.model.rows.states import Reason


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_bytes_are_changed_the_graph_is_followed_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("hostile")
    whole = bytearray(
        written(
            folder,
            "(float[N,4] x) => (float[N,?] y) <int64[2] s = {-1, 4}> { a = Reshape(x, s) y = Softmax<axis = 1>(a) }",
        ).read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file = folder / "changed.onnx"
    file.write_bytes(bytes(whole[: data.draw(st.integers(1, len(whole)))]))
    assert reason(file) in Reason
