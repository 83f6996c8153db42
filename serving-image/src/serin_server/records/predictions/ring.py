"""What waits to be sent: so many lines and bytes at most, put in by those who answer and taken out by one thread."""

from collections import deque
from threading import Lock


class Ring:
    """Bounded; who puts in never waits for room."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def weight(self) -> int:
        """How many bytes wait."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether there is no room whatever comes."""
        return len(self._lines) >= self._most

    def put(self, line: bytes) -> bool:
        """Whether there was room for it."""
        with self._lock:
            if len(self._lines) >= self._most or self._bytes + len(line) > self._most_bytes:
                return False
            self._lines.append(line)
            self._bytes += len(line)
        return True

    def take(self, most: int, most_bytes: int) -> list[bytes]:
        """The oldest: at least one, if there is any."""
        taken: list[bytes] = []
        total = 0
        with self._lock:
            while self._lines and len(taken) < most and (not taken or total + len(self._lines[0]) <= most_bytes):
                taken.append(self._lines.popleft())
                total += len(taken[-1])
            self._bytes -= total
        return taken
