"""Models that somebody has signed: held to what the reference package signs, and to what nobody should believe."""

import base64
import datetime as dt
import json
import os
import shutil
from pathlib import Path
from time import perf_counter

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.support.models import doubling
from tests.support.signing import BEGAN, Authority, Signer, statement, statement_of, text

from serin_server import baseline
from serin_server.cli import main
from serin_server.dataplane.samples import GOLDEN, WARM_UP
from serin_server.explaining import background
from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust

REFERENCE = Path(__file__).parent / "signed"


@pytest.fixture
def model(tmp_path):
    """A folder with everything that a server reads."""
    folder = tmp_path / "model"
    folder.mkdir()
    doubling(folder / "model.onnx")
    (folder / "golden.jsonl").write_text("")
    (folder / "baseline.json").write_text("{}")
    return folder


def signer_of(folder, trust):
    return check_by(trust)(fetch(Source(str(folder))))


def trusting(tmp_path, *keys: Signer, authorities=(), names=()):
    (tmp_path / "keys.pem").write_bytes(b"".join(key.public() for key in keys))
    (tmp_path / "roots.pem").write_bytes(b"".join(each.pem() for each in authorities))
    keyed = tmp_path / "keys.pem" if keys else None
    return Trust(keyed, tmp_path / "roots.pem" if authorities else None, names)


@pytest.fixture
def referenced(tmp_path):
    """The reference's folder with one of its bundles in it."""

    def made(bundle):
        folder = shutil.copytree(REFERENCE / "model", tmp_path / "signed")
        shutil.copy(REFERENCE / bundle, folder / "model.sig")
        return folder

    return made


@pytest.mark.parametrize("curve", ["p256", "p384", "p521"])
def test_what_the_reference_signs_with_a_key_is_believed(referenced, curve) -> None:
    folder, trust = referenced(f"{curve}.sig"), Trust(REFERENCE / f"{curve}.pub")
    assert signer_of(folder, trust).startswith("key ")
    with pytest.raises(LoadFailure, match=r"SignerNotAllowed: .* none of the 1 in spec.model.verify.publicKeys"):
        signer_of(folder, Trust(REFERENCE / f"{'p256' if curve == 'p384' else 'p384'}.pub"))
    (folder / "weights" / "w.bin").write_bytes(bytes(63) + b"\1")
    with pytest.raises(LoadFailure, match=r"SignatureInvalid: .*'weights/w.bin' is not what was signed"):
        signer_of(folder, trust)


def test_what_the_reference_signs_with_a_certificate_is_believed_after_it_has_expired(referenced) -> None:
    folder = referenced("certificate.sig")
    trust = Trust(None, REFERENCE / "root.crt", ("release@example.com",))
    assert signer_of(folder, trust) == "release@example.com (CN=Example Intermediate)"


def test_what_the_reference_signs_in_shards_is_refused_with_the_way_out(referenced) -> None:
    with pytest.raises(LoadFailure, match=r"SignatureInvalid: .*'shards'.*sign without --shard-size"):
        signer_of(referenced("shards.sig"), Trust(REFERENCE / "p256.pub"))


def test_a_file_that_the_reference_has_signed_alone_is_believed_without_what_lies_beside_it(tmp_path) -> None:
    file = shutil.copy(REFERENCE / "model" / "model.onnx", tmp_path / "m.onnx")
    shutil.copy(REFERENCE / "alone.sig", tmp_path / "model.sig")
    trust = Trust(REFERENCE / "p256.pub")
    assert signer_of(file, trust).startswith("key ")
    for name in (baseline.FILE_NAME, background.FILE_NAME, GOLDEN, WARM_UP):
        (tmp_path / name).write_text("{}")
        with pytest.raises(LoadFailure, match=f"SignatureInvalid: .*'{name}' is not signed"):
            signer_of(file, trust)
        (tmp_path / name).unlink()


@pytest.mark.parametrize("with_certificate", [False, True], ids=["a key", "a certificate"])
def test_the_reference_believes_what_our_tests_sign(tmp_path, model, with_certificate) -> None:
    verifying = pytest.importorskip("model_signing.verifying", reason="make reference installs it")
    root = Authority()
    signer = Authority("Example Intermediate", root).vouches_for() if with_certificate else Signer()
    signer.sign(model)
    trusting(tmp_path, signer, authorities=[root])
    config = verifying.Config()
    if with_certificate:
        config.use_certificate_verifier(certificate_chain=[tmp_path / "roots.pem"])
    else:
        config.use_elliptic_key_verifier(public_key=tmp_path / "keys.pem")
    config.verify(model, model / "model.sig")
    (model / "baseline.json").write_text("[]")
    with pytest.raises(ValueError, match=r"baseline\.json"):
        config.verify(model, model / "model.sig")


