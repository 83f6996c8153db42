"""Artifacts that cosign has signed, by a key and without one: whose signature counts, and where registries keep them."""

import json
from dataclasses import replace
from email.message import Message
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.artifacts import Layer, digest_of, manifest_of, raw
from tests.support.cosigned import PAYLOAD, by_key, index_of, payload_of, referring, statement_about
from tests.support.pages import Pages, pages
from tests.support.signing import Signer, text
from tests.support.sigstore import IDENTITY, ISSUER, MINUTE, SIGNED_AT, Sigstore
from tests.support.sigstore import raw as raw_of
from tests.support.transparency import new_key

from serin_server.cli import main
from serin_server.failures import LoadFailure
from serin_server.model.answers import Refused
from serin_server.model.source import Fetched, Source, fetch
from serin_server.model.sources.oci_signatures import attached_to
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust

OURS, KEY, ANOTHER = Sigstore(), Signer(), Signer()
PAGE = "/v2/acme/credit"


def filled(there):
    """An artifact, whose digest is known; what is signed is put beside it."""
    layer = raw(b"a model")
    manifest, _ = manifest_of([layer])
    there.digest = digest_of(manifest)
    there.found[f"{PAGE}/manifests/v1"] = there.found[f"{PAGE}/manifests/{there.digest}"] = manifest
    there.found[f"{PAGE}/blobs/{digest_of(layer.content)}"] = layer.content
    there.uri = f"oci+http://127.0.0.1:{there.port}/acme/credit:v1"
    return there


@pytest.fixture
def registry():
    with pages() as there:
        yield filled(there)


@pytest.fixture
def shelf():
    """The same without a network in between: what the registry would answer."""
    return filled(Pages())


@pytest.fixture
def trust(tmp_path):
    """By keys, or by a root of trust; of artifacts."""

    def trust(*keys, names=(IDENTITY,), issuer=ISSUER):
        (tmp_path / "keys.pem").write_bytes(b"".join(key.public() for key in keys))
        (tmp_path / "root.json").write_text(json.dumps(OURS.trusted_root()))
        if keys:
            return Trust(tmp_path / "keys.pem", of_artifact=True)
        return Trust(root=tmp_path / "root.json", names=names, issuer=issuer, of_artifact=True)

    return trust


@pytest.fixture
def signer_of(registry, tmp_path):
    def signer_of(trust):
        source = Source(registry.uri, cache_dir=tmp_path / "cache", timeout_seconds=5, with_signatures=True)
        return check_by(trust)(fetch(source))

    return signer_of


@pytest.fixture
def judged(shelf):
    def asked(path):
        page = shelf.found.get(f"{PAGE}/{path}")
        if page is None:
            raise Refused(LoadFailure("SourceNotFound", path), 404, Message())
        return page

    def judged(trust):
        digest = shelf.digest.removeprefix("sha256:")
        fetched = Fetched(Path(), "0" * 64, artifact=digest, attached=attached_to(digest, asked, unfit))
        return check_by(trust)(fetched)

    return judged


def unfit(why):
    return LoadFailure("SourceUnsupported", why)


def put(registry, content):
    registry.found[f"{PAGE}/blobs/{digest_of(content)}"] = content


def tagged(registry, *layers):
    for layer in layers:
        put(registry, layer.content)
    registry.found[f"{PAGE}/manifests/{registry.digest.replace(':', '-')}.sig"] = manifest_of(layers, "x")[0]


def attached(registry, *bundles, digest="", at="referrers/{}", listed="application/vnd.dev.sigstore.bundle.v0.3+json"):
    manifests = []
    for bundle in bundles:
        text = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
        manifests.append(referring(text, digest or registry.digest))
        put(registry, text)
        registry.found[f"{PAGE}/manifests/{digest_of(manifests[-1])}"] = manifests[-1]
    registry.found[f"{PAGE}/{at.format(registry.digest)}"] = index_of(manifests, listed)


def fallback(registry):
    return f"manifests/{registry.digest.replace(':', '-')}"


def keyless(payload, at=SIGNED_AT, **how):
    return Layer(PAYLOAD, payload, OURS.annotations(payload, OURS.certificate(**how), at))


