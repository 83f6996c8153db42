"""Sources that are hostile, broken or merely odd: each ends with a reason and a sentence, none with a trace."""

import gzip
import io
import json
import os
import socket
import threading
from pathlib import Path

import pytest
from tests.support.certificates import tls_of_this_machine
from tests.support.models import doubling
from tests.support.sources import answering, ok, redirect

from serin_server.cli import main

pytestmark = pytest.mark.slow

SECRET = "hunter22"


def brief(parameter) -> str:
    """A parameter in the name of its test."""
    return ascii(parameter)[:60]


@pytest.fixture
def resolved(tmp_path, capsys):
    """Runs `resolve` and gives exit code and report; whatever happens, both are there and no secret is."""

    def run(uri, *flags):
        log = tmp_path / "termination"
        cache = () if "--cache-dir" in flags else ("--cache-dir", str(tmp_path / "cache"))
        code = main(["resolve", "--model", str(uri), *cache, "--source-timeout-seconds", "1", "--termination-log", str(log),
                     *map(str, flags)])  # fmt: skip
        captured = capsys.readouterr()
        told = json.loads(log.read_text())
        assert len(log.read_bytes()) < 4096
        assert "Traceback" not in captured.err
        assert SECRET not in captured.out + captured.err + log.read_text()
        assert told["ok"] == (code == 0), told
        assert told["ok"] or (told["reason"] and told["message"])
        return code, told

    return run


@pytest.mark.parametrize(
    ("uri", "reason", "words"),
    [
        ("file:///a%00b.onnx", "SourceUnsupported", "NUL"),
        ("pvc://claim/a%00b", "SourceUnsupported", "NUL"),
        ("file:///a%0Ab%ff%zz%", "SourceNotFound", "no file /a\\x0ab"),
        ("file:///" + "a/" * 5000, "SourceNotFound", "check the path"),
        ("file:///" + "a" * 5000, "SourceNotFound", "check the path"),
        ("file://m.onnx", "SourceUnsupported", "file:///path"),
        ("/dev/null", "SourceUnsupported", "neither a file nor a folder"),
        ("/etc/passwd/m.onnx", "SourceNotFound", "check the path"),
        ("\udcff\udc80.onnx", "SourceNotFound", "check the path"),
        ("pvc://../etc/passwd", "SourceUnsupported", "pvc://claim/path"),
        ("pvc:///etc/passwd", "SourceUnsupported", "pvc://claim/path"),
        ("pvc://claim/%2e%2e/%2e%2e/etc/passwd", "SourceUnsupported", "pvc://claim/path"),
        ("http://", "SourceUnsupported", "names no host"),
        ("http:///m.onnx", "SourceUnsupported", "names no host"),
        ("http:m.onnx", "SourceUnsupported", "names no host"),
        ("http://127.0.0.1:99999/m.onnx", "SourceUnsupported", "its port is no number"),
        ("http://127.0.0.1:-1/m.onnx", "SourceUnsupported", "its port is no number"),
        ("http://127.0.0.1:x/m.onnx", "SourceUnsupported", "its port is no number"),
        ("http://127.0.0.1:0/m.onnx", "SourceUnreachable", "cannot be reached"),
        ("http://[::1/m.onnx", "SourceUnsupported", "Invalid IPv6"),
        ("http://[12345::1]/m.onnx", "SourceUnsupported", "no address"),
        ("http://[not-an-address]/m.onnx", "SourceUnsupported", ""),
        ("http://[v1.x]/m.onnx", "SourceUnsupported", ""),
        ("http://a b/m.onnx", "SourceUnsupported", "names no host"),
        ("http://..../m.onnx", "SourceUnsupported", "names no host"),
        ("http://" + "a" * 300 + "/m.onnx", "SourceUnsupported", "names no host"),
        ("http://" + "é" * 300 + "/m.onnx", "SourceUnsupported", ""),
        ("http://\u2100/m.onnx", "SourceUnsupported", ""),
        (f"http://me:{SECRET}@127.0.0.1/m.onnx", "SourceUnsupported", "headerSecret"),
        (f"http://me:{SECRET}/x@127.0.0.1/m.onnx", "SourceUnsupported", ""),
        (f"http://[{SECRET}:{SECRET}@x]/m?sig={SECRET}", "SourceUnsupported", ""),
        (f"http://127.0.0.1:1/m.onnx?X-Amz-Signature={SECRET}", "SourceUnreachable", "http://127.0.0.1:1/m.onnx?…"),
        (f"ftp://me:{SECRET}@h/m.onnx", "SourceUnsupported", "ftp://"),
        (f"ssh://bucket/m.onnx?token={SECRET}", "SourceUnsupported", "ssh://"),
    ],
    ids=brief,
)
def test_an_address_that_cannot_be_used_is_refused_in_a_sentence(resolved, uri, reason, words):
    code, told = resolved(uri)
    assert (code, told["reason"]) == (75 if reason == "SourceUnreachable" else 64, reason), told
    assert words in told["message"]
    assert told["message"].isprintable()


