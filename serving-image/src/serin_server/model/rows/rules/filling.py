"""Operators that make or enlarge tensors; made for each row they must be the same for every one."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from serin_server.model.rows.graph import MOST_VALUES, Tensor
from serin_server.model.rows.sizes import ONE, Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, State, as_values, of_values
from serin_server.model.rows.step import Rule, Step, axis_of, by_batch_size, common, empty_values


def of_tensor(tensor: Tensor) -> Fixed:
    """A constant of the graph."""
    sizes = tuple(map(Size, tensor.shape))
    values = tensor.values
    if values is None:
        return Fixed(sizes)
    if values.dtype.kind == "f":
        return Fixed(sizes, None, tuple(float(value) for value in values.ravel()))
    if values.dtype.itemsize == 1 and values.dtype.kind != "b":
        return Fixed(sizes)  # arithmetic of bytes wraps round
    return Fixed(sizes, as_values(values))


def constant(step: Step) -> State:
    """A constant that is a node."""
    for name, attribute in step.node.attributes.items():
        if not attribute.is_whole and name != "value":
            return Fixed((step.size(),))
        if attribute.tensor is not None:
            return of_tensor(attribute.tensor)
        match name:
            case "value_int" if attribute.integer is not None:
                return of_values(as_values(attribute.integer))
            case "value_ints":
                return of_values(as_values(np.array(attribute.integers, dtype=np.int64)))
            case "value_float" if attribute.number is not None:
                return Fixed((), None, (attribute.number,))
            case "value_floats":
                return Fixed((Size(len(attribute.numbers)),), None, attribute.numbers)
            case "value_string":
                return Fixed(())
            case "value_strings":
                return Fixed((Size(len(attribute.strings)),))
    raise NotProven(Reason.NOT_FOLLOWED, "is a constant of a kind that is not followed")


def _filled(step: Step, sizes: list[Size | None]) -> Rows | Fixed:
    """A tensor of one value: the same for every row where the number of rows is one of its sizes."""
    places = []
    clean = []
    for position, size in enumerate(sizes):
        if size is None:
            raise by_batch_size()
        if size.has_batch:
            places.append(position)
        clean.append(size if size.is_size else step.size())
    if len(places) > 1:
        raise NotProven(Reason.POSITION_MATTERS, "has the number of rows in several axes")
    return Rows(places[0], tuple(clean)) if places else Fixed(tuple(clean))


def constant_of_shape(step: Step) -> State:
    """One value everywhere."""
    sizes = step.sizes_in(0)
    numbers = [size.number for size in sizes if size is not None and size.is_number]
    value = step.attribute("value")
    if (
        len(numbers) == len(sizes)
        and int(np.prod(numbers, dtype=object)) <= MOST_VALUES
        and min(numbers, default=0) >= 0
    ):
        element = None if value is None else value.tensor
        is_integer = element is not None and element.values is not None and element.values.dtype in (np.int32, np.int64)
        if value is None or is_integer:
            values = empty_values(numbers)
            values[...] = None
            number = Size(0 if element is None or element.values is None else int(element.values.flat[0]))
            for position in np.ndindex(values.shape):
                values[position] = number
            return of_values(values)
    return _filled(step, sizes)


def expand(step: Step) -> State:
    """Repeated along axes of size 1, or along new ones."""
    state = step.given(0)
    target = step.sizes_in(1)
    rank = max(len(target), len(state.sizes))
    wanted: list[Size | None] = [*[ONE] * (rank - len(target)), *target]
    own = (ONE,) * (rank - len(state.sizes)) + state.sizes
    if isinstance(state, Fixed):
        if state.has_batch:
            return _expanded_sizes(state, wanted)
        if any(size is None or size.has_batch for size in wanted):
            return _for_each_row(step, own, wanted)
        if state.values is not None and all(size is not None and size.is_number for size in wanted):
            return _expanded_sizes(state, wanted)
    axis = state.axis + rank - len(state.sizes) if isinstance(state, Rows) else None
    sizes = []
    for position, (size, other) in enumerate(zip(own, wanted, strict=True)):
        if other is None or (other.has_batch and position != axis) or (position == axis and other not in (ONE, size)):
            raise NotProven(Reason.ROWS_MIX, "repeats rows in a way that depends on their number")
        sizes.append(common(step, size, other if other.is_size else step.size()))
    return Fixed(tuple(sizes)) if axis is None else Rows(axis, tuple(sizes))


def _for_each_row(step: Step, own: tuple[Size, ...], wanted: list[Size | None]) -> State:
    for size, other in zip(own, wanted, strict=True):
        if other is None or (other.has_batch and size != ONE):
            raise NotProven(Reason.POSITION_MATTERS, "has a constant that differs by the place in the batch")
    sizes: list[Size | None] = []
    for size, other in zip(own, wanted, strict=True):
        sizes.append(other if other is not None and other.has_batch else common(step, size, other or ONE))
    return _filled(step, sizes)


def _expanded_sizes(state: Fixed, wanted: list[Size | None]) -> State:
    numbers = [size.number for size in wanted if size is not None and size.is_number]
    if state.values is None or len(numbers) != len(wanted):
        raise by_batch_size()
    try:
        shape = np.broadcast_shapes(state.values.shape, tuple(numbers))
        if int(np.prod(shape, dtype=object)) <= MOST_VALUES:
            return of_values(np.broadcast_to(state.values, shape))
    except ValueError:
        raise NotProven(Reason.NOT_FOLLOWED, "has a shape that does not fit") from None
    if state.has_batch:
        raise by_batch_size()
    return Fixed(tuple(map(Size, shape)))


def tile(step: Step) -> State:
    """Repeated along some axes."""
    state = step.given(0)
    repeats = step.sizes_in(1)
    if len(repeats) != len(state.sizes):
        raise NotProven(Reason.NOT_FOLLOWED, "repeats axes that are not there")
    if isinstance(state, Fixed):
        if state.has_batch:
            raise by_batch_size()
        pairs = zip(state.sizes, repeats, strict=True)
        return _filled(step, [None if each is None else step.times(size, each) for size, each in pairs])
    sizes = []
    for axis, (size, each) in enumerate(zip(state.sizes, repeats, strict=True)):
        if each is None or each.has_batch or (axis == state.axis and each != ONE):
            raise NotProven(Reason.ROWS_MIX, "repeats the rows")
        sizes.append(step.times(size, each) if each.is_size else step.size())
    return Rows(state.axis, tuple(sizes))


def pad(step: Step) -> State:
    """More at the ends of axes other than the rows'."""
    state = step.given(0)
    rank = len(state.sizes)
    step.all_fixed(2)
    listed = step.integers("pads") if step.opset >= 2 else step.integers("paddings")
    pads: list[Size | None] = [Size(value) for value in listed] if listed is not None else step.sizes_in(1)
    axes = [axis_of(axis, rank) for axis in step.constants(3)] if step.has(3) else list(range(rank))
    if len(pads) != 2 * len(axes):
        raise NotProven(Reason.NOT_FOLLOWED, "pads axes that are not there")
    sizes = list(state.sizes)
    for position, axis in enumerate(axes):
        before, after = pads[position], pads[position + len(axes)]
        if before == after == Size(0):
            continue
        if isinstance(state, Rows) and axis == state.axis:
            raise NotProven(Reason.ROWS_MIX, "adds rows to the rows")
        if before is None or after is None or before.has_batch or after.has_batch:
            raise by_batch_size()
        are_known = before.is_number and after.is_number and sizes[axis].is_number
        sizes[axis] = Size(sizes[axis].number + before.number + after.number) if are_known else step.size()
    if isinstance(state, Rows):
        return Rows(state.axis, tuple(sizes))
    if state.has_batch:
        raise by_batch_size()
    return Fixed(tuple(sizes))


