"""How many parts a message may have: two bytes make a tensor, an output or a parameter, and each costs a hundred times as much."""

from itertools import islice
from typing import Final

from serin_server.model.protobuf import fields
from serin_server.refusals import Kind, Refusal

MOST_PARTS: Final = 16_384
LOOKED_AT_BYTES: Final = MOST_PARTS
"""Messages up to this size cannot have so many that anybody would notice."""


def check_parts(message: bytes | bytearray) -> None:
    """Raises `Refusal` for a message with more fields than any question has, before anything is made of them.

    What is no message is left to the parser, which says so.
    """
    try:
        more = next(islice(fields(message, 0, len(message)), MOST_PARTS, None), None)
    except ValueError:
        return
    if more is not None:
        raise Refusal(
            Kind.TOO_LARGE,
            f"the message has more than {MOST_PARTS} tensors, outputs, parameters and pieces of raw contents",
        )


def check_count(count: int, most: int, what: str) -> None:
    """Raises `Refusal` for a list that is longer than any that can be right."""
    if count > most:
        raise Refusal(Kind.MALFORMED, f"there are {count} {what}, and {most} may be")
