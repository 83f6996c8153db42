"""Convolutions, pools and their like: axis 0 is a batch of images, each looked at by itself."""

from collections.abc import Mapping, Sequence
from typing import Final

from serin_server.model.rows.rules.products import scalars
from serin_server.model.rows.sizes import ONE, Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, State
from serin_server.model.rows.step import Rule, Step, apart, axis_of, only_rows

_GLOBAL: Final = ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"]
_SAME_SHAPE: Final = ["InstanceNormalization", "GroupNormalization", "LRN"]


def _windows(step: Step, sizes: Sequence[Size], kernel: Sequence[Size]) -> list[Size]:
    """How many places a window takes along each axis."""
    rank = len(sizes)
    strides = step.integers("strides") or (1,) * rank
    dilations = step.integers("dilations") or (1,) * rank
    pads = step.integers("pads") or (0,) * 2 * rank
    padding = step.text("auto_pad", "NOTSET")
    made = []
    for axis, (size, window) in enumerate(zip(sizes, kernel, strict=True)):
        if not size.is_number or not window.is_number or step.integer("ceil_mode", 0) or len(pads) != 2 * rank:
            made.append(step.size())
            continue
        stride = max(1, strides[axis])
        reach = (window.number - 1) * dilations[axis] + 1
        if padding in {"SAME_UPPER", "SAME_LOWER"}:
            made.append(Size(-(-size.number // stride)))
        else:
            around = 0 if padding == "VALID" else pads[axis] + pads[axis + rank]
            made.append(Size((size.number + around - reach) // stride + 1))
    return made


def conv(step: Step) -> State:
    """A convolution with constant weights."""
    return _convolved(step, 1)


def _convolved(step: Step, weights: int) -> State:
    image = only_rows(step, 0, 0)
    kernel = step.fixed(weights).sizes
    if len(kernel) != len(image.sizes) or len(kernel) < 3:
        raise NotProven(Reason.NOT_FOLLOWED, "has weights of another number of dimensions than its images")
    return Rows(0, (image.size, kernel[0], *_windows(step, image.sizes[2:], kernel[2:])))


def plain_conv(step: Step) -> State:
    """A convolution whose other inputs are constants."""
    step.all_fixed(*range(1, len(step.states)))
    return conv(step)


def quantised_conv(step: Step) -> State:
    """A convolution of quantised images; scales and zero points are constants."""
    step.all_fixed(*range(1, len(step.states)))
    scalars(step, 1, 2, 6, 7)
    return _convolved(step, 3)


def transposed_conv(step: Step) -> State:
    """A convolution backwards; the sizes of its images are not followed."""
    step.all_fixed(*range(1, len(step.states)))
    image, kernel = only_rows(step, 0, 0), step.fixed(1).sizes
    if len(kernel) != len(image.sizes) or len(kernel) < 3:
        raise NotProven(Reason.NOT_FOLLOWED, "has weights of another number of dimensions than its images")
    channels = step.times(kernel[1], Size(step.integer("group", 1)))
    return Rows(0, (image.size, channels, *(step.size() for _ in kernel[2:])))


def pool(step: Step) -> Sequence[State]:
    """The largest, mean or norm in windows; the places of the largest ones count through the batch."""
    image = only_rows(step, 0, 0)
    step.all_fixed(*range(1, len(step.states)))
    kernel = tuple(map(Size, step.integers("kernel_shape") or ()))
    if len(kernel) != len(image.sizes) - 2 or not kernel:
        raise NotProven(Reason.NOT_FOLLOWED, "has windows of another number of dimensions than its images")
    if len(step.node.outputs) > 1 and step.node.outputs[1]:
        raise NotProven(Reason.POSITION_MATTERS, "tells places counted through the whole batch")
    return [Rows(0, (*image.sizes[:2], *_windows(step, image.sizes[2:], kernel)))]


def global_pool(step: Step) -> State:
    """One number for each channel."""
    step.all_fixed(*range(1, len(step.states)))
    image = only_rows(step, 0, 0)
    if len(image.sizes) < 3:
        raise NotProven(Reason.NOT_FOLLOWED, "pools over what is no image")
    return Rows(0, (*image.sizes[:2], *(ONE for _ in image.sizes[2:])))


def same_shape(step: Step) -> State:
    """Normalises every image by itself."""
    step.all_fixed(*range(1, len(step.states)))
    image = only_rows(step, 0, 0)
    if len(image.sizes) < 3:
        raise NotProven(Reason.NOT_FOLLOWED, "normalises what is no image")
    return image


def batch_norm(step: Step) -> Sequence[State]:
    """Scales channels by constants, unless it is in training and takes its statistics from the batch."""
    in_training = step.integer("training_mode", 0) if step.opset >= 14 else any(step.node.outputs[1:])
    if in_training or (step.opset < 7 and not step.integer("is_test", 0)):
        raise NotProven(Reason.ROWS_MIX, "is in training mode: it takes mean and variance from the batch")
    step.all_fixed(1, 2, 3, 4)
    image = only_rows(step, 0, 0)
    if len(image.sizes) < 2:
        raise NotProven(Reason.NOT_FOLLOWED, "normalises what has no channels")
    return [image]


def rearranged(step: Step) -> State:
    """Moves pixels between channels and places of an image."""
    image = only_rows(step, 0, 0, 4)
    block = Size(step.integer("blocksize", 1))
    channels, height, width = image.sizes[1:]
    area = step.times(block, block)
    if step.node.operator == "DepthToSpace":
        return Rows(0, (image.size, step.over(channels, area), step.times(height, block), step.times(width, block)))
    return Rows(0, (image.size, step.times(channels, area), step.over(height, block), step.over(width, block)))


def resize(step: Step) -> State:
    """Larger or smaller images; the axis of the rows must keep its size."""
    image = step.given(0)
    if isinstance(image, Fixed):
        raise NotProven(Reason.NOT_FOLLOWED, "resizes a constant")
    if step.text("coordinate_transformation_mode").startswith("tf_crop"):
        raise NotProven(Reason.NOT_FOLLOWED, "crops by a region that is not followed")
    axes = [axis_of(axis, len(image.sizes)) for axis in step.integers("axes") or range(len(image.sizes))]
    if image.axis in axes:
        if step.text("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise NotProven(Reason.NOT_FOLLOWED, "keeps an aspect ratio of which the batch is a part")
        if not _keeps(step, image, axes.index(image.axis)):
            raise NotProven(Reason.ROWS_MIX, "is not known to keep the number of rows")
    sizes = [step.size() if axis in axes and axis > 1 else size for axis, size in enumerate(image.sizes)]
    sizes[image.axis] = image.size
    if image.axis != 1:
        sizes[1] = step.size() if 1 in axes and not _has_unit_scale(step, axes.index(1)) else sizes[1]
    if image.axis != 0:
        sizes[0] = step.size()
    return Rows(image.axis, tuple(sizes))


def _keeps(step: Step, image: Rows, position: int) -> bool:
    if _has_unit_scale(step, position):
        return True
    if not step.has(3):
        return False
    sizes = step.sizes_in(3)
    return position < len(sizes) and sizes[position] == image.size


def _has_unit_scale(step: Step, position: int) -> bool:
    scales = step.node.attributes["scales"].numbers if "scales" in step.node.attributes else ()
    at = 1 if step.opset < 11 else 2
    if not scales and step.has(at):
        scales = step.fixed(at).floats or ()
    return position < len(scales) and scales[position] == 1.0


def lp_norm(step: Step) -> State:
    """Normalises along one axis."""
    state = step.given(0)
    if isinstance(state, Rows):
        apart(state, axis_of(step.integer("axis", -1), len(state.sizes)), "normalises")
        return state
    return Fixed(state.sizes)


def mean_variance(step: Step) -> State:
    """Normalises over several axes, by default over the rows too."""
    state = step.given(0)
    if isinstance(state, Rows):
        for axis in step.integers("axes") or (0, 2, 3):
            apart(state, axis_of(axis, len(state.sizes)), "normalises")
        return state
    return Fixed(state.sizes)


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Conv"): plain_conv,
    ("", "ConvInteger"): plain_conv,
    ("", "QLinearConv"): quantised_conv,
    ("", "ConvTranspose"): transposed_conv,
    **{("", operator): pool for operator in ("MaxPool", "AveragePool", "LpPool")},
    **{("", operator): global_pool for operator in _GLOBAL},
    **{("", operator): same_shape for operator in _SAME_SHAPE},
    ("", "BatchNormalization"): batch_norm,
    ("", "DepthToSpace"): rearranged,
    ("", "SpaceToDepth"): rearranged,
    ("", "Resize"): resize,
    ("", "Upsample"): resize,
    ("", "LpNormalization"): lp_norm,
    ("", "MeanVarianceNormalization"): mean_variance,
}