def test_a_signature_by_a_key_is_believed_wherever_cosign_puts_it(registry, signer_of, trust) -> None:
    tagged(registry, by_key(payload_of(registry.digest), KEY))
    assert signer_of(trust(ANOTHER, KEY)).startswith("key ")
    registry.found.pop(f"{PAGE}/{fallback(registry)}.sig")
    attached(registry, KEY.bundle(statement_about(registry.digest)))
    assert signer_of(trust(ANOTHER, KEY)).startswith("key ")
    registry.found.pop(f"{PAGE}/referrers/{registry.digest}")
    attached(registry, KEY.bundle(statement_about(registry.digest)), at=fallback(registry))
    assert signer_of(trust(ANOTHER, KEY)).startswith("key ")


def test_a_signature_without_a_key_is_believed_wherever_cosign_puts_it(registry, signer_of, trust) -> None:
    signer = f"{IDENTITY} ({ISSUER})"
    tagged(registry, keyless(payload_of(registry.digest)))
    assert signer_of(trust()) == signer
    registry.found.pop(f"{PAGE}/{fallback(registry)}.sig")
    attached(registry, OURS.bundle(statement_about(registry.digest), OURS.certificate()))
    assert signer_of(trust()) == signer


def test_keys_on_larger_curves_sign_by_either_hash(shelf, judged, trust) -> None:
    signer = Signer(ec.generate_private_key(ec.SECP384R1()))
    tagged(shelf, by_key(payload_of(shelf.digest), signer))
    assert judged(trust(signer))
    shelf.found.pop(f"{PAGE}/{fallback(shelf)}.sig")
    attached(shelf, signer.bundle(statement_about(shelf.digest)))
    assert judged(trust(signer))


def test_one_signature_of_several_is_enough_and_attestations_are_none(shelf, judged, trust) -> None:
    tagged(shelf, by_key(payload_of(shelf.digest), ANOTHER), by_key(payload_of("sha256:" + "0" * 64), KEY))
    slsa = OURS.bundle(statement_about(shelf.digest, "https://slsa.dev/provenance/v1"), OURS.certificate())
    attached(shelf, slsa, b"no bundle", KEY.bundle(statement_about(shelf.digest)))
    assert judged(trust(KEY)).startswith("key ")


EMPTY = "application/vnd.oci.empty.v1+json"
"""What cosign 3 writes for the type of a bundle where a registry keeps no list of what refers to what."""


def test_a_bundle_in_a_list_under_a_tag_is_found_whatever_type_the_list_gives_it(shelf, judged, trust) -> None:
    attached(shelf, KEY.bundle(statement_about(shelf.digest)), at=fallback(shelf), listed=EMPTY)
    assert judged(trust(KEY)).startswith("key ")


def test_attestations_that_say_so_are_passed_by_and_never_fetched(shelf, judged, trust) -> None:
    attached(shelf, KEY.bundle(statement_about(shelf.digest)))
    listed = json.loads(shelf.found[f"{PAGE}/referrers/{shelf.digest}"])
    provenance = {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}
    many = [
        {**listed["manifests"][0], "digest": f"sha256:{number:064x}", "annotations": provenance} for number in range(40)
    ]
    shelf.found[f"{PAGE}/referrers/{shelf.digest}"] = json.dumps(
        {**listed, "manifests": [*many, *listed["manifests"]]}
    ).encode()
    assert judged(trust(KEY)).startswith("key ")


def gone(registry, bundle):
    del registry.found[f"{PAGE}/blobs/{digest_of(bundle)}"]


def not_what_it_says(registry, bundle):
    put(registry, bundle)
    registry.found[f"{PAGE}/blobs/{digest_of(bundle)}"] = b"another"


@pytest.mark.parametrize("spoil", [gone, not_what_it_says], ids=["not there any more", "not what its digest says"])
def test_one_attachment_that_cannot_be_read_keeps_nobody_from_having_signed(shelf, judged, trust, spoil) -> None:
    broken, good = (
        json.dumps(ANOTHER.bundle(statement_about(shelf.digest))).encode(),
        KEY.bundle(statement_about(shelf.digest)),
    )
    attached(shelf, broken, good)
    spoil(shelf, broken)
    assert judged(trust(KEY)).startswith("key ")


