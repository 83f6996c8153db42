"""Status stays small: signatures of versions that nothing is compared with are the first to be shortened."""

from typing import Any

import orjson

from serin_operator.decide.telling.size import MOST_BYTES, fitted

WIDE = [{"name": f"column_{number:050}", "datatype": "FP32", "shape": [-1, 1]} for number in range(64)]


def version(number: int) -> dict[str, Any]:
    signature = {"signatureDigest": f"{number:064}", "inputs": WIDE, "outputs": WIDE[:1], "classes": ["0", "1"]}
    return {
        "version": f"v{number}",
        "revision": f"r{number}",
        "uri": "s3://models/m",
        "signature": signature,
        "message": "well",
    }


def status(versions: int) -> dict[str, Any]:
    return {
        "stable": {"revision": f"r{versions - 2}"},
        "canary": {"revision": f"r{versions - 1}"},
        "versions": [version(number) for number in range(versions)],
    }


def test_what_fits_is_left_as_it_is() -> None:
    assert fitted(status(3)) == status(3)


def test_signatures_of_old_versions_shrink_to_their_digests_and_those_that_are_compared_stay_whole() -> None:
    told = fitted(status(50))
    assert len(orjson.dumps(told)) <= MOST_BYTES
    whole = [each["revision"] for each in told["versions"] if "inputs" in each["signature"]]
    assert whole == ["r48", "r49"]
    assert told["versions"][0]["signature"] == {"signatureDigest": f"{0:064}", "truncated": True}
    assert told["versions"][0]["message"] == "well"


def test_notices_that_wait_for_a_day_take_no_more_than_their_share() -> None:
    notice = {"key": "notice-Held/1", "notice": "Held", "to": ["ops"], "message": "x" * 512}
    told = fitted({"outbox": [notice] * 20, "more": "y" * 48_000})
    assert len(orjson.dumps(told)) <= MOST_BYTES
    assert len(told["outbox"]) == 20
    assert all(len(letter["message"]) == 160 for letter in told["outbox"])


def test_of_a_guard_the_version_before_keeps_its_signature_and_sentences_are_shortened_last() -> None:
    rows = [{"metric": f"m{n}", "verdict": "Pass", "message": "x" * 1024} for n in range(20)]
    guarded = {key: value for key, value in status(50).items() if key != "canary"}
    guarded["guard"] = {"revision": "r48", "previousRevision": "r7", "analysis": rows}
    told = fitted(guarded)
    assert len(orjson.dumps(told)) <= MOST_BYTES
    assert [each["revision"] for each in told["versions"] if "inputs" in each["signature"]] == ["r7", "r48"]
    assert told["guard"]["analysis"] == rows
    small = fitted({**guarded, "outbox": [{"fields": {"much": "x" * MOST_BYTES}}]})
    assert max(len(row["message"]) for row in small["guard"]["analysis"]) < 200
