"""Signatures are those of Standard Webhooks: its own example holds."""

import pytest

from serin_operator.act.notices.signing import headers_of, keys_in

# The example of https://github.com/standard-webhooks/standard-webhooks.
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_scheme_is_signed_as_it_says() -> None:
    assert headers_of(ID, TIMESTAMP, BODY, keys_in(KEY)) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_while_a_key_is_replaced_both_sign() -> None:
    signature = headers_of(ID, TIMESTAMP, BODY, keys_in(f"{KEY}\n\nanother\n"))["webhook-signature"]
    first, second = signature.split(" ")
    assert first == SIGNATURE
    assert second.startswith("v1,")
    assert second != SIGNATURE


def test_without_a_key_the_id_is_told_all_the_same() -> None:
    assert set(headers_of(ID, TIMESTAMP, BODY, ())) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize("key", ["whsec_not base64!", "whsec_"])
def test_a_broken_key_is_named_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="a key") as refused:
        keys_in(key)
    assert "not base64!" not in str(refused.value)
