"""What clients of a version see: its inputs, outputs and classes, beside those of another."""

from kubectl_serin.reading import Entry
from kubectl_serin.words import cleaned


def _of_signature(entry: Entry) -> dict[str, str]:
    """What clients see, a line for each tensor."""
    told = entry.signature or {}
    sides = (("inputs", "input"), ("optional", "optional input"), ("outputs", "output"))
    found = {
        cleaned(f"{word} {tensor['name']}"): cleaned(f"{tensor['datatype']} {tensor['shape']}")
        for side, word in sides
        for tensor in told.get(side) or ()
    }
    if classes := told.get("classes"):
        found["classes"] = cleaned(", ".join(map(str, classes)))
    return found


def signatures(old: Entry, new: Entry) -> list[dict[str, str]]:
    """Of both, line by line, where both are known; of a part that is too large or too old only whether it is the same."""
    told = [entry.signature or {} for entry in (old, new)]
    if all(told) and not any(one.get("truncated") for one in told):
        return [_of_signature(old), _of_signature(new)]
    return [{"signature": cleaned(one.get("signatureDigest") or "not recorded")[:16]} for one in told]
