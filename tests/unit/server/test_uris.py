"""Addresses in messages: readable, and without what opens a store."""

import pytest

from serin_server.failures import LoadFailure, Reason
from serin_server.uris import scrubbed, shown


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("https://store/models/m.onnx", "https://store/models/m.onnx"),
        ("https://store:8443/m.onnx", "https://store:8443/m.onnx"),
        ("http://[::1]:80/m.onnx", "http://[::1]:80/m.onnx"),
        ("pvc://claim/path", "pvc://claim/path"),
        ("file:///models/m@v1.onnx", "file:///models/m@v1.onnx"),
        ("/models/what?.onnx", "/models/what?.onnx"),
        ("models/m@v1.onnx", "models/m@v1.onnx"),
        ("https://me:hunter22@store/m.onnx", "https://…@store/m.onnx"),
        ("https://hunter22@store/m.onnx", "https://…@store/m.onnx"),
        ("https://me:p@hunter22@store/m.onnx", "https://…@store/m.onnx"),
        ("https://store/m.onnx?X-Amz-Signature=hunter22", "https://store/m.onnx?…"),
        ("https://store/m.onnx#hunter22", "https://store/m.onnx?…"),
        ("https://store?sig=hunter22", "https://store?…"),
        ("https://me:hunter22/x@store/m.onnx", "https://…"),
        ("https://me:hunter22?x@store/m.onnx", "https://…"),
        ("https://me:hunter22#x@store/m.onnx", "https://…"),
        ("http://[::1:hunter22/m.onnx", "http://…"),
        ("me:hunter22@store/m.onnx", "…@store/m.onnx"),
        ("https:/store/m.onnx?sig=hunter22", "https:/store/m.onnx?…"),
        ("HTTPS://me:hunter22@store", "HTTPS://…@store"),
        ("https://store/a\nb\x00c", "https://store/a\\x0ab\\x00c"),
        ("", ""),
        ("://", "://"),
    ],
)
def test_an_address_is_shown_without_name_password_and_query(uri: str, told: str) -> None:
    assert shown(uri) == told
    assert shown(told) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Redirection to 'https://b/x?sig=hunter22' refused", "Redirection to 'https://b/x?…' refused"),
        ("https://me:hunter22@store/m.onnx: no answer", "https://…@store/m.onnx: no answer"),
        ("use file://, pvc://claim/path, http:// or https://", "use file://, pvc://claim/path, http:// or https://"),
        ("(see https://store/m?a=b): it went", "(see https://store/m?…): it went"),
    ],
)
def test_addresses_within_text_are_shown_so_too(text: str, told: str) -> None:
    assert scrubbed(text) == told
    assert LoadFailure(Reason.SOURCE_NOT_FOUND, text).message == told


def test_what_a_library_says_of_a_piece_of_the_address_is_cut_too() -> None:
    uri = "https://me:hunter%2022@store/m.onnx?sig=s3cret&n=1"
    said = "nonnumeric port: 'hunter%2022', 'hunter 22', /m.onnx?sig=s3cret&n=1, s3cret"
    told = scrubbed(said, uri)
    assert "hunter" not in told
    assert "s3cret" not in told
    assert "nonnumeric port" in told
