"""Matrix products: rows may be rows of the left matrix, or a batch of matrices, and are never summed over."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from serin_server.model.rows.sizes import ONE, Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, Sizes, State
from serin_server.model.rows.step import Rule, Step, axis_of, broadcast, by_batch_size, common, only_rows

_PLAIN_EQUATION: Final = re.compile(r"^[A-Za-z]*(,[A-Za-z]*)*(->[A-Za-z]*)?$")


def matmul(step: Step) -> State:
    """`A @ B` as numpy does it."""
    return multiplied(step, step.given(0), step.given(1))


def multiplied(step: Step, left: Rows | Fixed, right: Rows | Fixed) -> Rows | Fixed:
    """The product of two stacks of matrices; a vector counts as a matrix of one row or column."""
    if not left.sizes or not right.sizes:
        raise NotProven(Reason.NOT_FOLLOWED, "multiplies a scalar")
    a = left.sizes if len(left.sizes) > 1 else (ONE, *left.sizes)
    b = right.sizes if len(right.sizes) > 1 else (*right.sizes, ONE)
    rank = max(len(a), len(b))
    at = _place_in_product(left, right, a, b)
    sizes = [ONE] * rank
    for matrix in (a, b):
        for back in range(3, len(matrix) + 1):
            sizes[-back] = common(step, sizes[-back], matrix[-back])
    sizes[-2], sizes[-1] = a[-2], b[-1]
    kept = [
        position
        for position in range(rank)
        if not (position == rank - 2 and len(left.sizes) == 1) and not (position == rank - 1 and len(right.sizes) == 1)
    ]
    shape = tuple(sizes[position] for position in kept)
    return Fixed(shape) if at is None else Rows(kept.index(rank - at), shape)


def _place_in_product(left: Rows | Fixed, right: Rows | Fixed, a: Sizes, b: Sizes) -> int | None:
    """Where the rows lie in the product, counted from the back."""
    places = []
    for number, (state, matrix, other) in enumerate(((left, a, right), (right, b, left))):
        if isinstance(state, Fixed):
            if state.has_batch:
                raise by_batch_size()
            continue
        back = len(state.sizes) - state.axis
        if (back == 1 and number == 0) or len(state.sizes) == 1 or (back == 2 and number == 1):
            raise NotProven(Reason.ROWS_MIX, "sums over the rows")
        if back > 2:
            others = b if matrix is a else a
            if isinstance(other, Fixed) and back <= len(others) and others[-back] != ONE:
                raise NotProven(Reason.POSITION_MATTERS, "has a constant that differs by the place in the batch")
        places.append((back, state.size))
    if len(places) == 2 and (places[0] != places[1] or places[0][0] <= 2):
        raise NotProven(Reason.ROWS_MIX, "multiplies rows with one another")
    return places[0][0] if places else None


def gemm(step: Step) -> State:
    """`A' B' + C`, of matrices that may be transposed."""
    made = multiplied(
        step,
        _turned(step.given(0), is_turned=step.integer("transA", 0) != 0),
        _turned(step.given(1), is_turned=step.integer("transB", 0) != 0),
    )
    return broadcast(step, [made, step.given(2)]) if step.has(2) else made


def _turned(state: Rows | Fixed, *, is_turned: bool) -> Rows | Fixed:
    if len(state.sizes) != 2:
        raise NotProven(Reason.NOT_FOLLOWED, "multiplies what is no matrix")
    if not is_turned:
        return state
    sizes = (state.sizes[1], state.sizes[0])
    return Rows(1 - state.axis, sizes) if isinstance(state, Rows) else Fixed(sizes)


def einsum(step: Step) -> State:
    """Sums over letters; the letter of the rows must stay, and no constant may carry it."""
    equation = step.text("equation").replace(" ", "")
    if not _PLAIN_EQUATION.match(equation):
        raise NotProven(Reason.NOT_FOLLOWED, f"has the equation {equation[:40]!r}")
    terms, arrow, result = equation.partition("->")
    letters = terms.split(",")
    states = step.all_given()
    if not arrow:
        result = "".join(sorted(letter for letter in set(terms) - {","} if terms.count(letter) == 1))
    if [len(term) for term in letters] != [len(state.sizes) for state in states]:
        raise NotProven(Reason.NOT_FOLLOWED, f"has the equation {equation[:40]!r}")
    sizes: dict[str, Size] = {}
    for term, state in zip(letters, states, strict=True):
        for letter, size in zip(term, state.sizes, strict=True):
            sizes[letter] = common(step, sizes.get(letter, size), size)
    batch = _letters_of_rows(letters, states)
    if not batch:
        return Fixed(tuple(sizes[letter] for letter in result))
    (letter, size), *more = batch
    is_shared = all(
        state.axis == term.find(letter) if isinstance(state, Rows) else letter not in term
        for term, state in zip(letters, states, strict=True)
    )
    if more or letter not in result or not is_shared:
        raise NotProven(Reason.ROWS_MIX, f"sums over the rows or brings them together ({equation[:40]})")
    return Rows(result.index(letter), tuple(size if each == letter else sizes[each] for each in result))


def _letters_of_rows(terms: Sequence[str], states: Sequence[Rows | Fixed]) -> set[tuple[str, Size]]:
    found = set()
    for term, state in zip(terms, states, strict=True):
        if isinstance(state, Rows):
            found.add((term[state.axis], state.size))
            if term.count(term[state.axis]) > 1:
                raise NotProven(Reason.ROWS_MIX, "takes a diagonal of the rows")
        elif state.has_batch:
            raise by_batch_size()
    return found


def layer_norm(step: Step) -> Sequence[State]:
    """Normalises every row by itself over the axes from `axis` on; scale and bias are constants."""
    state = step.given(0)
    step.all_fixed(1, 2)
    axis = axis_of(step.integer("axis", -1), len(state.sizes))
    if isinstance(state, Rows) and state.axis >= axis:
        raise NotProven(Reason.ROWS_MIX, f"normalises over the rows (axes from {axis} on)")
    made = broadcast(step, [state, *(step.fixed(position) for position in (1, 2) if step.has(position))])
    sizes = (*state.sizes[:axis], *(ONE for _ in state.sizes[axis:]))
    told: State = Rows(state.axis, sizes) if isinstance(state, Rows) else Fixed(sizes)
    return [made, told, told]


def skip_layer_norm(step: Step) -> Sequence[State]:
    """ONNX Runtime's sum of two rows and a bias, normalised over the last axis."""
    states = [step.given(0), step.given(1)]
    step.all_fixed(2, 3, 4)
    made = broadcast(step, [*states, *(step.fixed(position) for position in (2, 3, 4) if step.has(position))])
    if isinstance(made, Rows) and made.axis == len(made.sizes) - 1:
        raise NotProven(Reason.ROWS_MIX, "normalises over the rows")
    if len(states[0].sizes) != len(states[1].sizes):
        raise NotProven(Reason.NOT_FOLLOWED, "adds rows of another shape")
    scalars = (*made.sizes[:-1], ONE)
    told: State = Rows(made.axis, scalars) if isinstance(made, Rows) else Fixed(scalars)
    return [made, told, told, made]


