"""Real models of scikit-learn through JSON, binary tensors and gRPC: the numbers are ONNX Runtime's own."""

import warnings

import numpy as np
import onnxruntime
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.support.serving import serving

pytestmark = pytest.mark.slow
MODELS = {
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": lambda: RandomForestClassifier(20, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=20, random_state=0),
    "mlp": lambda: make_pipeline(StandardScaler(), MLPClassifier((32, 16), max_iter=20, random_state=0)),
}


def numeric(name, has_map):
    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MODELS[name]().fit(x, y)
    return to_onnx(model, x[:1], options={} if has_map else {"zipmap": False}), {"X": x[:40]}


def with_strings():
    rng = np.random.default_rng(3)
    cities, ages = rng.choice(["Bern", "Oslo", "São Paulo"], 300), rng.normal(40, 10, 300).astype(np.float32)
    table = np.column_stack([cities.astype(object), ages.astype(object)])
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), [0]), (StandardScaler(), [1])), LogisticRegression()
    ).fit(table, (cities == "Oslo") ^ (ages > 40))
    types = [("city", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1]))]
    exported = to_onnx(model, initial_types=types, options={"zipmap": False})
    return exported, {"city": cities[:40].reshape(-1, 1).astype(object), "age": ages[:40].reshape(-1, 1)}


def as_arrays(outputs):
    """ONNX Runtime's own outputs, a list of maps as the matrix of its sorted keys."""
    return [
        np.array([[row[key] for key in sorted(row)] for row in value]) if isinstance(value, list) else value
        for value in outputs
    ]


def asked(client, module, feed, names, **how):
    types = {"f": "FP32", "O": "BYTES"}
    given = [
        module.InferInput(name, array.shape, types[array.dtype.kind]).set_data_from_numpy(array, **how)
        for name, array in feed.items()
    ]
    result = client.infer("m", given, outputs=None)
    return [result.as_numpy(name) for name in names]


@pytest.mark.parametrize("name", [*MODELS, "logistic regression with its map", "pipeline with strings"])
def test_numbers_agree_with_onnx_runtime(tmp_path, name):
    from tritonclient import grpc, http

    made = with_strings() if "strings" in name else numeric(name.removesuffix(" with its map"), "map" in name)
    exported, feed = made
    (tmp_path / "m.onnx").write_bytes(exported.SerializeToString())
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    names = [output.name for output in session.get_outputs()]
    with serving(tmp_path / "m.onnx", tmp_path) as running:
        over_http = http.InferenceServerClient(f"127.0.0.1:{running.port('http')}")
        over_grpc = grpc.InferenceServerClient(f"127.0.0.1:{running.port('grpc')}")
        for rows in (1, 40):
            some = {key: array[:rows] for key, array in feed.items()}
            expected = as_arrays(session.run(None, some))
            answers = [
                asked(over_http, http, some, names, binary_data=True),
                asked(over_http, http, some, names, binary_data=False),
                asked(over_grpc, grpc, some, names),
            ]
            for given in answers:
                for one, other in zip(given, expected, strict=True):
                    np.testing.assert_array_equal(one, other.astype(one.dtype).reshape(one.shape))
        over_http.close()
        over_grpc.close()
