"""Models signed without a key of one's own: held to what the reference package believes, and to what nobody should."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.support.signing import Signer, statement_of, text
from tests.support.sigstore import IDENTITY, ISSUER, MINUTE, SIGNED_AT, Sigstore, raw
from tests.support.timestamps import ECDSA, RSA, SHA1, Clock
from tests.support.transparency import Log, new_key

from serin_server.config.settings import InvalidSetting, settings_from
from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.security.certificates import meant
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust

OURS = Sigstore()
SECOND = replace(OURS, log=Log(version=2))
"""With a log that tells no time."""
LONG = "https://github.com/acme/" + "credit-" * 12 + "/.github/workflows/release-of-everything.yaml@refs/heads/main"
BELOW = "https://github.com/acme/credit/.github/workflows/*"
LONG_AGO = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
CONFIGURATION = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.onnx", "baseline.json", "golden.jsonl"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def signer_of(tmp_path, model):
    def signer_of(told=None, names=(IDENTITY,), issuer=ISSUER):
        file = tmp_path / "trusted_root.json"
        file.write_text(told if isinstance(told, str) else json.dumps(with_both_logs() if told is None else told))
        return check_by(Trust(root=file, names=names, issuer=issuer))(fetch(Source(str(model))))

    return signer_of


def with_both_logs():
    told = OURS.trusted_root()
    return {**told, "tlogs": [*told["tlogs"], SECOND.log.told()]}


def rewritten(model, told):
    (model / "model.sig").write_text(json.dumps(told))


def without_logs_of_certificates(told):
    return {**told, "ctlogs": []}


def as_a_configuration(told):
    return {"mediaType": CONFIGURATION, "trustedRoot": told, "signingConfig": {}}


def with_logs_of_tomorrow(told):
    strange = {**OURS.log.told(), "publicKey": {"rawBytes": text(b"of tomorrow"), "keyDetails": "PKIX_ML_DSA_65"}}
    return {**told, "tlogs": [strange, *told["tlogs"]]}


BELIEVED = {
    "an identity": ({}, (IDENTITY,), None),
    "one of several": ({}, ("release@example.com", IDENTITY), None),
    "one below a path": ({}, (BELOW,), None),
    "an address": ({"identity": "release@example.com"}, ("release@example.com",), None),
    "an issuer as certificates told it at first": ({"issuer_oids": "1"}, (IDENTITY,), None),
    "an issuer as certificates tell it now": ({"issuer_oids": "8"}, (IDENTITY,), None),
    "where no log of certificates is trusted": ({"is_seen": False}, (IDENTITY,), without_logs_of_certificates),
    "a client's configuration": ({}, (IDENTITY,), as_a_configuration),
    "a root with keys of tomorrow": ({}, (IDENTITY,), with_logs_of_tomorrow),
}  # fmt: skip


@pytest.mark.parametrize(("how", "names", "change"), BELIEVED.values(), ids=BELIEVED.keys())
def test_whoever_may_sign_without_a_key_is_named_with_the_issuer_that_knew_them(
    model, signer_of, how, names, change
) -> None:
    OURS.sign(model, OURS.certificate(**how))
    told = (change or dict)(OURS.trusted_root())
    assert signer_of(told, names) == f"{how.get('identity', IDENTITY)} ({ISSUER})"


KEYS = {
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_logs_sign_with_keys_of_their_own_kind(model, signer_of, key) -> None:
    theirs = Sigstore(log=Log(key()))
    theirs.sign(model)
    assert signer_of(theirs.trusted_root()).startswith(IDENTITY)


def by_rsa():
    return Clock(rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize("clock", [lambda: OURS.clock, by_rsa], ids=["P-256", "RSA"])
def test_a_timestamp_tells_when_it_was_signed_where_the_log_does_not(model, signer_of, clock) -> None:
    theirs = replace(SECOND, clock=clock())
    theirs.sign(model)
    assert signer_of(theirs.trusted_root()).startswith(IDENTITY)


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (Clock(is_for_time=False), "is not made for timestamps"),
        (Clock(began=SIGNED_AT + 9 * MINUTE), "was not good then"),
    ],
    ids=["for something else", "of later"],
)
def test_a_clock_has_to_be_good_at_the_time_that_it_tells(model, signer_of, clock, words) -> None:
    theirs = replace(SECOND, clock=clock)
    theirs.sign(model)
    with pytest.raises(LoadFailure, match=f"SignatureInvalid: .*{words}"):
        signer_of(theirs.trusted_root())


def signing(**how):
    return lambda model: OURS.sign(model, OURS.certificate(**how))


def by(theirs, **how):
    return lambda model: theirs.sign(model, theirs.certificate(**how))


def of_another_model(model):
    told = OURS.sign(model)
    other = OURS.bundle(b"{}", OURS.certificate())
    rewritten(
        model, {**told, "verificationMaterial": {**told["verificationMaterial"], "tlogEntries": entries_of(other)}}
    )


def by_another_certificate(model):
    told = OURS.sign(model)
    other = OURS.bundle(raw(told["dsseEnvelope"]["payload"]), OURS.certificate())
    rewritten(model, {**told, "dsseEnvelope": other["dsseEnvelope"]})


def entries_of(told):
    return told["verificationMaterial"]["tlogEntries"]


def entry(change):
    """A bundle whose entry was changed after the log had signed it."""

    def changed(model):
        told = OURS.sign(model)
        (entry,) = entries_of(told)
        change(entry)
        rewritten(model, told)

    return changed


def proof(**changes):
    return entry(lambda told: told["inclusionProof"].update(changes))


def another_checkpoint(log=OURS.log, size=9, root=b"\0" * 32):
    return proof(checkpoint={"envelope": log.checkpoint(size, root)})


def entries(change):
    def changed(model):
        told = OURS.sign(model)
        told["verificationMaterial"]["tlogEntries"] = change(entries_of(told))
        rewritten(model, told)

    return changed


def tampered(model):
    told = OURS.sign(model)
    payload = json.loads(raw(told["dsseEnvelope"]["payload"]))
    payload["predicate"]["resources"][0]["digest"] = "0" * 64
    told["dsseEnvelope"]["payload"] = text(json.dumps(payload).encode())
    rewritten(model, told)


def swapped(model):
    OURS.sign(model)
    (model / "baseline.json").write_text("another")


def without_proof(model):
    told = SECOND.sign(model)
    entries_of(told)[0].pop("inclusionProof")
    rewritten(model, told)


def of_another_model_in_rekor_2(model):
    told = SECOND.sign(model)
    other = SECOND.bundle(b"{}", OURS.certificate())
    rewritten(
        model, {**told, "verificationMaterial": {**told["verificationMaterial"], "tlogEntries": entries_of(other)}}
    )


def with_a_key(model):
    Signer().sign(model)


def certificate(der):
    def changed(model):
        told = OURS.sign(model)
        told["verificationMaterial"]["certificate"]["rawBytes"] = text(der)
        rewritten(model, told)

    return changed


def unsigned(model):
    del model


def under_its_name():
    """Another log, which says that it is ours."""

    class Under(Log):
        log_id = OURS.log.log_id

    return replace_log(Under(new_key()))


def replace_log(log):
    return replace(OURS, log=log)


def of_one_seen_by(log):
    theirs = replace(OURS, certificate_log=log)
    return by(theirs)


def stamped(change):
    """A bundle in a log without a time, with another timestamp, or none."""

    def changed(model):
        told = SECOND.sign(model)
        signature = raw(told["dsseEnvelope"]["signatures"][0]["sig"])
        stamps = [{"signedTimestamp": text(each)} for each in change(signature)]
        told["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        rewritten(model, told)

    return changed


def stamp(clock=OURS.clock, at=SIGNED_AT + MINUTE, of=None, **how):
    return stamped(lambda signature: [clock.stamp(of or signature, at, **how)])


def of_another_clock(**changes):
    """One who is called as ours, has another key, and stamps."""
    theirs = Clock(**changes)
    theirs.leaf = OURS.clock.leaf
    return stamp(theirs)


ALLOWED, INVALID = "SignerNotAllowed", "SignatureInvalid"
REFUSED = {
    "unsigned": (unsigned, "SignatureMissing", "model_signing sign sigstore"),
    "by another identity": (signing(identity=IDENTITY.replace("main", "fork")), ALLOWED, "fork, who is none of spec.model.verify.signers"),
    "by one with a long name, which people compare": (signing(identity=LONG), ALLOWED, f"signed by {LONG}, who is none of"),
    "by one whose name is no text": (signing(identity="https://a/\x1b[2J"), ALLOWED, "signed by https://a/\N{REPLACEMENT CHARACTER}[2J, who is none of"),
    "by one whose name begins so": (signing(identity=IDENTITY + "2"), ALLOWED, "who is none of spec.model.verify.signers"),
    "of another issuer": (signing(issuer="https://issuer.example.com"), ALLOWED, "whom https://issuer.example.com knew, and spec.model.verify.issuer is"),
    "with a certificate of another root": (by(replace(Sigstore(), log=OURS.log, certificate_log=OURS.certificate_log)), ALLOWED, "whom no authority of the trusted root vouches for"),
    "after the certificate had ended": (lambda model: OURS.sign(model, OURS.certificate(), SIGNED_AT + 10 * MINUTE), INVALID, "it was signed at 2026-06-01 12:11:00, and its certificate was good from 2026-06-01 12:00:00 to 12:10:00"),
    "before the certificate began": (lambda model: OURS.sign(model, OURS.certificate(), SIGNED_AT - 5 * MINUTE), INVALID, "its certificate was good from"),
    "before the log was believed": (lambda model: OURS.sign(model, OURS.certificate(at=LONG_AGO), LONG_AGO), INVALID, "when https://rekor.example.com was not to be believed"),
    "with the log's entry of another model": (of_another_model, INVALID, "about something else"),
    "with the signature of another certificate": (by_another_certificate, INVALID, "not of what it is over"),
    "in a log that nobody knows": (by(replace_log(Log())), ALLOWED, "that the trusted root does not name"),
    "in a log under another's name": (by(under_its_name()), INVALID, "the promise of its log entry is not by https://rekor.example.com"),
    "at another time than the log says": (entry(lambda told: told.update(integratedTime=str(int(told["integratedTime"]) + 1))), INVALID, "the promise of its log entry"),
    "at no time": (entry(lambda told: told.pop("integratedTime")), INVALID, "a promise (signed entry timestamp) and no time"),
    "without a promise": (entry(lambda told: told.pop("inclusionPromise")), INVALID, "nobody whom the trusted root names tells when it was signed"),
    "without a timestamp where the log tells no time": (stamped(lambda signature: []), INVALID, "its log tells no time (Rekor 2), and no timestamp came with it"),
    "without a proof where the log tells no time": (without_proof, INVALID, "nothing proves that it stands in the log"),
    "with the entry of another model where the log tells no time": (of_another_model_in_rekor_2, INVALID, "about something else"),
    "with a timestamp of another signature": (stamp(of=b"another"), INVALID, "the timestamp is of something else"),
    "with a timestamp of later": (stamp(at=SIGNED_AT + 11 * MINUTE), INVALID, "its certificate was good from"),
    "with a timestamp before the clock began": (stamp(at=LONG_AGO), INVALID, "by none of the trusted root's timestampAuthorities"),
    "with a timestamp of nobody's": (stamp(Clock()), INVALID, "by none of the trusted root's timestampAuthorities"),
    "with a timestamp in another's name": (of_another_clock(), INVALID, "the signature of the timestamp is wrong"),
    "with a timestamp that was not granted": (stamp(status=2), INVALID, "was not granted"),
    "with a timestamp by a digest that is none": (stamp(hashed_by=RSA), INVALID, "SHA-256, SHA-384 and SHA-512 are read"),
    "with a timestamp by SHA-1": (stamp(hashed_by=SHA1), INVALID, "SHA-256, SHA-384 and SHA-512 are read"),
    "with a message that is no timestamp": (stamp(kind=ECDSA), INVALID, f"it is no timestamp, but {ECDSA}"),
    "with a timestamp without attributes": (stamp(attributes=()), INVALID, "changed after it was signed"),
    "with a timestamp about other attributes": (stamp(attributes=OURS.clock.attributes(b"another")), INVALID, "changed after it was signed"),
    "with a timestamp that says it twice": (stamp(attributes=OURS.clock.attributes(b"") * 2), INVALID, "an attribute twice"),
    "with a timestamp that is none": (stamped(lambda signature: [b"x"]), INVALID, "tells when it was signed: "),
    "with an empty timestamp": (stamped(lambda signature: [b"\x30\x04\x30\x00\x30\x00"]), INVALID, "lacks something"),
    "without a proof": (entry(lambda told: told.pop("inclusionProof")), INVALID, "nothing proves that it stands in the log"),
    "without an entry": (entries(lambda old: []), INVALID, "it has 0 entries"),
    "with two entries": (entries(lambda old: old * 2), INVALID, "it has 2 entries"),
    "with an entry that is no object": (entries(lambda old: ["x"]), INVALID, "tlogEntries is missing, or no JSON object"),
    "with a time that is none": (entry(lambda told: told.update(integratedTime="soon")), INVALID, "integratedTime is no whole number"),
    "by a proof of another tree": (proof(hashes=[text(b"\0" * 32)] * 4), INVALID, "leads to another tree"),
    "by a proof that is too short": (proof(hashes=[]), INVALID, "it has 0 hashes, and 4 of 32 bytes are needed"),
    "by a proof of half hashes": (proof(hashes=[text(b"\0")] * 4), INVALID, "of 32 bytes are needed"),
    "by a proof of an entry beyond the tree": (proof(logIndex="9"), INVALID, "there is no entry 9 in a tree of 9"),
    "by a checkpoint of another root": (another_checkpoint(), INVALID, "another tree than the log's checkpoint"),
    "by a checkpoint of another log": (another_checkpoint(Log()), INVALID, "its checkpoint is not signed by"),
    "by a checkpoint that is none": (proof(checkpoint={"envelope": "x"}), INVALID, "its checkpoint is no signed note"),
    "by a checkpoint that is no text": (proof(checkpoint={"envelope": 5}), INVALID, "the checkpoint has no envelope"),
    "with a certificate that no log has seen": (signing(is_seen=False), ALLOWED, "whose certificate none of the trusted root's ctlogs has seen"),
    "with a certificate that another log has seen": (of_one_seen_by(Log()), ALLOWED, "none of the trusted root's ctlogs has seen"),
    "with a certificate that is not for code": (signing(is_for_code=False), ALLOWED, "not made for signing code"),
    "with a certificate that is none": (certificate(b"x"), INVALID, "the certificate in its bundle cannot be read"),
    "with a key": (with_a_key, ALLOWED, "signed with a key, and spec.model.verify names trustedRoot"),
    "with another payload": (tampered, INVALID, "not of what it is over"),
    "with another baseline": (swapped, INVALID, "'baseline.json' is not what was signed"),
}  # fmt: skip


@pytest.mark.parametrize(("sign", "reason", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_signed_without_a_key_is_refused(model, signer_of, sign, reason, words) -> None:
    sign(model)
    with pytest.raises(LoadFailure) as refused:
        signer_of()
    assert refused.value.reason == reason
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("wanted", "is_meant"),
    [
        ("https://github.com/acme/*", True),
        (BELOW, True),
        ("https://github.com/acm*", False),
        ("https://github.com/*", False),
        ("https://github.com/*/credit/*", False),
        ("*", False),
    ],
)
def test_a_star_stands_for_what_follows_the_owner_of_a_path_and_for_nothing_else(wanted, is_meant) -> None:
    assert bool(meant([wanted], [IDENTITY])) == is_meant


@pytest.mark.parametrize("sign", [sign for sign, *_ in REFUSED.values()], ids=REFUSED.keys())
def test_the_reference_refuses_the_same(tmp_path, model, sign) -> None:
    verifying = pytest.importorskip("model_signing.verifying", reason="make reference installs it")
    if sign is unsigned:
        pytest.skip("there is nothing to ask about")
    sign(model)
    with pytest.raises(Exception) as refused:
        by_the_reference(verifying, tmp_path, model)
    assert not isinstance(refused.value, (ImportError, AttributeError, NameError))


@pytest.mark.parametrize("how", [{}, {"issuer_oids": "1"}], ids=["as now", "as at first"])
@pytest.mark.parametrize("theirs", [OURS, SECOND], ids=["by the log's time", "by a timestamp"])
def test_the_reference_believes_what_our_sigstore_signs(tmp_path, model, theirs, how) -> None:
    verifying = pytest.importorskip("model_signing.verifying", reason="make reference installs it")
    theirs.sign(model, OURS.certificate(**how))
    by_the_reference(verifying, tmp_path, model)


def by_the_reference(verifying, tmp_path, model):
    signing_config = {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}
    file = tmp_path / "trust_config.json"
    file.write_text(json.dumps({**as_a_configuration(with_both_logs()), "signingConfig": signing_config}))
    config = verifying.Config().use_sigstore_verifier(identity=IDENTITY, oidc_issuer=ISSUER, trust_config=file)
    config.verify(model, model / "model.sig")


@pytest.mark.parametrize(
    "wanted", ["*", "https://*", "https://github.com*", "release@*", "https://github.com/acme/*/x*"]
)
def test_a_star_stands_for_the_end_of_a_path_only(model, signer_of, wanted) -> None:
    OURS.sign(model)
    with pytest.raises(LoadFailure, match=r"who is none of spec\.model\.verify\.signers"):
        signer_of(names=(wanted,))


@pytest.mark.parametrize(
    "given", [{}, {"SERIN_VERIFY_SIGNERS": " , "}, {"SERIN_VERIFY_SIGNERS": "a"}, {"SERIN_VERIFY_ISSUER": "b"}]
)
def test_a_root_of_trust_alone_would_believe_everybody(given) -> None:
    with pytest.raises(InvalidSetting, match="say in SERIN_VERIFY_SIGNERS and SERIN_VERIFY_ISSUER who may sign"):
        settings_from({"SERIN_MODEL_URI": "m.onnx", "SERIN_VERIFY_ROOT": "root.json", **given})


def test_a_model_of_many_files_is_covered_as_one_of_few(model, signer_of) -> None:
    for number in range(50):
        (model / f"{number}.bin").write_text(str(number))
    told = OURS.sign(model)
    assert len(statement_of(model)["predicate"]["resources"]) == 53
    assert signer_of()
    rewritten(model, told)
    (model / "7.bin").write_text("8")
    with pytest.raises(LoadFailure, match=r"'7\.bin' is not what was signed"):
        signer_of()
