"""Inputs and outputs of a sample of requests as CloudEvents, to stdout or to an HTTP address.

Made and sent in a thread behind the answers. What waits is bounded; when the receiver is slower than the sample,
events are dropped and counted, and no request ever waits. The thread outlives whatever goes wrong with an event, and tells
of each kind of trouble now and then.
"""

import contextlib
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from serin_server.dataplane.call import Call
from serin_server.dataplane.response import flat_json
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.records.sink import Send
from serin_server.records.troubles import Tell, Troubles

_MOST_WAITING: Final = 256


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
        tell: Tell | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._signature = signature
        self._source = source
        self._sample = sample
        self._max_bytes = max_bytes
        self._hidden = frozenset(hidden)
        self._chance = chance
        self._troubles = Troubles(tell, clock)
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
            self._drop("more events come than are sent")

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
            except Exception as error:  # noqa: BLE001 (whatever a receiver or an event does, the next event is tried)
                self._drop(error)

    def _drop(self, trouble: str | Exception) -> None:
        self.dropped += 1
        self._troubles.tell(trouble, self.dropped)

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
                # CloudEvents' extension for distributed tracing.
                **({} if call.trace is None else {"traceparent": call.trace.traceparent()}),
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
            if len(text) <= self._max_bytes:
                told["data"] = orjson.Fragment(text)
            else:
                told["omitted"] = f"more than {self._max_bytes} bytes"
        return told
