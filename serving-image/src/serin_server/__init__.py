"""ONNX models behind the Open Inference Protocol.

Importing this package switches the telemetry of ONNX Runtime off, before anything can import the library itself.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
