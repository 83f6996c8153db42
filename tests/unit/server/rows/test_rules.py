"""What each family of operators does to rows, a line each; what is said to be proven runs and is probed, too."""

import pytest
from tests.support.graphs import decision, reason, written

from serin_server.model.rows.states import Reason

X = "(float[N,4] x) => (float[N,?] y)"
XW = "(float[N,4] x, float[N,4] w) => (float[N,?] y)"
CUBE = "(float[N,3,4] x) => (float[N,?,?] y)"
IMAGE = "(float[N,3,8,8] x) => (float[N,?,?,?] y)"
ANY = "(float[N,4] x) => (float[M] y)"

KEPT = {
    "an operator of one input keeps rows apart": f"{X} {{ y = Tanh(x) }}",
    "two inputs of the same rows may be added": f"{XW} {{ y = Add(x, w) }}",
    "a bias that is the same for every row may be added": f"{X} <float[4] b = {{1, 2, 3, 4}}> {{ y = Add(x, b) }}",
    "a constant of size 1 along the batch may be added": f"{X} <float[1,4] b = {{1, 2, 3, 4}}> {{ y = Mul(x, b) }}",
    "rows are multiplied with constant weights": f"{X} <float[4,2] w = {{1, 2, 3, 4, 5, 6, 7, 8}}> {{ y = MatMul(x, w) }}",
    "a transposed matrix of weights is as good": f"{X} <float[2,4] w = {{1, 2, 3, 4, 5, 6, 7, 8}}, float[2] c = {{1, 2}}> "
    "{ y = Gemm<transB = 1>(x, w, c) }",
    "a matrix for each row is multiplied with its own transposition": f"{CUBE} "
    "{ t = Transpose<perm = [0, 2, 1]>(x) y = MatMul(x, t) }",
    "einsum keeps the letter of the rows": f'{CUBE} {{ y = Einsum<equation = "nij,nkj->nik">(x, x) }}',
    "softmax over features is by row": f"{X} {{ y = Softmax<axis = -1>(x) }}",
    "a mean over features is by row": f"{X} {{ y = ReduceMean<axes = [1], keepdims = 1>(x) }}",
    "the largest feature is by row": f"{X} {{ a = ArgMax<axis = 1>(x) y = Cast<to = 1>(a) }}",
    "the largest features are by row": f"{X} <int64[1] k = {{2}}> {{ y, i = TopK<axis = 1>(x, k) }}",
    "features may be added up": f"{X} <int64 one = {{1}}> {{ y = CumSum(x, one) }}",
    "a shape with a 0 for the rows keeps them": f"{CUBE} <int64[3] s = {{0, 4, 3}}> {{ y = Reshape(x, s) }}",
    "rows are flattened and brought back": f"{CUBE} <int64[2] f = {{-1, 4}}, int64[3] b = {{-1, 3, 4}}> "
    "{ t = Reshape(x, f) u = Softmax<axis = 1>(t) y = Reshape(u, b) }",
    "the number of rows is taken from a shape and put back into one": f"{CUBE} <int64 zero = {{0}}, int64[1] axes = {{0}}, "
    "int64[1] rest = {12}> { s = Shape(x) n = Gather(s, zero) v = Unsqueeze(n, axes) t = Concat<axis = 0>(v, rest) "
    "u = Reshape(x, t) three = Constant<value_ints = [-1, 3, 4]>() y = Reshape(u, three) }",
    "rows may lie at another axis for a while": f"{CUBE} {{ t = Transpose<perm = [1, 0, 2]>(x) s = Softmax<axis = 2>(t) "
    "y = Transpose<perm = [1, 0, 2]>(s) }",
    "flatten makes a matrix of rows": f"{CUBE.replace('?,?', '?')} {{ y = Flatten(x) }}",
    "a named axis is squeezed and put back": "(float[N,1] x) => (float[N,1] y) <int64[1] a = {1}> "
    "{ s = Squeeze(x, a) y = Unsqueeze(s, a) }",
    "features of the same rows are joined": f"{XW} {{ y = Concat<axis = 1>(x, w) }}",
    "features are split": f"{X} {{ y, z = Split<axis = 1>(x) }}",
    "features are cut": f"{X} <int64[1] a = {{1}}, int64[1] b = {{3}}, int64[1] axis = {{1}}> {{ y = Slice(x, a, b, axis) }}",
    "all rows are cut out": f"{X} <int64[1] a = {{0}}, int64[1] b = {{9223372036854775807}}, int64[1] axis = {{0}}> "
    "{ y = Slice(x, a, b, axis) }",
    "features are picked by constants": f"{X} <int64[2] i = {{3, 0}}> {{ y = Gather<axis = 1>(x, i) }}",
    "a table is looked up by rows": "(int64[N,2] x) => (float[N,2,2] y) <float[3,2] t = {1, 2, 3, 4, 5, 6}> { y = Gather(t, x) }",
    "each row is looked up within itself": "(float[N,4] x, int64[N,2] i) => (float[N,2] y) { y = GatherElements<axis = 1>(x, i) }",
    "zeros for each row may be made": f"{X} <int64 zero = {{0}}, int64[1] axes = {{0}}, int64[1] four = {{4}}> {{ s = Shape(x) "
    "n = Gather(s, zero) v = Unsqueeze(n, axes) t = Concat<axis = 0>(v, four) z = ConstantOfShape(t) y = Concat<axis = 1>(x, z) }",
    "a token is repeated for each row": f"{CUBE} <int64[1] zero = {{0}}, int64[2] rest = {{1, 4}}, float[1,1,4] token = "
    "{1, 2, 3, 4}> { s = Shape(x) n = Gather(s, zero) t = Concat<axis = 0>(n, rest) e = Expand(token, t) y = Concat<axis = 1>(e, x) }",
    "a size without the number of rows may be a value": f"{CUBE} <int64 last = {{2}}> {{ s = Shape(x) d = Gather(s, last) "
    "f = Cast<to = 1>(d) r = Sqrt(f) y = Div(x, r) }",
    "positions are counted along the sequence": "(float[N,S,4] x) => (float[N,?,?] y) <int64 one = {1}, int64 zero = {0}, int64[1] last "
    "= {1}> { s = Shape(x) n = Gather(s, one) r = Range(zero, n, one) f = Cast<to = 1>(r) u = Unsqueeze(f, last) y = Add(x, u) }",
    "features are padded": f"{X} <int64[4] p = {{0, 1, 0, 1}}> {{ y = Pad(x, p) }}",
    "features are repeated": f"{X} <int64[2] r = {{1, 3}}> {{ y = Tile(x, r) }}",
    "an index becomes a mark": "(int64[N] x) => (float[N,?] y) <int64 d = {5}, float[2] v = {0, 1}> { y = OneHot(x, d, v) }",
    "either of two rows is chosen element by element": f"{XW} {{ c = Less(x, w) y = Where(c, x, w) }}",
    "images are convolved": f"{IMAGE} <float[2,3,1,1] w = {{1, 2, 3, 4, 5, 6}}> {{ y = Conv(x, w) }}",
    "images are pooled": f"{IMAGE} {{ y = MaxPool<kernel_shape = [2, 2]>(x) }}",
    "images are normalised with statistics of training": f"{IMAGE} <float[3] s = {{1, 2, 3}}, float[3] b = {{1, 2, 3}}, "
    "float[3] m = {1, 2, 3}, float[3] v = {1, 2, 3}> { y = BatchNormalization(x, s, b, m, v) }",
    "images are normalised each by itself": f"{IMAGE} <float[3] s = {{1, 2, 3}}, float[3] b = {{1, 2, 3}}> "
    "{ y = InstanceNormalization(x, s, b) }",
    "images are enlarged": f"{IMAGE} <float[4] s = {{1, 1, 2, 2}}> {{ y = Resize(x, , s) }}",
    "features are normalised": f"{X} <float[4] s = {{1, 2, 3, 4}}> {{ y = LayerNormalization(x, s) }}",
    "a constant scale quantises rows": f"{X} <float s = {{0.1}}, uint8 z = {{128}}> {{ q = QuantizeLinear(x, s, z) "
    "y = DequantizeLinear(q, s, z) }",
    "rows are scaled": f"{X} {{ y = ai.onnx.ml.Scaler<offset = [1.0], scale = [2.0]>(x) }}",
    "ONNX Runtime's own activations are by element": f"{X} {{ y = com.microsoft.Gelu(x) }}",
    "sequences of rows go through a recurrent layer": "(float[N,3,2] x) => (float[N,?,?] y) <float[1,1,2] w = {1, 2}, float[1,1,1] r = {1}> "
    "{ t = Transpose<perm = [1, 0, 2]>(x) o, h = RNN<hidden_size = 1>(t, w, r) y = Transpose<perm = [1, 0, 2]>(h) }",
}

