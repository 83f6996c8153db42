"""Sizes of tensors that are not known yet: a number times symbols, one of which is the number of rows."""

from collections import Counter
from typing import Final, NamedTuple

BATCH: Final = "N"
"""The symbol of the number of rows."""
ANY: Final = "~"
"""First letter of a symbol that stands for any number, be it negative; other symbols are sizes of tensors."""
_MOST_SYMBOLS: Final = 24
_LARGEST: Final = 1 << 62


class Size(NamedTuple):
    """A number times symbols, in order, each as often as its power says."""

    number: int
    symbols: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it is known."""
        return not self.symbols

    @property
    def has_batch(self) -> bool:
        """Whether it depends on the number of rows."""
        return BATCH in self.symbols

    @property
    def is_size(self) -> bool:
        """Whether it cannot be negative."""
        return self.number >= 0 and not any(symbol[0] == ANY for symbol in self.symbols)


ONE: Final = Size(1)
ROWS: Final = Size(1, (BATCH,))


def product(*sizes: Size) -> Size | None:
    """The product of sizes; None when it grows beyond all bounds."""
    number = 1
    symbols: list[str] = []
    for size in sizes:
        number *= size.number
        symbols += size.symbols
        if abs(number) > _LARGEST or len(symbols) > _MOST_SYMBOLS:
            return None
    return Size(0) if number == 0 else Size(number, tuple(sorted(symbols)))


def quotient(whole: Size, part: Size) -> Size | None:
    """`whole / part` where it divides without a rest whatever the symbols stand for; None otherwise."""
    if part.number == 0 or whole.number % part.number:
        return None
    left, taken = Counter(whole.symbols), Counter(part.symbols)
    if taken - left:
        return None
    return Size(whole.number // part.number, tuple(sorted((left - taken).elements())))
