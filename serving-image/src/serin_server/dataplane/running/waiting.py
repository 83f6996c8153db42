"""Calls that wait for the model, grouped into the runs that they will share."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import prod

from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.model.tensors import Signature


class Batch:
    """Calls that share a run. `rows` is `NO_BATCH` for one that has no rows; `size` counts the elements of its inputs."""

    __slots__ = ("calls", "key", "rows", "since", "size")

    def __init__(self, key: object, rows: int, since: float) -> None:
        self.calls: list[Call] = []
        self.key = key
        self.rows = rows
        self.size = 0
        self.since = since


class Waiting:
    """Batches in the order in which their first calls came; calls of equal shapes join one until it is full."""

    __slots__ = ("_are_alike", "_is_batchable", "_open", "_row_size", "batches", "most_rows")

    def __init__(self, signature: Signature, *, is_batchable: bool, most_rows: int) -> None:
        self._is_batchable = is_batchable
        shapes = [spec.shape[1:] for spec in signature.inputs]
        self._are_alike = all(-1 not in shape for shape in shapes)
        self._row_size = sum(prod(shape) for shape in shapes)
        self.batches: deque[Batch] = deque()
        self._open: dict[object, Batch] = {}
        self.most_rows = most_rows

    def __bool__(self) -> bool:
        return bool(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)

    def add(self, calls: Sequence[Call], now: float) -> None:
        """Takes calls in, each into the open batch of its shapes if that has room, else into a new one."""
        for call in calls:
            rows, key = call.rows, call.shapes_key
            if not self._is_batchable or rows == NO_BATCH:
                batch = Batch(key, NO_BATCH, now)
                self.batches.append(batch)
            else:
                found = self._open.get(key)
                if found is None or found.rows + rows > self.most_rows:
                    found = self._open[key] = Batch(key, 0, now)
                    self.batches.append(found)
                batch = found
                batch.rows += rows
            batch.calls.append(call)
            batch.size += self.size_of(call)

    def whole(self, calls: list[Call], now: float) -> Batch | None:
        """All of these calls as one batch, which is not taken in; None when they do not make one."""
        if len(calls) == 1:
            call = calls[0]
            batch = Batch(call.shapes_key, call.rows if self._is_batchable else NO_BATCH, now)
            batch.size = self.size_of(call)
        elif calls and self._is_batchable and self._are_alike and all([call.rows != NO_BATCH for call in calls]):
            rows = sum([call.rows for call in calls])
            if rows > self.most_rows:
                return None
            batch = Batch(None, rows, now)
            batch.size = rows * self._row_size
        else:
            return None
        batch.calls = calls
        return batch

    def size_of(self, call: Call) -> int:
        """Elements of all inputs of a call."""
        if self._are_alike and call.rows != NO_BATCH:
            return call.rows * self._row_size
        return sum([array.size for array in call.arrays])

    def may_grow(self, batch: Batch) -> bool:
        """Whether calls that come later can still join a batch."""
        return batch.rows < self.most_rows and batch.rows != NO_BATCH and self._open.get(batch.key) is batch

    def take(self, batch: Batch) -> None:
        """Takes a batch out: it is going to run."""
        if self.batches[0] is batch:
            self.batches.popleft()
        else:
            self.batches.remove(batch)
        if self._open.get(batch.key) is batch:
            del self._open[batch.key]

    def drop(self, is_late: Callable[[Call], bool]) -> list[Call]:
        """Takes the calls out that are late, and returns them."""
        late: list[Call] = []
        for batch in list(self.batches):
            mine = {call for call in batch.calls if is_late(call)}
            if not mine:
                continue
            late += [call for call in batch.calls if call in mine]
            batch.calls = [call for call in batch.calls if call not in mine]
            batch.size = sum([self.size_of(call) for call in batch.calls])
            if not batch.calls:
                self.take(batch)
            elif batch.rows != NO_BATCH:
                batch.rows = sum([call.rows for call in batch.calls])
        return late