MIXED = {
    "a constant that differs along the batch": (f"{X} <float[2,4] b = {{1, 2, 3, 4, 5, 6, 7, 8}}> {{ y = Add(x, b) }}", Reason.POSITION_MATTERS),
    "rows multiplied with one another": (f"{X} {{ t = Transpose(x) y = MatMul(x, t) }}", Reason.ROWS_MIX),
    "weights that sum over the rows": (f"{ANY} {{ t = Transpose(x) z = MatMul(t, x) y = ReduceSum<keepdims = 0>(z) }}", Reason.ROWS_MIX),
    "an einsum that sums over the rows": (f'{X} {{ y = Einsum<equation = "ni,nj->ij">(x, x) }}', Reason.ROWS_MIX),
    "an einsum of all rows with all rows": (
        'CUBE { y = Einsum<equation = "abc,dbc->adc">(x, x) }'.replace("CUBE", CUBE.replace("?,?", "N,4")),
        Reason.ROWS_MIX,
    ),
    "a node that is not as its rule expects": (
        f"{X} <int64[1] axis = {{0}}> {{ s = Shape(x) q = Squeeze(s, axis) y = Reshape(x, q) }}",
        Reason.NOT_FOLLOWED,
    ),
    "softmax over the rows": (f"{X} {{ y = Softmax<axis = 0>(x) }}", Reason.ROWS_MIX),
    "a mean over the rows": (f"{X} {{ m = ReduceMean<axes = [0]>(x) y = Sub(x, m) }}", Reason.ROWS_MIX),
    "a mean over everything": (f"{X} {{ m = ReduceMean(x) y = Sub(x, m) }}", Reason.ROWS_MIX),
    "the largest of the rows": (f"{X} {{ a = ArgMax(x) f = Cast<to = 1>(a) y = Add(x, f) }}", Reason.POSITION_MATTERS),
    "rows sorted": (f"{X} <int64[1] k = {{1}}> {{ y, i = TopK<axis = 0>(x, k) }}", Reason.ROWS_MIX),
    "rows added up": (f"{X} <int64 zero = {{0}}> {{ y = CumSum(x, zero) }}", Reason.ROWS_MIX),
    "rows cut into pieces of another length": (f"{X} <int64[2] s = {{-1, 3}}> {{ y = Reshape(x, s) }}", Reason.ROWS_MIX),
    "rows that are not outermost after a reshape": (f"{X} <int64[2] s = {{4, -1}}> {{ y = Reshape(x, s) }}", Reason.ROWS_MIX),
    "a transposition that stays": (f"{X} {{ y = Transpose(x) }}", Reason.ROWS_MIX),
    "a squeeze of whatever has size 1": ("(float[N,1] x) => (float[N] y) { y = Squeeze(x) }", Reason.ROWS_MIX),
    "rows joined to rows": (f"{XW} {{ y = Concat<axis = 0>(x, w) }}", Reason.ROWS_MIX),
    "rows split": (f"{X} {{ y, z = Split<axis = 0>(x) }}", Reason.ROWS_MIX),
    "the first row": (f"{X} <int64[1] a = {{0}}, int64[1] b = {{1}}, int64[1] i = {{0}}> {{ f = Slice(x, a, b, i) y = Add(x, f) }}", Reason.POSITION_MATTERS),
    "rows turned round": (f"{X} <int64[1] a = {{-1}}, int64[1] b = {{-9223372036854775807}}, int64[1] i = {{0}}> {{ y = Slice(x, a, b, i, a) }}", Reason.POSITION_MATTERS),
    "a row picked by its place": (f"{X} <int64[1] i = {{0}}> {{ f = Gather<axis = 0>(x, i) y = Add(x, f) }}", Reason.POSITION_MATTERS),
    "rows looked up among rows": ("(float[N,4] x, int64[N] i) => (float[N,4] y) { y = Gather(x, i) }", Reason.ROWS_MIX),
    "elements looked up among rows": ("(float[N,4] x, int64[N,4] i) => (float[N,4] y) { y = GatherElements<axis = 0>(x, i) }", Reason.ROWS_MIX),
    "rows counted": ((f"{X} <int64 zero = {{0}}, int64 one = {{1}}, int64[1] l = {{1}}> {{ s = Shape(x) n = Gather(s, zero) r = Range(zero, n, one) "
                     "f = Cast<to = 1>(r) u = Unsqueeze(f, l) y = Add(x, u) }"), Reason.POSITION_MATTERS),
    "a division by the number of rows": (f"{X} <int64 zero = {{0}}> {{ s = Shape(x) n = Gather(s, zero) f = Cast<to = 1>(n) y = Div(x, f) }}", Reason.BATCH_SIZE_MATTERS),
    "the number of rows hidden behind a sort": ((f"{X} <int64[1] k = {{1}}, int64[1] zero = {{0}}, int64[1] one = {{1}}> {{ s = Shape(x) t, i = TopK<axis = 0>(s, k) "
                                               "f = Cast<to = 1>(t) y = Div(x, f) }"), Reason.BATCH_SIZE_MATTERS),
    "half the number of rows as a shape": (
        (f"{X} <int64[1] zero = {{0}}, float[1] half = {{0.5}}, int64[1] eight = {{8}}, int64[1] four = {{4}}> {{ s = Shape(x) n = Gather(s, zero) "
        "f = Cast<to = 1>(n) h = Mul(f, half) i = Cast<to = 7>(h) t = Concat<axis = 0>(i, eight) u = Reshape(x, t) v = Softmax<axis = 1>(u) "
        "b = Concat<axis = 0>(n, four) y = Reshape(v, b) }"),
        Reason.BATCH_SIZE_MATTERS,
    ),
    "the number of rows times an unknown fraction, rounded": (
        (f"{X} <int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] eight = {{8}}, int64[1] four = {{4}}> {{ s = Shape(x) n = Gather(s, zero) w = Gather(s, one) "
        "g = Div(w, eight) p = Mul(n, g) i = Cast<to = 7>(p) t = Concat<axis = 0>(i, eight) u = Reshape(x, t) v = Softmax<axis = 1>(u) "
        "b = Concat<axis = 0>(n, four) y = Reshape(v, b) }"),
        Reason.BATCH_SIZE_MATTERS,
    ),
    "the number of rows below zero, rounded, as a value": (
        f"{X} <int64[1] zero = {{0}}> {{ s = Shape(x) n = Gather(s, zero) f = Cast<to = 1>(n) m = Neg(f) r = Floor(m) y = Mul(x, r) }}",
        Reason.BATCH_SIZE_MATTERS,
    ),
    "a matrix of ones on the diagonal of the batch": ("(float[N,4] x) => (float[N,4] y) { e = EyeLike(x) y = Add(x, e) }", Reason.POSITION_MATTERS),
    "rows added to rows": (f"{X} <int64[4] p = {{1, 0, 0, 0}}> {{ y = Pad(x, p) }}", Reason.ROWS_MIX),
    "rows repeated": (f"{X} <int64[2] r = {{2, 1}}> {{ y = Tile(x, r) }}", Reason.ROWS_MIX),
    "normalisation in training": (f"{IMAGE} <float[3] s = {{1, 2, 3}}, float[3] m = {{1, 2, 3}}> {{ y, a, b = BatchNormalization<training_mode = 1>(x, s, s, m, m) }}", Reason.ROWS_MIX),
    "mean and variance over the batch": (f"{IMAGE} {{ y = MeanVarianceNormalization(x) }}", Reason.ROWS_MIX),
    "a batch that is enlarged": (f"{IMAGE} <float[4] s = {{2, 1, 1, 1}}> {{ y = Resize(x, , s) }}", Reason.ROWS_MIX),
    "a lookup of places through a pool": (f"{IMAGE} {{ z, i = MaxPool<kernel_shape = [2, 2]>(x) y = Cast<to = 1>(i) }}", Reason.POSITION_MATTERS),
    "time for the batch": (("(float[T,1,2] x) => (float[T,?,1] y) <float[1,1,2] w = {1, 2}, float[1,1,1] r = {1}, int64[1] a = {1}> "
                           "{ o = RNN<hidden_size = 1>(x, w, r) y = Squeeze(o, a) }"), Reason.ROWS_MIX),
    "a scale for each place in the batch": (f"{X} <float[2] s = {{0.1, 0.2}}, uint8[2] z = {{1, 2}}> {{ q = QuantizeLinear<axis = 0>(x, s, z) y = DequantizeLinear<axis = 0>(q, s, z) }}", Reason.POSITION_MATTERS),
    "an operator from elsewhere": (f"{X} {{ y = elsewhere.Relu(x) }}", Reason.OPERATOR_UNKNOWN),
    "an output that is a constant": (f"{X} <float[1,4] c = {{1, 2, 3, 4}}> {{ y = Identity(c) }}", Reason.ROWS_MIX),
    "a fixed first dimension": ("(float[1,4] x) => (float[1,4] y) { y = Relu(x) }", Reason.FIXED_SIZE),
    "first dimensions of different names": ("(float[N,4] x) => (float[detections,4] y) { y = Relu(x) }", Reason.OTHER_NAMES),
    "the number of rows in two axes": ("(float[N,N] x) => (float[N,N] y) { y = Relu(x) }", Reason.ROWS_MIX),
}  # fmt: skip


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_rows_stay_apart(text, tmp_path):
    file = written(tmp_path, text)
    decided = decision(file)
    assert (decided.is_batchable, decided.reason, decided.mode) == (True, Reason.PROVEN, "proven"), decided.message