def integer_matmul(step: Step) -> State:
    """A product of integers whose zero points are constants, that of the rows one number."""
    step.all_fixed(2, 3)
    scalars(step, *((2, 3) if isinstance(step.given(1), Rows) else (2,)))
    return multiplied(step, step.given(0), step.given(1))


def quantised_matmul(step: Step) -> State:
    """A product of quantised matrices whose scales and zero points are constants, those of the rows one number."""
    step.all_fixed(1, 2, 3, 4, 5, 6, 7)
    scalars(step, 1, 2, 6, 7)
    return multiplied(step, only_rows(step, 0, 0), step.fixed(3))


def quantised_gemm(step: Step) -> State:
    """ONNX Runtime's `A B + C` of quantised matrices."""
    step.all_fixed(*range(1, 9))
    scalars(step, 1, 2, 7, 8)
    if step.integer("transA", 0):
        raise NotProven(Reason.ROWS_MIX, "sums over the rows")
    return multiplied(step, only_rows(step, 0, 0, 2), _turned(step.fixed(3), is_turned=step.integer("transB", 0) != 0))


def scalars(step: Step, *positions: int) -> None:
    """Inputs that must be one number each where they are given."""
    for position in positions:
        if step.has(position) and any(size != ONE for size in step.fixed(position).sizes):
            raise NotProven(Reason.POSITION_MATTERS, f"has an input {position + 1} with a number for each place")


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "MatMul"): matmul,
    ("", "Gemm"): gemm,
    ("", "Einsum"): einsum,
    ("", "LayerNormalization"): layer_norm,
    ("", "RMSNormalization"): layer_norm,
    ("com.microsoft", "SkipLayerNormalization"): skip_layer_norm,
    ("", "MatMulInteger"): integer_matmul,
    ("", "QLinearMatMul"): quantised_matmul,
    ("com.microsoft", "QGemm"): quantised_gemm,
}
