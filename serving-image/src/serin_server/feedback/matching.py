"""Whether a label says the class that was predicted, however its sender spells it."""

from math import isnan

from serin_server.model.predictions import Prediction

_WORDS = {"true": 1.0, "false": 0.0}


def matches(prediction: Prediction, label: Prediction) -> bool | None:
    """Whether they are the same class; None where a number and a text cannot be compared, which is nobody's error.

    A text that spells a number is that number, since labels come out of files and queues that know texts only.
    """
    if isinstance(prediction, str) == isinstance(label, str):
        return prediction == label
    if isinstance(prediction, str):
        number = _number(prediction)
        return None if number is None else number == label
    number = _number(str(label))
    return None if number is None else number == prediction


def _number(text: str) -> float | None:
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        number = int(word) if word.lstrip("+-").isdecimal() else float(word)
    except ValueError:
        return None
    return None if isnan(number) else number
