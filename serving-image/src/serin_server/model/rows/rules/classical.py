"""Operators of classical machine learning (`ai.onnx.ml`): a row of features gives a row of answers."""

from collections.abc import Mapping, Sequence
from typing import Final

from serin_server.model.rows.sizes import ONE, Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, State
from serin_server.model.rows.step import Rule, Step, by_batch_size, only_rows

_CLASSIFIERS: Final = ["LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"]
_REGRESSORS: Final = ["LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor", "TreeEnsemble"]
_TARGETS: Final = {"LinearRegressor": "targets", "TreeEnsembleRegressor": "n_targets", "TreeEnsemble": "n_targets"}
_FEATURES: Final = ["Normalizer", "Scaler", "Imputer"]
_ELEMENTS: Final = ["Binarizer", "LabelEncoder", "CategoryMapper"]


def classifier(step: Step) -> Sequence[State]:
    """A label for each row, and a row of scores."""
    rows = only_rows(step, 0, 0, 2).size
    return [Rows(0, (rows,)), Rows(0, (rows, step.size()))]


def regressor(step: Step) -> State:
    """A row of targets for each row."""
    name = _TARGETS.get(step.node.operator)
    width = step.size() if name is None else Size(step.integer(name, 1))
    return Rows(0, (only_rows(step, 0, 0, 2).size, width))


def features(step: Step) -> State:
    """Each column of a row by numbers of its own."""
    return only_rows(step, 0, 0, 2)


def elements(step: Step) -> State:
    """Each element by itself."""
    state = step.given(0)
    if isinstance(state, Rows):
        return state
    if state.has_batch:
        raise by_batch_size()
    return Fixed(state.sizes)


def one_hot(step: Step) -> State:
    """One more axis, of the categories."""
    state = step.given(0)
    if isinstance(state, Fixed):
        raise NotProven(Reason.NOT_FOLLOWED, "encodes a constant")
    words, numbers = step.attribute("cats_strings"), step.integers("cats_int64s")
    count = len(words.strings if words is not None else ()) or len(numbers or ())
    return Rows(state.axis, (*state.sizes, Size(count)))


def columns(step: Step) -> State:
    """Some columns of each row; or a constant table looked up by rows, in which case they lie at axis 1."""
    state, wanted = step.given(0), step.given(1)
    if isinstance(state, Rows) and isinstance(wanted, Fixed):
        step.fixed(1)
        if len(state.sizes) < 2 or state.axis == len(state.sizes) - 1:
            raise NotProven(Reason.POSITION_MATTERS, "takes some of the rows, by their place in the batch")
        return Rows(state.axis, (*state.sizes[:-1], step.times(*wanted.sizes)))
    if isinstance(state, Fixed) and isinstance(wanted, Rows):
        step.fixed(0)
        if len(state.sizes) > 2 or wanted.axis != 0:
            raise NotProven(Reason.NOT_FOLLOWED, "looks up in a table in a way that is not followed")
        first = state.sizes[0] if len(state.sizes) == 2 else ONE
        return Rows(1, (first, step.times(*wanted.sizes)))
    if isinstance(state, Fixed):
        step.all_fixed(0, 1)
        return Fixed((*(state.sizes[:-1] or (ONE,)), step.times(*wanted.sizes)))
    raise NotProven(Reason.ROWS_MIX, "looks rows up among the rows")


def joined(step: Step) -> State:
    """The columns of several inputs side by side."""
    parts = [only_rows(step, position, 0, 2) for position in range(len(step.states))]
    if not parts or any(part.size != parts[0].size for part in parts):
        raise NotProven(Reason.ROWS_MIX, "joins rows of different numbers")
    widths = [part.sizes[1] for part in parts]
    width = Size(sum(each.number for each in widths)) if all(each.is_number for each in widths) else step.size()
    return Rows(0, (parts[0].size, width))


def mapped(step: Step) -> State:
    """A map for each row: a sequence as long as there are rows."""
    return Rows(0, (only_rows(step, 0, 0, 2).size,))


def counts_of_words(step: Step) -> State:
    """How often n-grams come in each row."""
    return Rows(0, (only_rows(step, 0, 0, 2).size, step.size()))


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **{("ai.onnx.ml", operator): classifier for operator in _CLASSIFIERS},
    **{("ai.onnx.ml", operator): regressor for operator in _REGRESSORS},
    **{("ai.onnx.ml", operator): features for operator in _FEATURES},
    **{("ai.onnx.ml", operator): elements for operator in _ELEMENTS},
    ("ai.onnx.ml", "OneHotEncoder"): one_hot,
    ("ai.onnx.ml", "ArrayFeatureExtractor"): columns,
    ("ai.onnx.ml", "FeatureVectorizer"): joined,
    ("ai.onnx.ml", "ZipMap"): mapped,
    ("", "TfIdfVectorizer"): counts_of_words,
}
