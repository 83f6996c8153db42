"""Sessions that stand in for ONNX Runtime's, so that tests decide how long a run takes and see which shapes ran."""

import threading

from serin_server.dataplane.call import Call
from serin_server.model.tensors import Signature, TensorSpec

LIMIT_SECONDS = 20


class InvalidArgument(Exception):
    """Named as ONNX Runtime names it."""


class GatedSession:
    """Doubles; raises on 99. Notes rows and thread of each run; runs with at least `gated_rows` rows wait for the gate."""

    def __init__(self, shape=(-1, 1), gated_rows=1):
        self.signature = Signature((TensorSpec("x", "FP32", shape),), (TensorSpec("y", "FP32", shape),))
        self.runs = []
        self.threads = []
        self.gave_back = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Semaphore(0)
        self._gated_rows = gated_rows

    def fix(self, rows):
        """Takes any number of rows as it is."""

    def run(self, feed):
        array = feed["x"]
        self.runs.append(len(array))
        self.threads.append(threading.get_ident())
        self.started.release()
        if len(array) >= self._gated_rows:
            assert self.gate.wait(LIMIT_SECONDS)
        if (array == 99).any():
            raise InvalidArgument("99 is not a number that I take")
        return [array * 2]

    def run_and_give_back(self, feed):
        self.gave_back.append(len(feed["x"]))
        return self.run(feed)


class DeviceSession(GatedSession):
    """As a device: every shape that it has not seen takes long, the others little; counts what was new."""

    def __init__(self, new_seconds=0.02, seconds=0.002):
        super().__init__()
        self.shapes = set()
        self.new = 0
        self._seconds = (seconds, new_seconds)
        self._never = threading.Event()

    def run(self, feed):
        shape = feed["x"].shape
        is_new = shape not in self.shapes
        self.shapes.add(shape)
        self.new += is_new
        self._never.wait(self._seconds[is_new])
        return super().run(feed)


def call(*values, rows=None, width=1):
    """A call with a column of values."""
    import numpy as np

    array = np.array(values, np.float32).reshape(-1, width)
    return Call([array], len(array) if rows is None else rows, None if width == 1 else array.shape[1:], "id")
