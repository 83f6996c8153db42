"""Inputs and outputs of a sample of requests as CloudEvents, to stdout or to an HTTP address.

Made and sent in a thread behind the answers. What waits is bounded; when the receiver is slower than the sample,
events are dropped and counted, and no request ever waits.
"""

import contextlib
import queue
import random
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from serin_server.dataplane.call import Call
from serin_server.dataplane.response import flat_json
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.uris import shown

_MOST_WAITING: Final = 256
_SEND_SECONDS: Final = 5.0
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
Send = Callable[[bytes], None]


class PayloadLog:
    """Writes down a sample of what went through."""

    def __init__(
        self,
        send: Send,
        signature: Signature,
        source: str,
        *,
        sample: float,
        max_bytes: int,
        hidden: Iterable[str] = (),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._send = send
        self._signature = signature
        self._source = source
        self._sample = sample
        self._max_bytes = max_bytes
        self._hidden = frozenset(hidden)
        self._chance = chance
        self._waiting: queue.Queue[Call | None] = queue.Queue(_MOST_WAITING)
        self.dropped = 0
        self.sent = 0
        self._thread = threading.Thread(target=self._work, name="payload-log", daemon=True)
        self._thread.start()

    def observe(self, call: Call) -> None:
        """Takes a call into the sample, or not."""
        if self._chance() >= self._sample:
            return
        try:
            self._waiting.put_nowait(call)
        except queue.Full:
            self.dropped += 1

    def close(self, seconds: float = 2.0) -> None:
        """Sends what waits, for a bounded time."""
        while True:
            try:
                self._waiting.put_nowait(None)
                break
            except queue.Full:  # what cannot even wait is not going to be sent in the time that is left
                with contextlib.suppress(queue.Empty):
                    self._waiting.get_nowait()
                    self.dropped += 1
        self._thread.join(seconds)

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            try:
                self._send(self.event(call))
                self.sent += 1
            except (OSError, ValueError):
                self.dropped += 1

    def event(self, call: Call) -> bytes:
        """One CloudEvent (1.0, JSON) of a call."""
        outputs = call.outputs or []
        positions = range(len(self._signature.outputs))
        data = {
            "inputs": [self._told(*each) for each in zip(self._signature.inputs, call.arrays, strict=True)],
            "outputs": [self._told(self._signature.outputs[place], outputs[place]) for place in positions],
        }
        return orjson.dumps(
            {
                "specversion": "1.0",
                "type": "dev.serin.inference",
                "source": self._source,
                "id": call.id,
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "datacontenttype": "application/json",
                "data": data,
            }
        )

    def _told(self, spec: TensorSpec, array: Array) -> dict[str, Any]:
        told: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": array.shape}
        if spec.name in self._hidden:
            told["hidden"] = True
        elif array.size * max(array.itemsize, 8) > self._max_bytes:
            told["omitted"] = f"more than {self._max_bytes} bytes"
        else:
            text = flat_json(spec, array)
            told["data"] = orjson.Fragment(text) if len(text) <= self._max_bytes else None
        return told


def to_stdout(event: bytes) -> None:
    """One event a line."""
    sys.stdout.buffer.write(event + b"\n")
    sys.stdout.buffer.flush()


def to_http(url: str) -> Send:
    """Posts each event. Raises `ValueError` unless the address is http or https."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{shown(url)}: give an http:// or https:// address")
    import urllib.request  # noqa: PLC0415 (slow to import, and rarely used)

    def send(event: bytes) -> None:
        request = urllib.request.Request(url, data=event, headers={"Content-Type": _CONTENT_TYPE})  # noqa: S310 (checked)
        with urllib.request.urlopen(request, timeout=_SEND_SECONDS) as answer:  # noqa: S310 (checked)
            answer.read()

    return send
