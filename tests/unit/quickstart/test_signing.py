"""What the quickstart signs: the server believes it, and so does the reference."""

from pathlib import Path

import pytest

from quickstart.signing import BUNDLE, Signer
from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "v1"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"weights")
    (folder / "golden.jsonl").write_text("{}\n")
    return folder


@pytest.fixture
def signer(model: Path, tmp_path: Path) -> Signer:
    signer = Signer()
    signer.sign(model)
    (tmp_path / "keys.pem").write_text(signer.public_key)
    return signer


def who_signed(model: Path) -> str:
    return check_by(Trust(model.parent / "keys.pem"))(fetch(Source(str(model))))


def test_a_folder_is_signed_by_the_key_that_the_ledger_will_name(model: Path, signer: Signer) -> None:
    assert who_signed(model) == f"key {signer.fingerprint}"


def test_a_folder_may_be_signed_again(model: Path, signer: Signer) -> None:
    (model / "golden.jsonl").write_text("{}\n{}\n")
    signer.sign(model)
    assert who_signed(model) == f"key {signer.fingerprint}"


@pytest.mark.parametrize("file", ["model.onnx", "golden.jsonl"])
def test_a_file_that_was_changed_after_signing_is_refused(model: Path, signer: Signer, file: str) -> None:
    with (model / file).open("a") as written:
        written.write("x")
    with pytest.raises(LoadFailure, match=f"SignatureInvalid: .*'{file}' is not what was signed"):
        who_signed(model)


def test_the_reference_believes_it_too(model: Path, signer: Signer, tmp_path: Path) -> None:
    verifying = pytest.importorskip("model_signing.verifying", reason="make reference installs it")
    config = verifying.Config().use_elliptic_key_verifier(public_key=tmp_path / "keys.pem")
    config.verify(model, model / BUNDLE)
