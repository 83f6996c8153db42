"""A log of lines: an event is one, whatever its fields hold, and nothing in it is a client's data."""

import asyncio
import json

import pytest

from serin_server.records.access import AccessLog
from serin_server.records.faults import FaultLog
from serin_server.records.log import Log

HOSTILE = [
    "a\n2026-01-01T00:00:00.000Z error   request status=500",
    "a\r\nb",
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "line\u2028paragraph\u2029next\x85",
    "\u202eoverride",
    "\x00\x07\x08",
    "\ud800",
]


@pytest.mark.parametrize("style", ["console", "json"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_whatever_a_field_holds_it_stays_within_its_line_and_drives_no_terminal(capsys, style, hostile):
    Log(style).info("request", id=hostile, nested={"deep": [hostile]})
    told = capsys.readouterr().err
    assert told.endswith("\n")
    assert told[:-1].isprintable()


def test_a_field_cannot_forge_another_one_in_the_console_style(capsys):
    Log("console").info("request", id='seven status=500 "x', status=200, path="C:\\temp\\new", plain="word-1.5")
    told = capsys.readouterr().err
    assert r'id="seven status=500 \"x" status=200 path="C:\\temp\\new" plain=word-1.5' in told


def test_an_id_is_cut_to_a_sensible_length(capsys):
    AccessLog(Log(), 1.0).note("http", 200, 0.001, 1, "x" * 100_000)
    assert len(capsys.readouterr().err) < 500


def test_a_fault_is_told_by_its_type_and_place_and_never_by_the_data_that_it_quotes(capsys):
    def find(text):
        try:
            return int(text)
        except ValueError as error:
            raise KeyError(text) from error

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(FaultLog(Log()))
    loop.call_soon(find, "SSN 078-05-1120")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    told = capsys.readouterr().err
    assert "078-05-1120" not in told
    event = json.loads(told)
    assert (event["event"], event["level"], event["error"]) == ("fault", "error", "KeyError from ValueError")
    assert any("test_log.py" in frame and frame.endswith(" find") for frame in event["stack"])


def test_of_an_error_of_the_operating_system_the_reason_is_told(capsys):
    FaultLog(Log())(None, {"message": "accept failed", "exception": OSError(24, "Too many open files")})
    assert json.loads(capsys.readouterr().err)["error"] == "OSError (Too many open files)"
