"""Whether clients of one version can go on with another: each change as a sentence, and whether it breaks what they do.

Requests that were taken must be taken: inputs may only become freer. What was given must be given: outputs may only become
narrower, and more. Tensors are known by name, as the protocol knows them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from serin_server.model.promise import Promise
from serin_server.model.tensors import TensorSpec

FREE: Final = -1


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two versions."""

    sentence: str
    breaks: bool
    """Whether a client of the old version can notice it: by a refusal, or by an answer that it does not expect."""


def changes(old: Promise, new: Promise) -> tuple[Change, ...]:
    """Everything that is different, what breaks clients first. Of a promise that is cut, only what was written down is compared."""
    found = (*_inputs(old, new), *_outputs(old, new), *_classes(old, new))
    return tuple(sorted(found, key=lambda change: not change.breaks))


def _inputs(old: Promise, new: Promise) -> Iterator[Change]:
    required, optional = _named(new.inputs), _named(new.optional)
    for spec in (*old.inputs, *old.optional):
        was_optional = spec not in old.inputs
        now = required.get(spec.name) or optional.get(spec.name)
        if now is None:
            yield Change(f"the input {spec.name!r} is gone", breaks=True)
            continue
        if was_optional and spec.name in required:
            yield Change(f"the input {spec.name!r} may no longer be left out", breaks=True)
        elif not was_optional and spec.name in optional:
            yield Change(f"the input {spec.name!r} may be left out now", breaks=False)
        yield from _tensor("input", spec, now, takes=True)
    if old.truncated:
        return
    known = _named((*old.inputs, *old.optional))
    for spec in (*new.inputs, *new.optional):
        if spec.name not in known:
            wanted = spec.name in required
            yield Change(f"{_shown(spec)} is a new input{'' if wanted else ', which may be left out'}", breaks=wanted)


def _outputs(old: Promise, new: Promise) -> Iterator[Change]:
    given, known = _named(new.outputs), _named(old.outputs)
    for spec in old.outputs:
        now = given.get(spec.name)
        if now is None:
            yield Change(f"the output {spec.name!r} is gone", breaks=True)
        else:
            yield from _tensor("output", spec, now, takes=False)
    if old.truncated:
        return
    for spec in new.outputs:
        if spec.name not in known:
            yield Change(f"{_shown(spec)} is a new output", breaks=False)
    kept = [
        [spec.name for spec in one if spec.name in other] for one, other in ((old.outputs, given), (new.outputs, known))
    ]
    if kept[0] != kept[1]:
        yield Change(f"the outputs come in another order: {', '.join(kept[1])}", breaks=False)


def _tensor(side: str, old: TensorSpec, new: TensorSpec, *, takes: bool) -> Iterator[Change]:
    """Differences of one tensor; what a model takes may become freer, what it gives may become narrower."""
    name = f"the {side} {old.name!r}"
    if old.datatype != new.datatype:
        yield Change(f"{name} is {new.datatype}, and was {old.datatype}", breaks=True)
    shapes = f"{list(new.shape)}, and was {list(old.shape)}"
    if len(old.shape) != len(new.shape):
        yield Change(f"{name} has {len(new.shape)} dimensions, {shapes}", breaks=True)
    elif old.shape != new.shape:
        wide, narrow = (new.shape, old.shape) if takes else (old.shape, new.shape)
        fits = all(outer in {FREE, inner} for outer, inner in zip(wide, narrow, strict=True))
        yield Change(f"{name} has the shape {shapes}", breaks=not fits)


def _classes(old: Promise, new: Promise) -> Iterator[Change]:
    if old.classes == new.classes:
        return
    if not old.classes:
        yield Change(f"it names its classes now: {_listed(new.classes)}", breaks=False)
    elif not new.classes:
        yield Change(f"it no longer names its classes, which were {_listed(old.classes)}", breaks=True)
    elif sorted(old.classes) == sorted(new.classes):
        yield Change(
            f"the classes come in another order: {_listed(new.classes)}, and were {_listed(old.classes)}", breaks=True
        )
    else:
        yield Change(f"the classes are {_listed(new.classes)}, and were {_listed(old.classes)}", breaks=True)


def _named(specs: Sequence[TensorSpec]) -> dict[str, TensorSpec]:
    return {spec.name: spec for spec in specs}


def _shown(spec: TensorSpec) -> str:
    return f"{spec.name!r} ({spec.datatype} {list(spec.shape)})"


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes)
