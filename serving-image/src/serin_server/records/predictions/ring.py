"""What waits to be sent: so many things and bytes at most, put in by those who answer and taken out by one thread."""

from collections import deque
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """Bounded; who puts in never waits for room."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item, size: int) -> bool:
        """Whether there was room for it; `size` in bytes."""
        with self._lock:
            if len(self._items) >= self._most or self._bytes + size > self._most_bytes:
                return False
            self._items.append((item, size))
            self._bytes += size
        return True

    def take(self, most: int, most_bytes: int) -> list[Item]:
        """The oldest: at least one, if there is any."""
        taken: list[Item] = []
        total = 0
        with self._lock:
            while self._items and len(taken) < most:
                item, size = self._items[0]
                if taken and total + size > most_bytes:
                    break
                self._items.popleft()
                taken.append(item)
                total += size
            self._bytes -= total
        return taken
