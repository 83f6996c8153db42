"""Redirects lead as far inside as the address that was named, and never to where credentials are handed out."""

import socket
import urllib.request
from email.message import Message

import pytest
from tests.support.models import doubling
from tests.support.sources import answering, ok, redirect

from serin_server.failures import LoadFailure
from serin_server.model.download import Terms, _Redirects, download
from serin_server.model.redirects import Place, Route, place_of

PUBLIC, PRIVATE, HERE = "93.184.216.34", "10.0.0.7", "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("93.184.216.34", Place.PUBLIC), ("2606:2800:220:1::1", Place.PUBLIC),
        ("10.1.2.3", Place.PRIVATE), ("172.16.0.1", Place.PRIVATE), ("192.168.1.1", Place.PRIVATE),
        ("100.64.0.1", Place.PRIVATE), ("fd12::1", Place.PRIVATE), ("::ffff:10.0.0.1", Place.PRIVATE),
        ("64:ff9b::a00:1", Place.PRIVATE), ("2002:a00:1::", Place.PRIVATE),
        ("127.0.0.1", Place.THIS_MACHINE), ("127.8.8.8", Place.THIS_MACHINE), ("::1", Place.THIS_MACHINE),
        ("::ffff:127.0.0.1", Place.THIS_MACHINE),
        ("169.254.169.254", Place.NEVER), ("::ffff:169.254.169.254", Place.NEVER), ("64:ff9b::a9fe:a9fe", Place.NEVER),
        ("fe80::1%eth0", Place.NEVER), ("fd00:ec2::254", Place.NEVER), ("100.100.100.200", Place.NEVER),
        ("168.63.129.16", Place.NEVER), ("0.0.0.0", Place.NEVER), ("::", Place.NEVER), ("0.1.2.3", Place.NEVER),
        ("224.0.0.1", Place.NEVER), ("ff02::1", Place.NEVER),
    ],
)  # fmt: skip
def test_how_far_inside_an_address_lies(address: str, place: Place) -> None:
    assert place_of(address) is place


@pytest.fixture
def names(monkeypatch):
    """A world in which these names lead to these addresses, and every connection works."""
    known: dict[str, list[str]] = {}

    def lookup(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known.get(host, [host])]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: address)
    return known


@pytest.mark.parametrize(
    ("first", "then", "may"),
    [
        (PUBLIC, PUBLIC, True), (PUBLIC, PRIVATE, False), (PUBLIC, HERE, False), (PUBLIC, "169.254.169.254", False),
        (PRIVATE, PUBLIC, True), (PRIVATE, PRIVATE, True), (PRIVATE, HERE, False), (PRIVATE, "169.254.169.254", False),
        (HERE, PUBLIC, True), (HERE, PRIVATE, True), (HERE, HERE, True), (HERE, "169.254.169.254", False),
        (HERE, "0.0.0.0", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "by a proxy"])
def test_a_redirect_leads_no_further_inside_than_the_named_address(names, first, then, may, proxied) -> None:
    route = Route(f"http://{first}/m.onnx?sig=secret", frozenset())
    go = (lambda host: route.check_named(host, 80)) if proxied else (lambda host: route.connect((host, 80), 1))
    go(first)
    if may:
        go(then)
        return
    with pytest.raises(LoadFailure, match=r"SourceForbidden: .*further inside") as refused:
        go(then)
    assert "secret" not in refused.value.message


def test_it_is_the_address_that_is_judged_and_not_the_name(names) -> None:
    names["store"], names["evil"], names["both"] = [PUBLIC], ["169.254.169.254"], ["169.254.169.254", PUBLIC]
    route = Route("https://store/m", frozenset({"evil"}))
    route.connect(("store", 443), 1)
    assert route.connect(("both", 443), 1) == (PUBLIC, 443)
    with pytest.raises(LoadFailure, match=r"evil \(169.254.169.254\)"):
        route.connect(("evil", 80), 1)


def test_a_host_that_is_allowed_may_lie_inside(names) -> None:
    names["store"], names["blobs.internal"] = [PUBLIC], [PRIVATE]
    refusing, allowing = Route("https://store/m", frozenset()), Route("https://store/m", frozenset({"blobs.internal"}))
    for route in (refusing, allowing):
        route.connect(("store", 443), 1)
    with pytest.raises(LoadFailure, match=r"SERIN_SOURCE_REDIRECT_HOSTS=blobs\.internal"):
        refusing.connect(("blobs.internal", 443), 1)
    assert allowing.connect(("blobs.internal", 443), 1) == (PRIVATE, 443)


def test_a_host_that_a_person_named_may_redirect_to_itself_wherever_it_lies(names) -> None:
    route = Route("http://169.254.1.1/m", frozenset())
    for _ in range(2):
        route.connect(("169.254.1.1", 80), 1)


@pytest.mark.parametrize(
    ("old", "new", "may"), [("https", "http", False), ("http", "https", True), ("https", "https", True)]
)
def test_a_redirect_never_leaves_tls(old, new, may) -> None:
    request = urllib.request.Request(f"{old}://store/a", headers={"Authorization": "x"})
    args = (request, None, 302, "Found", Message(), f"{new}://store/b")
    if may:
        redirected = _Redirects({"Authorization": "x"}).redirect_request(*args)
        assert redirected.full_url == f"{new}://store/b"
        assert redirected.has_header("Authorization") == (old == new)
    else:
        with pytest.raises(LoadFailure, match="out of TLS"):
            _Redirects({}).redirect_request(*args)


def test_another_port_of_this_machine_is_followed_from_this_machine(tmp_path) -> None:
    model = doubling(tmp_path / "m.onnx").read_bytes()
    with answering(ok(model)) as store, answering(redirect(f"http://localhost:{store}/m.onnx")) as front:
        assert b"".join(download(f"http://127.0.0.1:{front}/m.onnx", Terms())) == model


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::]", "[::ffff:169.254.169.254]"])
def test_a_redirect_to_metadata_or_nowhere_is_not_even_tried(host) -> None:
    with (
        answering(redirect(f"http://{host}/latest/meta-data")) as front,
        pytest.raises(LoadFailure, match="SourceForbidden"),
    ):
        list(download(f"http://127.0.0.1:{front}/m.onnx", Terms(silence_seconds=5)))
