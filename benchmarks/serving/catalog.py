"""Who takes part: how each candidate's environment is built and how it is started."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("SERIN_CACHE", Path.home() / ".cache" / "serin")) / "bench" / "serving"
UV = os.environ.get("UV", "uv")


@dataclass(frozen=True)
class Candidate:
    """One server under test."""

    name: str
    environment: str
    binary: bool = False
    """Whether it is driven with the binary tensor extension too."""
    flags: tuple[str, ...] = ()


CANDIDATES = (
    Candidate("serin", "serin", binary=True),
    Candidate("serin all on", "serin", binary=True, flags=("all",)),
    Candidate("FastAPI async", "fastapi"),
    Candidate("MLServer in process", "mlserver"),
    Candidate("KServe", "kserve"),
    Candidate("BentoML", "bentoml"),
)


def python_of(environment: str) -> Path:
    """Its interpreter; of "here" the one that runs this."""
    if environment == "here":
        return Path(sys.executable)
    return CACHE / environment / "bin" / "python"


def build_environment(environment: str) -> None:
    """An environment of its own, from the pinned list, compiled ahead as in an image.

    Files are copied, so that no pages are shared between two.
    """
    folder = CACHE / environment
    install = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--link-mode=copy",
        f"--python={python_of(environment)}",
    ]
    pins = HERE / "requirements" / f"{environment}.txt"
    recipe = "" if environment == "serin" else "\n".join([*install, pins.read_text()])
    built = folder / ".built"
    if recipe and built.exists() and built.read_text() == recipe:
        return
    print(f"building the environment of {environment} in {folder}", flush=True)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not folder.exists():
        subprocess.run([UV, "venv", "--quiet", "--python", python, str(folder)], check=True)
    if environment == "serin":
        locked = [UV, "export", "--quiet", "--frozen", "--package", "serin-server", "--no-emit-workspace", "--no-dev"]
        listed = subprocess.run(locked, check=True, capture_output=True, text=True, cwd=ROOT).stdout
        (CACHE / "serin.txt").write_text(listed)
        subprocess.run([*install, "-r", str(CACHE / "serin.txt")], check=True)
        subprocess.run([*install, "--no-deps", "--reinstall", str(ROOT / "serving-image")], check=True)
        return
    subprocess.run([*install, "-r", str(pins)], check=True)
    built.write_text(recipe)


def command_of(candidate: Candidate, model: Path, port: int, scratch: Path) -> list[str]:
    """The command that starts a candidate on a port; files that it wants are put into `scratch`."""
    python = str(python_of(candidate.environment))
    match candidate.environment:
        case "serin" | "here":
            ports = ["--http-port", str(port), "--grpc-port", str(port + 1), "--metrics-port", str(port + 2)]
            everything = _all_on(scratch, model) if "all" in candidate.flags else []
            return [python, "-m", "serin_server", "serve", "--model", str(model), "--name", "m",
                    "--drain-seconds", "0", *ports, *everything]  # fmt: skip
        case "fastapi":
            return [python, "-m", "uvicorn", "fastapi_app:app", "--port", str(port), "--no-access-log",
                    "--loop", "uvloop", "--http", "httptools", "--app-dir", str(HERE / "candidates")]  # fmt: skip
        case "mlserver":
            settings = {
                "http_port": port,
                "grpc_port": port + 1,
                "metrics_port": port + 2,
                "parallel_workers": 0,
                "debug": False,
            }
            (scratch / "settings.json").write_text(json.dumps(settings))
            described = {"name": "m", "implementation": "mlserver_runtime.OnnxRuntime"}
            (scratch / "model-settings.json").write_text(json.dumps(described))
            return [str(python_of("mlserver").with_name("mlserver")), "start", str(scratch)]
        case "kserve":
            return [python, str(HERE / "candidates" / "kserve_model.py"), str(port)]
        case "bentoml":
            return [python, "-m", "bentoml", "serve", "bentoml_service:Onnx", "--port", str(port),
                    "--working-dir", str(HERE / "candidates")]  # fmt: skip
    raise ValueError(candidate.environment)


def _all_on(scratch: Path, model: Path) -> list[str]:
    """Feature and prediction histograms and signed feedback tokens on top of the metrics that are always on."""
    del scratch
    (model.with_name("token.key")).write_text("k1:" + "0" * 64)
    baseline = model.with_name(f"{model.stem}-baseline.json")
    return ["--feedback-key-file", str(model.with_name("token.key")), "--baseline", str(baseline)]


def environment_variables(model: Path, scratch: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MODEL": str(model),
        "ORT_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "BENTOML_HOME": str(scratch / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONPATH": str(HERE / "candidates"),
        "HOME": str(scratch),
    }