def beyond(folder):
    (folder / "warmup.jsonl").write_text("{}")


def swapped(folder):
    (folder / "baseline.json").write_text('{"features": []}')


def gone(folder):
    (folder / "golden.jsonl").unlink()


def left_out(folder):
    (folder / "weights.bin").write_bytes(b"x")


CHANGES = [(beyond, "'warmup.jsonl' is not signed"), (swapped, "'baseline.json' is not what was signed"),
           (gone, "'golden.jsonl' is signed, and is not there"), (left_out, "'weights.bin' is not signed")]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_every_file_beside_a_model_is_covered(tmp_path, model, change, words) -> None:
    signer = Signer()
    signer.sign(model)
    trust = trusting(tmp_path, Signer(), signer)
    assert signer_of(model, trust).startswith("key ")
    change(model)
    with pytest.raises(LoadFailure, match=f"SignatureInvalid: .*{words}"):
        signer_of(model, trust)


def test_what_git_keeps_is_passed_over_and_what_a_signer_left_out_is_not(tmp_path, model) -> None:
    signed = statement_of(model)
    signed["predicate"]["serialization"]["ignore_paths"] = ["golden.jsonl"]
    signer, trust = Signer(), None
    signer.sign(model, statement=signed)
    trust = trusting(tmp_path, signer)
    (model / ".git").mkdir()
    (model / ".git" / "HEAD").write_text("ref")
    assert signer_of(model, trust)
    signer.sign(
        model,
        statement=statement(
            {k["name"]: k["digest"] for k in signed["predicate"]["resources"] if k["name"] != "golden.jsonl"}
        ),
    )
    with pytest.raises(LoadFailure, match=r"'golden.jsonl' is not signed"):
        signer_of(model, trust)


def changed(path, value):
    def change(told):
        place = told
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value
        return told

    return change


