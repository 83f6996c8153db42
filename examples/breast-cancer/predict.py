"""Ask the model about a few patients through its Service, and print the answer: one JSON object.

Runs inside the cluster, where the Service's name means something:

    kubectl -n serin-quickstart exec deploy/traffic -- python /etc/traffic/predict.py 5
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path


def main() -> None:
    """POST the first n patients in one request."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    patients = json.loads(Path(os.environ.get("PATIENTS_FILE", "/etc/traffic/patients.json")).read_text())
    rows = patients["features"][:count]
    body = {
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [len(rows), len(rows[0])],
                "data": [value for row in rows for value in row],
            }
        ]
    }
    url = f"{os.environ['TARGET_URL']}/v2/models/{os.environ['MODEL_NAME']}/infer"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=10) as answer:
        print(json.dumps(json.load(answer)))


if __name__ == "__main__":
    main()
