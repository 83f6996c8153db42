"""What the page is told by its environment, and what it says where that cannot be."""

import pytest

from serin_ui.problems import Problem
from serin_ui.settings import BadSettings, Settings
from serin_ui.who import pasted

POD = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}


def test_a_pod_needs_to_be_told_nothing():
    settings = Settings.of(POD)
    assert (settings.api, settings.port, settings.signs_in, settings.prometheus) == (
        "https://[fd00::1]:6443",
        8080,
        True,
        "",
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"KUBERNETES_SERVICE_HOST": ""}, "SERIN_UI_API is not set"),
        ({"SERIN_UI_PORT": "0"}, "SERIN_UI_PORT must be a number"),
        ({"SERIN_UI_SIGN_IN": "maybe"}, "SERIN_UI_SIGN_IN must be on or off"),
        ({"SERIN_UI_PROMETHEUS_URL": "prometheus:9090"}, "SERIN_UI_PROMETHEUS_URL must begin with http"),
        ({"SERIN_UI_API_CA": "/not/there"}, "SERIN_UI_API_CA names /not/there, which is no file"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_the_way_out(more, says):
    with pytest.raises(BadSettings, match=says):
        Settings.of({**POD, **more})


def test_a_token_is_taken_as_people_paste_it():
    assert pasted("  Bearer abc.\n def-_  ") == "abc.def-_"


@pytest.mark.parametrize("text", ["", "two; words", "a" * 4000, "<b>"])
def test_what_is_no_token_is_refused_without_being_repeated(text):
    with pytest.raises(Problem) as caught:
        pasted(text)
    assert not text or text not in str(caught.value)