def flipped(encoded):
    raw = bytearray(base64.b64decode(encoded))
    raw[len(raw) // 2] ^= 1
    return text(bytes(raw))


ENVELOPE, MATERIAL = "dsseEnvelope", "verificationMaterial"
BUNDLES = {
    "another media type": (changed(["mediaType"], "application/vnd.dev.sigstore.bundle+json;version=0.2"), "SignatureInvalid", "mediaType"),
    "no envelope": (changed([ENVELOPE], None), "SignatureInvalid", "dsseEnvelope is missing"),
    "an envelope of something else": (changed([ENVELOPE, "payloadType"], "text/plain"), "SignatureInvalid", "payloadType"),
    "two signatures": (changed([ENVELOPE, "signatures"], lambda old: old * 2), "SignatureInvalid", "exactly one signature"),
    "no signature": (changed([ENVELOPE, "signatures"], []), "SignatureInvalid", "exactly one signature"),
    "signatures that are a word": (changed([ENVELOPE, "signatures"], "x"), "SignatureInvalid", "exactly one signature"),
    "an empty signature": (changed([ENVELOPE, "signatures", 0, "sig"], ""), "SignatureInvalid", "not of what it is over"),
    "a signature that is no base64": (changed([ENVELOPE, "signatures", 0, "sig"], "%"), "SignatureInvalid", "no base64"),
    "another signature": (changed([ENVELOPE, "signatures", 0, "sig"], flipped), "SignatureInvalid", "not of what it is over"),
    "another payload": (changed([ENVELOPE, "payload"], flipped), "SignatureInvalid", "not of what it is over"),
    "a key that nobody trusts": (changed([MATERIAL, "publicKey", "hint"], "0" * 64), "SignerNotAllowed", "none of the 1"),
    "a key by a name that is no text": (changed([MATERIAL, "publicKey", "hint"], "a\n\ud800"), "SignerNotAllowed", r"the key a\\x0a\\xd800,"),
    "a key without a name": (changed([MATERIAL, "publicKey"], {}), "SignerNotAllowed", "by nobody knows whom"),
    "no material": (changed([MATERIAL], []), "SignatureInvalid", "verificationMaterial"),
    "keyless": (changed([MATERIAL], {"certificate": {"rawBytes": ""}}), "SignerNotAllowed", "keyless"),
    "certificates that are none": (changed([MATERIAL], {"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}), "SignerNotAllowed", "signed with a certificate, and spec.model.verify names publicKeys"),
    "a list": (lambda told: [told], "SignatureInvalid", "the bundle is missing, or no JSON object"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reason", "words"), BUNDLES.values(), ids=BUNDLES.keys())
def test_a_bundle_that_proves_nothing_says_why(tmp_path, model, change, reason, words) -> None:
    signer = Signer()
    told = change(signer.sign(model))
    (model / "model.sig").write_text(json.dumps(told))
    with pytest.raises(LoadFailure, match=f"{reason}: .*{words}"):
        signer_of(model, trusting(tmp_path, signer))


STATEMENTS = {
    "of the release before 1.0": (
        changed(["predicateType"], "https://model_signing/Digests/v0.1"),
        "sign again with 1.0",
    ),
    "of something else": (changed(["predicateType"], "https://slsa.dev/provenance/v1"), "it speaks of"),
    "of another type": (changed(["_type"], "x"), "it speaks of"),
    "of two models": (changed(["subject"], lambda old: old * 2), "exactly one model"),
    "of another root": (changed(["subject", 0, "digest", "sha256"], "0" * 64), "the digest of its subject"),
    "of no file": (changed(["predicate", "resources"], []), "it names no file"),
    "of one file twice": (changed(["predicate", "resources"], lambda old: [*old, old[0]]), "twice"),
    "by another hash": (changed(["predicate", "resources", 0, "algorithm"], "blake3"), "sha256 is read"),
    "with half a digest": (changed(["predicate", "resources", 0, "digest"], "00"), "64 digits"),
    "with a digest of no hexadecimal digits": (
        changed(["predicate", "resources", 0, "digest"], "x" * 64),
        "non-hexadecimal",
    ),
    "a file without a name": (changed(["predicate", "resources", 0, "name"], None), "64 digits"),
    "without a predicate": (changed(["predicate"], 7), "predicate is missing"),
}


@pytest.mark.parametrize(("change", "words"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_that_is_signed_and_covers_nothing_says_why(tmp_path, model, change, words) -> None:
    signer = Signer()
    signer.sign(model, statement=change(statement_of(model)))
    with pytest.raises(LoadFailure, match=f"SignatureInvalid: .*{words}"):
        signer_of(model, trusting(tmp_path, signer))


def test_a_path_that_leads_out_of_the_folder_names_no_file_of_it(tmp_path, model) -> None:
    signer = Signer()
    signer.sign(model, statement=statement({"../secret": "0" * 64, "model.onnx": "0" * 64}))
    with pytest.raises(LoadFailure, match=r"'../secret' is signed, and is not there"):
        signer_of(model, trusting(tmp_path, signer))


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 200_000, b"\xff\xfe", bytes((16 << 20) + 1)], ids=["nothing", "half", "nested without end", "no text", "too much"])  # fmt: skip
def test_a_file_that_is_no_bundle_is_refused_at_once(tmp_path, model, content) -> None:
    (model / "model.sig").write_bytes(content)
    with pytest.raises(LoadFailure, match=r"SignatureInvalid: .*model\.sig is no bundle"):
        signer_of(model, trusting(tmp_path, Signer()))


def test_a_bundle_that_is_a_pipe_is_not_waited_for(tmp_path, model) -> None:
    os.mkfifo(model / "model.sig")
    with pytest.raises(LoadFailure, match=r"SignatureMissing: no model\.sig lies beside the model"):
        signer_of(model, trusting(tmp_path, Signer()))


def test_without_a_bundle_it_says_what_to_do(tmp_path, model) -> None:
    with pytest.raises(LoadFailure, match=r"SignatureMissing: no model\.sig lies beside the model"):
        signer_of(model, trusting(tmp_path, Signer()))


ROOT = Authority()
MIDDLE = Authority("Example Intermediate", ROOT)
PEOPLE = {
    "of the authority": (ROOT.vouches_for(), ""),
    "of one below it": (MIDDLE.vouches_for(), ""),
    "by its common name": (ROOT.vouches_for(None), "SignerNotAllowed: .* signed by release, who is none of"),
    "somebody else": (ROOT.vouches_for("intern@example.com"), "SignerNotAllowed: .* intern@example.com, who is none of"),
    "of another authority of that name": (Authority().vouches_for(), "SignerNotAllowed: .* whom no authority"),
    "of one that is no authority": (Authority("Example Intermediate", ROOT, is_authority=False).vouches_for(), "SignerNotAllowed: .* whom no authority"),
    "of one whose authority began later": (Authority("Later", ROOT, began=BEGAN + dt.timedelta(days=9)).vouches_for(), "SignerNotAllowed: .* whom no authority"),
    "without the one between": (Signer(MIDDLE.vouches_for().key, MIDDLE.vouches_for().certificates[:1]), "SignerNotAllowed: .* whom no authority"),
    "who may not sign": (ROOT.vouches_for(signs=False), "SignerNotAllowed: .* not made for signing"),
    "of whom nothing says so": (ROOT.vouches_for(signs=None), "SignerNotAllowed: .* not made for signing"),
    "with the certificate of another": (Signer(certificates=ROOT.vouches_for().certificates), "SignatureInvalid: .* not of what it is over"),
    "with too many certificates": (Signer(certificates=ROOT.vouches_for().certificates * 9), "SignatureInvalid: .* more than 8"),
    "of one that may not vouch": (Authority("Example Intermediate", ROOT, vouches=False).vouches_for(), "SignerNotAllowed: .* whom no authority"),
    "with a key": (Signer(), "SignerNotAllowed: .* signed with a key, and spec.model.verify names certificateAuthorities"),
    "on another curve": (ROOT.vouches_for(curve=ec.generate_private_key(ec.SECP384R1())), ""),
}  # fmt: skip


@pytest.mark.parametrize(("signer", "words"), PEOPLE.values(), ids=PEOPLE.keys())
def test_certificates_speak_for_those_whom_an_authority_vouches_for(tmp_path, model, signer, words) -> None:
    signer.sign(model)
    trust = trusting(tmp_path, authorities=[ROOT], names=("release@example.com", "board@example.com"))
    if not words:
        assert signer_of(model, trust).startswith("release@example.com (CN=Example ")
        return
    with pytest.raises(LoadFailure, match=words):
        signer_of(model, trust)


def test_a_certificate_of_no_version_that_is_known_is_refused_in_words(tmp_path, model) -> None:
    told = ROOT.vouches_for().sign(model)
    (certificate,) = told[MATERIAL]["x509CertificateChain"]["certificates"]
    certificate["rawBytes"] = text(
        base64.b64decode(certificate["rawBytes"]).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)
    )
    (model / "model.sig").write_text(json.dumps(told))
    with pytest.raises(LoadFailure, match=r"SignatureInvalid: .* a certificate in its bundle cannot be read"):
        signer_of(model, trusting(tmp_path, authorities=[ROOT]))


def test_without_names_anybody_of_the_authority_may_sign(tmp_path, model) -> None:
    ROOT.vouches_for(None).sign(model)
    assert signer_of(model, trusting(tmp_path, authorities=[ROOT])) == "release (CN=Example Root)"


def test_keys_that_cannot_sign_models_are_named(tmp_path, model) -> None:
    Signer().sign(model)
    for content, words in ((b"x", "holds no PUBLIC KEY"), (pem_of(rsa.generate_private_key(65537, 2048)), "P-256, P-384 and P-521"),
                           (pem_of(ec.generate_private_key(ec.SECP256K1())), "P-256, P-384 and P-521"), (OF_NO_KIND, "Unknown key type")):  # fmt: skip
        (tmp_path / "keys").write_bytes(content)
        with pytest.raises(LoadFailure, match=f"SignerNotAllowed: spec.model.verify.publicKeys: .*{words}"):
            signer_of(model, Trust(tmp_path / "keys"))
    with pytest.raises(LoadFailure, match=r"InvalidSetting: .*cannot be read"):
        signer_of(model, Trust(tmp_path / "nothing"))


OF_NO_KIND = b"-----BEGIN PUBLIC KEY-----\nMAowBQYDKgMEAwEA\n-----END PUBLIC KEY-----\n"


def pem_of(key):
    return Signer(key).public()


@pytest.fixture
def resolved(tmp_path, capsys):
    def run(folder, *flags):
        log = tmp_path / "log"
        code = main(["resolve", "--model", str(folder), "--termination-log", str(log), *map(str, flags)])
        capsys.readouterr()
        return code, json.loads(log.read_text())

    return run


def test_the_job_tells_the_signer_in_a_row_and_in_its_report(tmp_path, model, resolved) -> None:
    (model / "baseline.json").unlink()
    signer = Signer()
    signer.sign(model)
    trusting(tmp_path, signer)
    code, told = resolved(model, "--verify-keys", tmp_path / "keys.pem")
    assert (code, told["ok"]) == (0, True)
    assert told["preflight"] == [
        {"name": "verify", "verdict": "Pass", "message": f"every file is signed by {told['signer']}"}
    ]


def test_what_nobody_has_signed_is_not_even_opened(tmp_path, model, resolved) -> None:
    Signer().sign(model)
    (model / "model.onnx").write_bytes(b"hostile")
    trusting(tmp_path, Signer())
    code, told = resolved(model, "--verify-keys", tmp_path / "keys.pem")
    (row,) = told["preflight"]
    assert (code, told["reason"], row["verdict"]) == (64, "SignerNotAllowed", "Fail")
    assert row["message"] == told["message"]


@pytest.mark.slow
def test_a_signature_costs_a_tenth_of_a_second_at_most_whatever_the_size(tmp_path, model) -> None:
    (model / "weights.bin").write_bytes(bytes(200 << 20))
    signer = Signer()
    signer.sign(model)
    trust = trusting(tmp_path, signer)
    fetched = fetch(Source(str(model)))
    took = []
    for _ in range(3):
        began = perf_counter()
        check_by(trust)(fetched)
        took.append(perf_counter() - began)
    assert min(took) < 0.1
