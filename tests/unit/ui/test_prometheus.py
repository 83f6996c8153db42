"""How Prometheus is asked by who has an address and credentials of their own."""

import base64

import pytest

from kubectl_serin.problems import Problem
from serin_ui.series import Credentials, prometheus_at


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text(" of-the-tests\n")
    return file


@pytest.mark.parametrize(
    ("how", "header"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"token_file": True}, "Bearer of-the-tests", id="a token"),
        pytest.param(
            {"username": "serin", "password_file": True},
            f"Basic {base64.b64encode(b'serin:of-the-tests').decode()}",
            id="a password",
        ),
    ],
)
def test_credentials_are_read_when_they_are_spoken(secret, how, header):
    known = Credentials(
        **{name: secret if value is True else value for name, value in how.items()}, headers={"X-Scope-OrgID": "a"}
    )
    spoken = known.spoken()
    assert (spoken["X-Scope-OrgID"], spoken.get("Authorization")) == ("a", header)


def test_without_an_address_nobody_is_asked():
    assert prometheus_at("", Credentials()) is None


def test_a_password_in_the_address_is_spoken_and_shown_to_nobody():
    asked = prometheus_at("https://serin:of%2Dthe-tests@prometheus:9090/base", Credentials())
    assert asked.where == "https://prometheus:9090/base"
    assert asked.credentials.spoken() == {"Authorization": f"Basic {base64.b64encode(b'serin:of-the-tests').decode()}"}
    assert "of-the-tests" not in repr(asked)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        pytest.param(b"hunter2\nhunter3", {"token_file": True}, id="a token of two lines"),
        pytest.param(b"hunter2\r\nX: y", {"token_file": True}, id="a token with a header"),
        pytest.param(
            "hunter2\u201d".encode(), {"token_file": True}, id="a token with a quotation mark of a text program"
        ),
        pytest.param(b"hunter2\xff", {"token_file": True}, id="a token that is no text"),
        pytest.param(b"hunter2\nhunter3", {"username": "serin", "password_file": True}, id="a password of two lines"),
    ],
)
def test_credentials_that_cannot_be_spoken_are_named_by_their_file_and_never_shown(secret, content, how):
    secret.write_bytes(content)
    known = Credentials(**{name: secret if value is True else value for name, value in how.items()})
    with pytest.raises(Problem, match=f"{secret}.*one line") as raised:
        prometheus_at("http://127.0.0.1:9", known).query("up")
    assert "hunter" not in f"{raised.value} {raised.value.way_out}"


def test_what_makes_a_request_impossible_is_told_by_its_kind_alone():
    with pytest.raises(Problem, match=r"does not answer: ValueError$"):
        prometheus_at("http://127.0.0.1:9", Credentials(headers={"X": "hunter2\n"})).query("up")