@pytest.mark.parametrize(("text", "why"), MIXED.values(), ids=MIXED.keys())
def test_not_proven(text, why, tmp_path):
    if "[M]" in text:
        text = text.replace("[M]", "[N]")
    assert reason(written(tmp_path, text)) is why


@pytest.mark.parametrize(
    ("opset", "axis", "why"), [(11, 1, Reason.PROVEN), (11, 0, Reason.ROWS_MIX), (13, 1, Reason.PROVEN)]
)
def test_softmax_of_old_operator_sets_takes_everything_from_its_axis_on(opset, axis, why, tmp_path):
    assert reason(written(tmp_path, f"{CUBE} {{ y = Softmax<axis = {axis}>(x) }}", opset)) is why


def test_softmax_of_old_operator_sets_is_over_rows_that_lie_behind_its_axis(tmp_path):
    text = (
        f"{CUBE} {{ t = Transpose<perm = [1, 0, 2]>(x) s = Softmax<axis = 1>(t) y = Transpose<perm = [1, 0, 2]>(s) }}"
    )
    assert reason(written(tmp_path, text, 11)) is Reason.ROWS_MIX
    assert reason(written(tmp_path, text, 13)) is Reason.ROWS_MIX


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize(("axis", "why"), [(-1, Reason.ROWS_MIX), (-2, Reason.ROWS_MIX)])
def test_softmax_of_old_operator_sets_counts_its_axis_from_the_back(operator, axis, why, tmp_path):
    text = f"{X} {{ t = Transpose<perm = [1, 0]>(x) s = {operator}<axis = {axis}>(t) y = Transpose<perm = [1, 0]>(s) }}"
    assert reason(written(tmp_path, text, 11)) is why
    assert reason(written(tmp_path, f"{X} {{ y = {operator}<axis = -1>(x) }}", 11)) is Reason.PROVEN