def one_hot(step: Step) -> State:
    """One more axis with a mark at the place that an index names."""
    indices = step.given(0)
    depth = step.sizes_in(1)
    step.all_fixed(2)
    if len(depth) != 1 or depth[0] is None or depth[0].has_batch:
        raise by_batch_size()
    rank = len(indices.sizes) + 1
    axis = axis_of(step.integer("axis", -1), rank)
    size = depth[0] if depth[0].is_size else step.size()
    sizes = (*indices.sizes[:axis], size, *indices.sizes[axis:])
    if isinstance(indices, Rows):
        return Rows(indices.axis + (axis <= indices.axis), sizes)
    if indices.has_batch:
        raise by_batch_size()
    return Fixed(sizes)


def counted(step: Step) -> State:
    """Numbers in order, as many as do not depend on the number of rows."""
    for position in range(3):
        state = step.given(position)
        if isinstance(state, Rows):
            raise NotProven(Reason.ROWS_MIX, "counts up to a value of the rows")
        if state.has_batch:
            raise NotProven(Reason.POSITION_MATTERS, "counts the rows")
    return Fixed((step.size(),))


def triangle(step: Step) -> State:
    """The upper or lower triangle of matrices."""
    state = step.given(0)
    step.all_fixed(1)
    if isinstance(state, Rows):
        if state.axis >= len(state.sizes) - 2:
            raise NotProven(Reason.POSITION_MATTERS, "keeps elements by the place in the batch")
        return state
    if state.has_batch:
        raise by_batch_size()
    return Fixed(state.sizes)


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Constant"): constant,
    ("", "ConstantOfShape"): constant_of_shape,
    ("", "Expand"): expand,
    ("", "Tile"): tile,
    ("", "Pad"): pad,
    ("", "OneHot"): one_hot,
    ("", "Range"): counted,
    ("", "Trilu"): triangle,
}
