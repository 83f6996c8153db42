from quickstart.example import disagreements

EXPECTED = {"labels": [1, 0], "probabilities": [[0.1, 0.9], [0.8, 0.2]]}


def served(labels: list[int], probabilities: list[float]) -> dict[str, object]:
    return {"outputs": [{"name": "label", "data": labels}, {"name": "probabilities", "data": probabilities}]}


def test_a_prediction_within_float_precision_agrees() -> None:
    assert disagreements(served([1, 0], [0.1000001, 0.9, 0.8, 0.2]), EXPECTED) == []


def test_other_labels_or_probabilities_are_told() -> None:
    assert len(disagreements(served([0, 0], [0.1, 0.9, 0.7, 0.3]), EXPECTED)) == 2