OTHER = "sha256:" + "1" * 64
ALLOWED, INVALID, MISSING = "SignerNotAllowed", "SignatureInvalid", "SignatureMissing"


def altered(layer, **changes):
    return Layer(layer.kind, layer.content, {**layer.annotations, **changes})


def entry_of_another(registry):
    """The log's entry of one signature under another."""
    payload = payload_of(registry.digest)
    other = OURS.annotations(payload_of(OTHER), OURS.certificate())
    tagged(registry, altered(keyless(payload), **{"dev.sigstore.cosign/bundle": other["dev.sigstore.cosign/bundle"]}))


def with_annotation(name, value):
    def sign(registry):
        tagged(registry, altered(keyless(payload_of(registry.digest)), **{name: value}))

    return sign


def promised(time):
    """A log's promise that was made up, beside a timestamp that is good: what the log would have to say is not asked."""

    def sign(registry):
        payload = payload_of(registry.digest)
        annotations = OURS.annotations(payload, OURS.certificate())
        told = json.loads(annotations["dev.sigstore.cosign/bundle"])
        told["SignedEntryTimestamp"], told["Payload"]["integratedTime"] = text(b"junk"), time
        stamp = OURS.clock.stamp(raw_of(annotations["dev.cosignproject.cosign/signature"]), SIGNED_AT + MINUTE)
        annotations |= {
            "dev.sigstore.cosign/bundle": json.dumps(told),
            "dev.sigstore.cosign/rfc3161timestamp": json.dumps({"SignedRFC3161Timestamp": text(stamp)}),
        }
        tagged(registry, Layer(PAYLOAD, payload, annotations))

    return sign


def vouched_by_another(registry):
    """One whom the pinned root has made an authority too, and whom the trusted root does not name."""
    payload = payload_of(registry.digest)
    another = replace(OURS, below=new_key())
    tagged(registry, Layer(PAYLOAD, payload, another.annotations(payload, another.certificate())))


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def tampered(registry):
    layer = by_key(payload_of(OTHER), KEY)
    tagged(registry, Layer(PAYLOAD, payload_of(registry.digest), layer.annotations))


def tampered_bundle(registry):
    bundle = OURS.bundle(statement_about(OTHER), OURS.certificate())
    mine = OURS.bundle(statement_about(registry.digest), OURS.certificate())
    attached(
        registry, {**bundle, "dsseEnvelope": {**bundle["dsseEnvelope"], "payload": mine["dsseEnvelope"]["payload"]}}
    )


def sign(make):
    return lambda registry: tagged(registry, make(payload_of(registry.digest)))


def bundled(signer_or_none=None, digest=None, **how):
    def sign(registry):
        statement = statement_about(digest or registry.digest)
        bundle = signer_or_none.bundle(statement) if signer_or_none else OURS.bundle(statement, OURS.certificate(**how))
        attached(registry, bundle)

    return sign


def with_type(text):
    def sign(registry):
        statement = {**json.loads(statement_about(registry.digest)), "_type": text}
        attached(registry, KEY.bundle(json.dumps(statement).encode()))

    return sign


def attestation(registry):
    attached(
        registry, OURS.bundle(statement_about(registry.digest, "https://slsa.dev/provenance/v1"), OURS.certificate())
    )


def nothing(registry):
    del registry


