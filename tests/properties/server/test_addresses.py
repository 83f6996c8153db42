"""Whatever stands where an address should: a `LoadFailure` in one line at most, and never the secret in it."""

import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.uris import scrubbed, shown

SECRET = "hunter22"
PIECES = ("://", "//", "/", ":", "@", "?", "#", "%", "%00", "%ff", "%2e%2e", "..", "[", "]", "[::1]", "127.0.0.1", ":1", "é", "\n",
          "\\", " ", "\x00", "\udcff", "a", "=", "&", "http", "https", "file", "pvc", "m.onnx", ";", ",")  # fmt: skip
ODD = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
# Nothing listens on port 1 of this machine, and no other host is asked.
URIS = st.one_of(
    ODD.filter(lambda text: not text.lstrip().lower().startswith("http")),
    ODD.map(lambda text: f"http://127.0.0.1:1/{text}"),
    ODD.map(lambda text: f"https://[::1]:1{text}"),
    ODD.map(lambda text: f"pvc://claim/{text}"),
    ODD.map(lambda text: f"file:///{text}"),
)


@settings(max_examples=100, deadline=None)
@given(URIS)
def test_no_address_ends_in_anything_but_a_reason(uri: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder)
        source = Source(f"{uri}{folder}/none", cache_dir=empty, mounts_dir=empty, timeout_seconds=1)
        with pytest.raises(LoadFailure) as failed:
            fetch(source)
    assert failed.value.message.isprintable()


@given(st.sampled_from(["http", "https", "s3", "ftp"]), ODD, ODD)
def test_passwords_and_queries_are_cut_whatever_stands_around_them(scheme: str, name: str, path: str) -> None:
    user = quote(name, safe="", errors="replace")
    rest = quote(path, safe="/", errors="replace")
    for uri in (
        f"{scheme}://{user}:{SECRET}@store/{rest}",
        f"{scheme}://store/{rest}?{SECRET}",
        f"{scheme}://{SECRET}@store",
    ):
        assert SECRET not in shown(uri)
        assert SECRET not in scrubbed(f"it said: '{uri}', and no more")


@given(st.text())
def test_what_may_be_shown_stays_as_it_is(text: str) -> None:
    once = shown(text)
    assert once.isprintable()
    assert len(once) <= 300
    assert shown(once) == once
