"""What several small models cost in one process, beside a process for each: memory (PSS) and CPU a thousand requests.

Run it with the project's environment: `.venv/bin/python -m benchmarks.serving.pack [models]`.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

ROW = [0.1] * 30
ROUNDS = 3
REQUESTS = 4000
CLIENTS = 8


def model(file: Path, seed: int) -> Path:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, y = load_breast_cancer(return_X_y=True)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(random_state=seed, C=1 + seed)).fit(rows, y)
    file.write_bytes(
        to_onnx(
            fitted, rows[:1].astype("float32"), options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3}
        ).SerializeToString()
    )
    return file


class Server:
    """A server, ready."""

    def __init__(self, folder: Path, name: str, *models: str) -> None:
        log = folder / f"{name}.log"
        flags = [text for each in models for text in ("--model", each)]
        ports = ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0", "--host", "127.0.0.1", "--name", name]
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serin_server", "serve", *flags, *ports, "--drain-seconds", "0",
                 "--cache-dir", str(folder / name)], stderr=out)  # fmt: skip
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            events = [json.loads(line) for line in log.read_text().splitlines()]
            ready = [event for event in events if event["event"] == "ready"]
            if len(ready) == len(models):
                self.port = next(event["http"] for event in events if event["event"] == "listening")
                return
            time.sleep(0.02)
        raise SystemExit(f"{name} did not become ready: {log.read_text()}")

    def pss(self) -> float:
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) / 1024

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def ask(self, names: list[str]) -> float:
        """CPU seconds a thousand requests, of eight clients."""
        body = json.dumps({"inputs": [{"name": "X", "shape": [1, 30], "datatype": "FP32", "data": ROW}]})

        def client(number: int) -> None:
            connection = HTTPConnection("127.0.0.1", self.port)
            for count in range(REQUESTS // CLIENTS):
                connection.request("POST", f"/v2/models/{names[(count + number) % len(names)]}/infer", body)
                assert connection.getresponse().read()

        before = self.cpu()
        clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        return (self.cpu() - before) * 1000 / REQUESTS

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [model(folder / f"m{number}.onnx", number) for number in range(count)]
        pack = Server(folder, "pack", *[f"m{number}={file}" for number, file in enumerate(files)])
        print(f"{count} models in one process: {pack.pss():.0f} MB")
        alone = Server(folder, "m0", str(files[0]))
        print(f"a model alone: {alone.pss():.0f} MB")
        every = [f"m{number}" for number in range(count)]
        told = {"alone": [], "one of the pack": [], "all of the pack in turn": []}
        for _ in range(ROUNDS):
            told["alone"].append(alone.ask(["m0"]))
            told["one of the pack"].append(pack.ask(["m0"]))
            told["all of the pack in turn"].append(pack.ask(every))
        for who, seconds in told.items():
            print(
                f"{who}: {min(seconds):.3f} CPU-s a thousand requests ({', '.join(f'{each:.3f}' for each in seconds)})"
            )
        others = [Server(folder, f"m{number}", str(file)) for number, file in enumerate(files) if number]
        print(f"{count} processes: {alone.pss() + sum(each.pss() for each in others):.0f} MB")
        for each in (pack, alone, *others):
            each.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