BY_KEY = {
    "unsigned": (nothing, MISSING, "nobody has signed the artifact sha256:"),
    "attested and not signed": (attestation, MISSING, "cosign sign [--key …]"),
    "by another key": (sign(partial(by_key, signer=ANOTHER)), ALLOWED, "signed with none of the 1 keys in spec.model.verify.publicKeys"),
    "by another key in a bundle": (bundled(ANOTHER), ALLOWED, "none of the 1 keys"),
    "without a key": (sign(keyless), ALLOWED, "none of the 1 keys"),
    "of another artifact": (lambda registry: tagged(registry, by_key(payload_of(OTHER), KEY)), INVALID, "it is of the artifact '1111"),
    "of another artifact in a bundle": (bundled(KEY, OTHER), INVALID, "it is of the artifact '1111"),
    "with another payload": (tampered, ALLOWED, "or its signature was changed"),
    "with no signature": (sign(lambda payload: Layer(PAYLOAD, payload, {})), ALLOWED, "none of the 1 keys"),
    "with a signature that is no base64": (sign(lambda payload: Layer(PAYLOAD, payload, {"dev.cosignproject.cosign/signature": "%"})), INVALID, "no base64"),
    "with a payload of another kind": (lambda registry: tagged(registry, by_key(payload_of(registry.digest, "atomic"), KEY)), INVALID, "its type is 'atomic'"),
    "with a payload that is none": (lambda registry: tagged(registry, by_key(b"x", KEY)), INVALID, "the payload is no JSON"),
    "with a statement of another type": (with_type("x"), INVALID, "it is of the type 'x'"),
    "in a bundle that is none": (lambda registry: attached(registry, b"x"), INVALID, "the bundle is no JSON"),
}  # fmt: skip
KEYLESS = {
    "by another identity": (sign(partial(keyless, identity="intern@example.com")), ALLOWED, "intern@example.com, who is none of spec.model.verify.signers"),
    "by another identity in a bundle": (bundled(identity="intern@example.com"), ALLOWED, "intern@example.com, who is none of"),
    "of another issuer": (sign(partial(keyless, issuer="https://issuer.example.com")), ALLOWED, "whom https://issuer.example.com knew"),
    "after the certificate had ended": (sign(partial(keyless, at=SIGNED_AT + 20 * MINUTE)), INVALID, "its certificate was good from"),
    "with the log's entry of another": (entry_of_another, INVALID, "about something else"),
    "without an entry": (with_annotation("dev.sigstore.cosign/bundle", ""), INVALID, "it has 0 entries"),
    "with an entry that is none": (with_annotation("dev.sigstore.cosign/bundle", "{}"), INVALID, "Payload is missing"),
    "with a certificate that is none": (with_annotation("dev.sigstore.cosign/certificate", "x"), INVALID, "cannot be read"),
    "with a promise that nobody has made, at no time": (promised(0), INVALID, "no time that it could be of"),
    "with a promise that nobody has made, after all times": (promised(253_402_300_800), INVALID, "no time that it could be of"),
    "vouched for by one below the root that nobody has pinned": (vouched_by_another, ALLOWED, "no authority of the trusted root vouches for"),
    "with the root's own certificate": (with_annotation("dev.sigstore.cosign/certificate", pem(OURS.root)), ALLOWED, "no authority of the trusted root vouches for"),
    "of another artifact": (lambda registry: tagged(registry, keyless(payload_of(OTHER))), INVALID, "it is of the artifact '1111"),
    "of another artifact in a bundle": (bundled(digest=OTHER), INVALID, "it is of the artifact '1111"),
    "with another payload in a bundle": (tampered_bundle, INVALID, "not of what it is over"),
    "with a key": (sign(partial(by_key, signer=KEY)), ALLOWED, "signed with a key, and spec.model.verify names trustedRoot"),
}  # fmt: skip


@pytest.mark.parametrize(("sign", "reason", "words"), BY_KEY.values(), ids=BY_KEY.keys())
def test_an_artifact_that_nobody_has_signed_with_a_key_of_ours_is_refused(
    shelf, judged, trust, sign, reason, words
) -> None:
    sign(shelf)
    with pytest.raises(LoadFailure) as refused:
        judged(trust(KEY))
    assert (refused.value.reason, words in refused.value.message) == (reason, True), refused.value


@pytest.mark.parametrize(("sign", "reason", "words"), KEYLESS.values(), ids=KEYLESS.keys())
def test_an_artifact_that_nobody_has_signed_who_may_is_refused(shelf, judged, trust, sign, reason, words) -> None:
    sign(shelf)
    with pytest.raises(LoadFailure) as refused:
        judged(trust())
    assert (refused.value.reason, words in refused.value.message) == (reason, True), refused.value


def lying(registry):
    layer = by_key(payload_of(registry.digest), KEY)
    tagged(registry, layer)
    registry.found[f"{PAGE}/blobs/{digest_of(layer.content)}"] = b"another"


