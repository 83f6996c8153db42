"""The root of trust that somebody pins, and the arithmetic of those whom it names: trees of logs, and clocks."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from tests.support.signing import text
from tests.support.sigstore import IDENTITY, ISSUER, SIGNED_AT, Sigstore
from tests.support.transparency import path_of, root_of

from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.security.log_entry import Proof
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust
from serin_server.security.timestamps import stamped_at
from serin_server.security.transparency import root_by
from serin_server.security.trusted_root import Authority, Period

OURS = Sigstore()
LONG_AGO = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
CONFIGURATION = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


@pytest.fixture
def signer_of(tmp_path):
    """Who has signed a model that a Sigstore of ours has signed, by a root of trust as it is written."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.onnx").write_text("a model")
    OURS.sign(model)

    def signer_of(told):
        file = tmp_path / "trusted_root.json"
        file.write_text(told if isinstance(told, str) else json.dumps(told))
        return check_by(Trust(root=file, names=(IDENTITY,), issuer=ISSUER))(fetch(Source(str(model))))

    return signer_of


def without(key):
    return lambda told: {**told, key: []}


def log_with(**changes):
    return lambda told: {**told, "tlogs": [{**told["tlogs"][0], **changes}]}


def authority_with(**changes):
    return lambda told: {**told, "certificateAuthorities": [{**told["certificateAuthorities"][0], **changes}]}


def of_the_log(**changes):
    return log_with(publicKey={**OURS.log.told()["publicKey"], **changes})


ROOTS = {
    "nothing": (lambda told: "", "it is no JSON"),
    "a list": (lambda told: [told], "it is missing, or no JSON object"),
    "of another kind": (lambda told: {**told, "mediaType": "x"}, "its mediaType is 'x'"),
    "a configuration of nothing": (lambda told: {"mediaType": CONFIGURATION}, "trustedRoot is missing"),
    "without authorities": (without("certificateAuthorities"), "it names no certificate authority"),
    "without logs": (without("tlogs"), "or no transparency log"),
    "with keys that nobody can use": (of_the_log(rawBytes=text(b"x")), "with a key that can be used"),
    "with a key that is no base64": (of_the_log(rawBytes="%"), "with a key that can be used"),
    "with a time that is none": (of_the_log(validFor={"start": "soon"}), "'soon' is no time"),
    "with a log that began at no time": (of_the_log(validFor={"end": "2030-01-01T00:00:00Z"}), "None is no time"),
    "with an authority of no time": (authority_with(validFor=None), "validFor is missing"),
    "with a log without an id": (log_with(logId=None), "logId of tlogs is missing"),
    "with an authority without certificates": (authority_with(certChain={}), "has no certificate"),
    "with a certificate that is none": (authority_with(certChain={"certificates": [{"rawBytes": text(b"x")}]}), "trustedRoot: "),
    "with logs of certificates that nobody can use": (lambda told: {**told, "ctlogs": [{**told["ctlogs"][0], "publicKey": {}}]}, "none of its ctlogs"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), ROOTS.values(), ids=ROOTS.keys())
def test_a_root_of_trust_that_is_of_no_use_says_why_and_where_one_comes_from(signer_of, change, words) -> None:
    with pytest.raises(LoadFailure) as refused:
        signer_of(change(OURS.trusted_root()))
    assert refused.value.reason == "SignerNotAllowed"
    assert words in refused.value.message
    assert refused.value.message.startswith("spec.model.verify.trustedRoot: ")
    assert "cosign trusted-root create" in refused.value.message


def test_an_authority_counts_for_its_time_only(signer_of) -> None:
    ended = authority_with(validFor={"start": "2026-01-01T00:00:00Z", "end": "2026-05-31T23:59:59.999Z"})
    with pytest.raises(LoadFailure, match=r"vouches for \(none was to be believed then\)"):
        signer_of(ended(OURS.trusted_root()))
    early = OURS.trusted_root()
    both = ended(early)["certificateAuthorities"] + early["certificateAuthorities"]
    assert signer_of({**early, "certificateAuthorities": both})


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_each_entry_of_a_tree_has_a_proof_and_no_other_is_one(size) -> None:
    leaves = [b"%d" % n for n in range(size)]
    root = root_of(leaves)
    for index in range(size):
        hashes = tuple(path_of(index, leaves))
        proof = Proof(index, size, root, hashes, "")
        assert root_by(proof, leaves[index]) == root
        assert root_by(proof, b"another") != root
        for place in range(len(hashes)):
            wrong = (*hashes[:place], b"\0" * 32, *hashes[place + 1 :])
            assert root_by(replace(proof, hashes=wrong), leaves[index]) != root


@pytest.mark.parametrize("first", range(8))
def test_no_byte_of_a_timestamp_can_be_changed_to_another_time(first) -> None:
    known = Authority((OURS.clock.leaf, OURS.clock.root), Period(LONG_AGO, None))
    whole = OURS.clock.stamp(b"signed", SIGNED_AT)
    assert stamped_at(whole, b"signed", [known]) == SIGNED_AT.replace(microsecond=0)
    for place in range(first, len(whole), 8):
        changed = bytearray(whole)
        changed[place] ^= 1
        try:
            assert stamped_at(bytes(changed), b"signed", [known]) == SIGNED_AT.replace(microsecond=0)
        except ValueError:
            continue
