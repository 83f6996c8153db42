"""How a command line is read."""

import pytest

from kubectl_serin.cli import parser


@pytest.mark.parametrize(
    "line",
    ["rollback credit --timeout 120 v1", "rollback credit v1 --timeout 120", "rollback --timeout 120 credit v1"],
)
def test_flags_may_stand_between_the_words_of_a_command(line: str) -> None:
    said = parser().parse_args(line.split())
    assert (said.name, said.version, said.timeout) == ("credit", "v1", 120.0)


def test_what_may_be_left_out_is_left_out() -> None:
    said = parser().parse_args(["rollback", "credit", "--timeout", "120"])
    assert said.version is None


def test_a_word_too_many_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["rollback", "credit", "-n", "team", "v1", "v2"])
    assert "unrecognized arguments: v2" in capsys.readouterr().err


def test_what_stands_behind_two_hyphens_is_no_flag() -> None:
    assert parser().parse_args(["lint", "--", "-x.yaml"]).files == ["-x.yaml"]
