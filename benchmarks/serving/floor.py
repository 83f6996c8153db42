"""What the model itself costs: ONNX Runtime called once a request, with no server around it.

No server that runs each request by itself can cost less, in whatever language it is written; only batching can.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from catalog import python_of
from models import Case

_PROGRAM = """
import json, os, sys
import numpy, onnxruntime
model, data, rows, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feed = {"X": numpy.load(data)[:rows].astype(numpy.float32)}
for _ in range(200):
    session.run(None, feed)
cpu = lambda: sum(os.times()[:2])
calls, start = 0, cpu()
while cpu() - start < seconds:
    for _ in range(20):
        session.run(None, feed)
    calls += 20
print(json.dumps({"cpu_seconds_per_1000": (cpu() - start) / calls * 1000}))
"""


def measure_floor(case: Case, folder: Path, seconds: float) -> dict[str, Any]:
    """CPU seconds of 1,000 bare calls with the rows of one request."""
    arguments = [folder / f"{case.model}.onnx", folder / f"{case.model}.npy", case.rows, seconds]
    command = [str(python_of("serin")), "-c", _PROGRAM, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