LIES = {
    "a number of 64 bits cast to one of 32": ("int64[1] k = {4294967296}", "c = Cast<to = 6>(k)"),
    "a number that a float rounds": ("int64[1] k = {16777217}", "c = Cast<to = 1>(k)"),
    "a product of 32 bits": ("int32[1] k = {65536}", "c = Mul(k, k)"),
    "a sum of 8 bits": ("uint8[1] k = {200}", "c = Add(k, k)"),
    "a number as narrow as another input": ("int64[1] k = {256}", "q = Cast<to = 2>(x) c = CastLike(k, q)"),
}


@pytest.mark.parametrize(("constant", "node"), LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("told", [256, 400, 4294967296, 16777217])
def test_numbers_that_a_type_does_not_hold_choose_no_shape(constant, node, told, tmp_path):
    text = (
        f"{X} <{constant}, int64[1] z = {{{told}}}, int64[2] a = {{-1, 4}}, int64[2] b = {{4, -1}}> {{ {node} d = Cast<to = 7>(c) "
        "e = Equal(d, z) t = Where(e, a, b) r = Reshape(x, t) v = Softmax<axis = 1>(r) y = Reshape(v, a) }"
    )
    assert reason(written(tmp_path, text)) is not Reason.PROVEN


def test_an_empty_list_of_axes_squeezes_every_one(tmp_path):
    text = (
        f"{X} <int64[0] none = {{}}, int64[1] z = {{0}}, int64[2] s = {{-1, 4}}> "
        "{ t = Unsqueeze(x, z) u = Squeeze(t, none) v = Softmax<axis = 0>(u) y = Reshape(v, s) }"
    )
    assert reason(written(tmp_path, text)) is Reason.ROWS_MIX
