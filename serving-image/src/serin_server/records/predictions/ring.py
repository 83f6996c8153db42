"""What waits to be sent: so many lines and bytes at most, put in by those who answer and taken out by one thread."""

from collections import deque
from threading import Lock


class Ring:
    """Bounded; who puts in never waits for room."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lines: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._weight = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def weight(self) -> int:
        """Of all that waits."""
        return self._weight

    @property
    def is_full(self) -> bool:
        """Whether there is no room whatever comes."""
        return len(self._lines) >= self._most

    def put(self, line: bytes, weight: int = 0) -> bool:
        """Whether there was room for it. A line weighs its bytes, or more where it costs its reader more."""
        weight = max(weight, len(line))
        with self._lock:
            if len(self._lines) >= self._most or self._bytes + len(line) > self._most_bytes:
                return False
            self._lines.append((line, weight))
            self._bytes += len(line)
            self._weight += weight
        return True

    def take(self, most: int, most_weight: int) -> list[bytes]:
        """The oldest: at least one, if there is any."""
        taken: list[bytes] = []
        total = 0
        with self._lock:
            while self._lines and len(taken) < most and (not taken or total + self._lines[0][1] <= most_weight):
                line, weight = self._lines.popleft()
                taken.append(line)
                total += weight
                self._bytes -= len(line)
            self._weight -= total
        return taken
