"""Texts of HPACK in its Huffman code (RFC 7541, 5.2 and appendix B), four bits a step.

The code is canonical: codes of one length follow one another in the order of their symbols, so lengths say everything.
"""

from functools import cache
from typing import Final

_LENGTHS: Final = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505"
    "050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e060f050605"
    "06050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817181816171817"
    "1717171516171617171816151416161717151716161815161717151516151716171714161616171616171a1a141316171619"
    "1a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c"
    "1b1b1b1b1b1a1e"
)
"""Bits of the code of each byte; the last is the end of the string, which no text may contain."""

_END: Final = 256
_Step = tuple[int, bytes]


class HuffmanError(ValueError):
    """Bytes that are no text in this code."""


@cache
def _steps() -> tuple[list[list[_Step | None]], frozenset[int]]:
    """For each place in the tree and each four bits the next place and what was read; and the places where a text may end.

    Made when the first text comes: it takes a few milliseconds.
    """
    codes, code, before = {}, 0, 0
    for symbol in sorted(range(_END + 1), key=lambda each: (_LENGTHS[each], each)):
        code <<= _LENGTHS[symbol] - before
        before = _LENGTHS[symbol]
        codes[before, code] = symbol
        code += 1
    places: dict[tuple[int, int], int] = {(0, 0): 0}
    for length, code in codes:
        for cut in range(1, length):
            places.setdefault((cut, code >> (length - cut)), len(places))
    steps: list[list[_Step | None]] = []
    for place in places:
        row: list[_Step | None] = []
        for bits in range(16):
            (length, code), read, is_wrong = place, b"", False
            for shift in (3, 2, 1, 0):
                length, code = length + 1, code << 1 | bits >> shift & 1
                leaf = codes.get((length, code))
                if leaf == _END:
                    is_wrong = True
                    break
                if leaf is not None:
                    read += bytes((leaf,))
                    length, code = 0, 0
            row.append(None if is_wrong else (places[length, code], read))
        steps.append(row)
    # What is left of the last byte is the beginning of the end's code: ones, and fewer than eight.
    return steps, frozenset(places[length, (1 << length) - 1] for length in range(8))


def decoded(packed: bytes) -> bytes:
    """The text. Raises `HuffmanError` for bytes that are none."""
    steps, ends = _steps()
    place = 0
    pieces: list[bytes] = []
    for byte in packed:
        first = steps[place][byte >> 4]
        if first is None:
            raise HuffmanError("the end of a string stands within it")
        second = steps[first[0]][byte & 15]
        if second is None:
            raise HuffmanError("the end of a string stands within it")
        place = second[0]
        pieces += (first[1], second[1])
    if place not in ends:
        raise HuffmanError("a string is not filled up with ones")
    return b"".join(pieces)