def too_many(registry):
    tagged(registry, *[by_key(payload_of(registry.digest), KEY) for _ in range(17)])


def no_manifest(registry):
    registry.found[f"{PAGE}/{fallback(registry)}.sig"] = b"["


def unnamed(registry):
    manifest = json.dumps({"layers": [{"mediaType": PAYLOAD, "digest": "md5:1"}]}).encode()
    registry.found[f"{PAGE}/{fallback(registry)}.sig"] = manifest


@pytest.mark.parametrize(
    ("put", "words"),
    [(lying, "not what its digest says"), (too_many, "more than 16 signatures"), (no_manifest, "no JSON object"), (unnamed, "by no sha256")],
    ids=["one that is not what its digest says", "without end", "in no manifest", "by no digest"],
)  # fmt: skip
def test_signatures_that_cannot_be_fetched_are_refused_with_the_way_out(shelf, judged, trust, put, words) -> None:
    put(shelf)
    with pytest.raises(LoadFailure, match=words) as refused:
        judged(trust(KEY))
    assert "cosign" in refused.value.message


def test_a_registry_that_is_away_when_it_is_asked_for_signatures_is_told_as_that(registry, signer_of, trust) -> None:
    registry.found[f"{PAGE}/referrers/{registry.digest}"] = (403, {}, b"")
    with pytest.raises(LoadFailure, match=r"SourceForbidden: .*referrers.* answered 403"):
        signer_of(trust(KEY))


def test_signatures_are_looked_for_again_although_the_model_lies_in_the_cache(
    registry, signer_of, trust, tmp_path
) -> None:
    tagged(registry, by_key(payload_of(registry.digest), KEY))
    signer_of(trust(KEY))
    again = Source(registry.uri, fetch(Source(registry.uri, cache_dir=tmp_path / "cache")).sha256, tmp_path / "cache")
    assert not fetch(again).attached
    again = Source(again.uri, again.sha256, again.cache_dir, with_signatures=True)
    assert check_by(trust(KEY))(fetch(again)).startswith("key ")


def test_what_was_damaged_in_the_cache_is_not_what_is_served_as_signed(registry, tmp_path) -> None:
    tagged(registry, by_key(payload_of(registry.digest), KEY))
    source = Source(registry.uri, cache_dir=tmp_path / "cache", timeout_seconds=5, with_signatures=True)
    found = fetch(source)
    found.path.write_bytes(b"evil")
    assert fetch(source).path.read_bytes() == b"a model"


def test_what_is_no_artifact_has_no_signature_of_cosign(tmp_path, trust) -> None:
    (tmp_path / "m.onnx").write_bytes(b"x")
    with pytest.raises(LoadFailure, match=r"SignatureMissing: its source is no registry \(oci://\)"):
        check_by(trust(KEY))(fetch(Source(str(tmp_path / "m.onnx"))))


def test_what_came_from_the_store_has_left_its_signature_behind(tmp_path, trust) -> None:
    kept = Fetched(tmp_path, "0" * 64, instead="the registry is away")
    with pytest.raises(
        LoadFailure, match=r"SignatureMissing: it came from the store, and a signature by cosign lies beside"
    ):
        check_by(trust(KEY))(kept)


def test_who_looks_for_no_signature_asks_the_registry_for_none(registry, tmp_path) -> None:
    fetch(Source(registry.uri, cache_dir=tmp_path / "cache"))
    assert not [path for path, _ in registry.asked if "referrers" in path or path.endswith(".sig")]


def test_the_job_tells_the_signer_of_an_artifact(registry, tmp_path, trust, capsys) -> None:
    tagged(registry, by_key(payload_of(registry.digest), ANOTHER))
    trust(KEY)
    log = tmp_path / "log"
    flags = ("--verify-keys", tmp_path / "keys.pem", "--verify-format", "cosign", "--cache-dir", tmp_path / "cache")
    code = main(["resolve", "--model", registry.uri, "--termination-log", str(log), *map(str, flags)])
    capsys.readouterr()
    told = json.loads(log.read_text())
    assert (code, told["reason"], told["preflight"][0]["verdict"]) == (64, ALLOWED, "Fail")