def test_what_lies_there_but_is_no_file_is_said_to_be_none(resolved, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder" / "model.onnx").mkdir(parents=True)
    for name, reason in (
        ("fifo", "SourceUnsupported"), ("socket", "SourceUnsupported"), ("circle", "SourceNotFound"),
        ("dangling", "SourceNotFound"), ("folder", "ModelInvalid"),
    ):  # fmt: skip
        code, told = resolved(tmp_path / name)
        assert (code, told["reason"]) == (64, reason), told
    listener.close()


@pytest.fixture
def as_nobody(tmp_path):
    """Does what only another user than root can show."""
    if os.geteuid() != 0:
        yield
        return
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid == 0 and folder.name:
            folder.chmod(folder.stat().st_mode | 0o755 if str(folder) != "/tmp" else 0o1777)
    tmp_path.chmod(0o777)
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_files_and_folders_that_may_not_be_read_are_forbidden(resolved, tmp_path, as_nobody):
    folder = tmp_path / "model"
    (folder / "more").mkdir(parents=True)
    doubling(folder / "model.onnx")
    (folder / "more" / "data").write_text("x")
    assert resolved(folder)[0] == 0
    for place in (folder / "more" / "data", folder / "more", folder / "model.onnx"):
        mode = place.stat().st_mode
        place.chmod(0)
        code, told = resolved(folder)
        assert (code, told["reason"]) == (64, "SourceForbidden"), told
        assert str(place) in told["message"]
        place.chmod(mode)


def test_names_that_need_quoting_are_quoted(resolved, tmp_path):
    model = doubling(tmp_path / "m.onnx").read_bytes()
    asked = []

    def answer(connection):
        connection.sendall(ok(model))

    for path in ("/modèle ü.onnx", "/m.onnx?version=é&x=a b", "/%E2%82%AC%zz%.onnx", "/a\tb"):
        with answering(answer) as port:
            code, told = resolved(f"http://127.0.0.1:{port}{path}")
            assert (code, told["ok"]) == (0, True), told
    del asked
    odd = tmp_path / "odd #1?.onnx"
    odd.write_bytes(model)
    assert resolved(odd)[0] == 0


def test_a_source_by_ipv6_is_read(resolved, tmp_path):
    model = doubling(tmp_path / "m.onnx").read_bytes()
    with answering(ok(model), host="::1") as port:
        assert resolved(f"http://[::1]:{port}/m.onnx")[0] == 0


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (ok(b"x", "Content-Length: abc"), "SourceUnreachable", "no number"),
        (ok(b"x", "Content-Length: -5"), "SourceUnreachable", "no number"),
        (ok(b"x", "Content-Length: \u00b2"), "SourceUnreachable", "no number"),
        (ok(b"x", "Content-Length: 99999999999999999999"), "SourceUnreachable", "broke off"),
        (ok(b"x", "Content-Length: 10"), "SourceUnreachable", "broke off after 1 of 10"),
        (ok(b"5\r\nab", "Transfer-Encoding: chunked"), "SourceUnreachable", ""),
        (ok(b"zz\r\nab", "Transfer-Encoding: chunked"), "SourceUnreachable", ""),
        (ok(b"", "Transfer-Encoding: chunked"), "SourceUnreachable", ""),
        (ok(gzip.compress(b"x", mtime=0), "Content-Encoding: gzip"), "SourceUnsupported", "Content-Encoding: gzip"),
        (b"", "SourceUnreachable", ""),
        (b"\r\n\r\n", "SourceUnreachable", ""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SourceUnreachable", ""),
        (b"HTTP/1.1 abc OK\r\n\r\n", "SourceUnreachable", ""),
        (b"HTTP/1.1 99999 OK\r\n\r\n", "SourceUnreachable", ""),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "SourceUnreachable", ""),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "SourceUnreachable", ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "SourceNotFound", "204"),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx", "SourceNotFound", "206"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "SourceNotFound", "304"),
        (ok(b"", "Content-Length: 0"), "ModelInvalid", "empty"),
        (ok(b"<html>"), "ModelInvalid", "ONNX"),
        (redirect("/again"), "SourceNotFound", "without end"),
        (redirect(""), "SourceNotFound", "without end"),
        (redirect("http://[::1/m.onnx"), "SourceUnreachable", ""),
        (redirect("http://127.0.0.1:99999/m.onnx"), "SourceUnsupported", ""),
        (redirect("ftp://127.0.0.1/m.onnx"), "SourceUnsupported", "neither http nor https"),
        (redirect("file:///etc/passwd"), "SourceNotFound", ""),
        (redirect(f"http://me:{SECRET}@127.0.0.1/m?sig={SECRET}"), "SourceUnsupported", ""),
        (redirect(f"gopher://x/?sig={SECRET}"), "SourceNotFound", ""),
    ],
    ids=brief,
)  # fmt: skip
def test_an_answer_that_is_no_model_is_refused_in_a_sentence(resolved, answer, reason, words):
    with answering(answer) as port:
        code, told = resolved(f"http://127.0.0.1:{port}/m.onnx?sig={SECRET}")
    assert told["reason"] == reason, told
    assert code == (75 if reason == "SourceUnreachable" else 64)
    assert words in told["message"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Authorization: \xff\xfe\n", "UTF-8"),
        (f"Authorization {SECRET}\n".encode(), "line 1"),
        (f"A: b\n\nX Y: {SECRET}\n".encode(), "line 3"),
        (f": {SECRET}\n".encode(), "line 1"),
        (f"A: {SECRET}\rX-Admin: yes\n".encode(), "line 1"),
        (f"A: {SECRET}\x00\n".encode(), "line 1"),
        (f"A: {SECRET}\u20ac\n".encode(), "line 1"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused_by_line_without_their_value(resolved, tmp_path, content, words):
    (tmp_path / "headers").write_bytes(content)
    code, told = resolved("http://127.0.0.1:1/m.onnx", "--source-headers-file", tmp_path / "headers")
    assert (code, told["reason"]) == (64, "SourceForbidden"), told
    assert words in told["message"]


def test_files_of_headers_and_authorities_that_are_not_there_are_named(resolved, tmp_path):
    (tmp_path / "ca").write_text("no certificate")
    for flag, file in (
        ("--source-headers-file", tmp_path), ("--source-headers-file", tmp_path / "none"),
        ("--source-ca-file", tmp_path / "none"), ("--source-ca-file", tmp_path / "ca"), ("--source-ca-file", tmp_path),
    ):  # fmt: skip
        code, told = resolved("https://127.0.0.1:1/m.onnx", flag, file)
        assert (code, told["reason"]) == (64, "SourceForbidden"), told
        assert str(file) in told["message"]


def test_a_cache_folder_that_cannot_be_used_or_is_full_is_said_to_be(resolved, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with answering(ok(doubling(tmp_path / "m.onnx").read_bytes())) as port:
        for place in (tmp_path / "file", tmp_path / "file" / "below", "/proc/none", "/dev/null"):
            code, told = resolved(f"http://127.0.0.1:{port}/m.onnx", "--cache-dir", place)
            assert (code, told["reason"]) == (64, "CacheUnusable"), told
            assert str(place) in told["message"]
    if Path("/dev/full").exists():
        (tmp_path / "cache").mkdir()

        class Full(type(tmp_path)):
            def open(self, *_, **__):
                return io.open("/dev/full", "wb", buffering=0)  # noqa: UP020 (this is what Path would do)

        monkeypatch.setattr("serin_server.model.sources.collect.Path", Full)
        with answering(ok(b"x" * 100)) as port:
            code, told = resolved(f"http://127.0.0.1:{port}/m.onnx")
        assert (code, told["reason"]) == (75, "DiskFull"), told


def test_a_message_beyond_ascii_still_fits_where_kubernetes_cuts(resolved):
    code, told = resolved("/" + "é€" * 100 + "/" + "𝔪" * 60 + "/" + "é" * 110)
    assert (code, told["reason"]) == (64, "SourceNotFound")


def trickling(head, piece, gap=0.05):
    def answer(connection):
        gone = threading.Event()
        connection.sendall(head)
        while not gone.wait(gap):
            connection.sendall(piece)

    return answer


@pytest.mark.parametrize(
    ("answer", "flags", "words"),
    [
        (trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"), ("--source-timeout-seconds", "0.2"), "less than a kibibyte"),
        (trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), ("--source-timeout-seconds", "0.2"), "less than a kibibyte"),
        (trickling(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), ("--source-timeout-seconds", "0.2"), "less than a kibibyte"),
        (trickling(b"HTTP/1.1 200 OK\r\n", b"x"), ("--source-timeout-seconds", "0.2"), "only 0 bytes"),
        (trickling(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), ("--source-timeout-seconds", "0.2"), "only 0 bytes"),
        (trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000), ("--source-total-seconds", "0.5"), "SERIN_SOURCE_TOTAL_SECONDS"),
    ],
)  # fmt: skip
def test_a_source_that_never_ends_is_given_up_and_told_how_much_came(resolved, answer, flags, words):
    with answering(answer) as port:
        code, told = resolved(f"http://127.0.0.1:{port}/m.onnx", *flags)
    assert (code, told["reason"]) == (75, "SourceUnreachable"), told
    assert words in told["message"]


def test_a_silent_source_is_given_up(resolved):
    with answering(lambda connection: connection.recv(1)) as port:
        code, told = resolved(f"http://127.0.0.1:{port}/m.onnx", "--source-timeout-seconds", "0.2")
    assert (code, told["reason"]) == (75, "SourceUnreachable")
    assert "in time" in told["message"]


def test_a_source_with_tls_is_read_when_its_authority_is_given_and_only_then(resolved, tmp_path):
    tls, authority = tls_of_this_machine(tmp_path)
    model = doubling(tmp_path / "m.onnx").read_bytes()
    with answering(ok(model), tls=tls) as port:
        assert resolved(f"https://127.0.0.1:{port}/m.onnx", "--source-ca-file", authority)[0] == 0
        code, told = resolved(f"https://127.0.0.1:{port}/m.onnx")
        assert (code, told["reason"]) == (64, "SourceForbidden")
        assert "not trusted" in told["message"]
        assert resolved(f"http://127.0.0.1:{port}/m.onnx")[1]["reason"] == "SourceUnreachable"
    with answering(redirect("http://127.0.0.1:1/m.onnx"), tls=tls) as port:
        code, told = resolved(f"https://127.0.0.1:{port}/m.onnx", "--source-ca-file", authority)
        assert (code, told["reason"]) == (64, "SourceForbidden")
        assert "out of TLS" in told["message"]
    with answering(trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), tls=tls) as port:
        flags = ("--source-ca-file", authority, "--source-timeout-seconds", "0.2")
        code, told = resolved(f"https://127.0.0.1:{port}/m.onnx", *flags)
        assert (code, told["reason"]) == (75, "SourceUnreachable")
        assert "less than a kibibyte" in told["message"]
    with answering(ok(model)) as port:
        assert resolved(f"https://127.0.0.1:{port}/m.onnx")[1]["reason"] == "SourceUnreachable"


def test_a_proxy_is_asked_and_its_own_address_is_no_measure_of_redirects(resolved, tmp_path, monkeypatch):
    model = doubling(tmp_path / "m.onnx").read_bytes()
    for answers, reason in (
        ((ok(model),), None),
        ((redirect("http://other.example/m.onnx"), ok(model)), None),
        ((redirect("http://169.254.169.254/"), ok(model)), "SourceForbidden"),
        ((redirect("http://10.0.0.1/m.onnx"), ok(model)), "SourceForbidden"),
        ((redirect("http://localhost/m.onnx"), ok(model)), "SourceForbidden"),
    ):
        with answering(*answers) as port:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
            monkeypatch.setenv("no_proxy", "")
            assert resolved("http://store.example/m.onnx")[1].get("reason") == reason
