"""The cluster's DNS: bytes and names."""

import socket
import struct

import pytest

from localkube.dns.names import addresses
from localkube.dns.wire import parse, reply


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 77, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def test_an_answer_repeats_the_question_and_lists_the_addresses():
    message = reply(parse(query("Web.Default.svc.cluster.local")), ["10.0.0.1", "10.0.0.2"])
    identity, flags, questions, answers, _, _ = struct.unpack(">HHHHHH", message[:12])
    assert (identity, flags & 0xF, questions, answers) == (77, 0, 1, 2)
    assert message[12:].startswith(query("Web.Default.svc.cluster.local")[12:])
    assert message[-4:] == socket.inet_aton("10.0.0.2")


@pytest.mark.parametrize(("kind", "found", "code"), [(1, None, 3), (28, ["10.0.0.1"], 0), (1, [], 0)])
def test_a_missing_name_differs_from_a_name_without_such_addresses(kind, found, code):
    message = reply(parse(query("x.cluster.local", kind)), found)
    assert struct.unpack(">HHHHHH", message[:12])[1] & 0xF == code
    assert struct.unpack(">HHHHHH", message[:12])[3] == 0


@pytest.mark.parametrize("message", [b"", b"abc", query("a.b")[:14], b"\0" * 12 + b"\xc0\x0c\0\1\0\1"])
def test_garbage_is_no_question(message):
    with pytest.raises(ValueError, match=r"DNS query|elsewhere"):
        parse(message)


SERVICES = {
    ("default", "web"): {"spec": {"clusterIP": "10.1.0.5"}},
    ("default", "each"): {"spec": {"clusterIP": "None"}},
    ("default", "early"): {"spec": {"clusterIP": "None", "publishNotReadyAddresses": True}},
}


def piece(service: str):
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "endpoints": [
            {"addresses": ["10.2.0.1"], "hostname": "each-0", "conditions": {"ready": True}},
            {"addresses": ["10.2.0.2"], "conditions": {"ready": False}},
        ],
    }


SLICES = {("default", "each-x"): piece("each"), ("default", "early-x"): piece("early"), ("other", "y"): piece("each")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web.default", ["10.1.0.5"]),
        ("web.other", None),
        ("each.default", ["10.2.0.1"]),
        ("early.default", ["10.2.0.1", "10.2.0.2"]),
        ("each-0.each.default", ["10.2.0.1"]),
        ("10-2-0-1.each.default", ["10.2.0.1"]),
        ("nobody.each.default", None),
        ("default", []),
    ],
)
def test_names_of_services_and_pods(name, expected):
    assert addresses(f"{name}.svc.cluster.local", SERVICES, SLICES) == expected


@pytest.mark.parametrize("name", ["example.org", "web.default", "svc.cluster.local.example.org"])
def test_names_outside_of_the_cluster_do_not_exist(name):
    assert addresses(name, SERVICES, SLICES) is None
