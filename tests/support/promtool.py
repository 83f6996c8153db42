"""Prometheus' own tool: tries rules against made-up series, and reads queries as the server does."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from localkube.binaries.bundles import prometheus
from localkube.binaries.find import programs_folder
from localkube.reporting import Quiet

RULES = Path(__file__).parents[2] / "charts/serin/rules.yaml"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; it is built or fetched once."""
    program = programs_folder(prometheus(), ["promtool"], Quiet()) / "promtool"
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)


def tried(folder: Path, tests: list[dict[str, Any]], order: list[str]) -> str:
    """What promtool says of tests of the chart's rules; empty when all of them hold."""
    file = folder / "test.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": tests[0]["interval"],
                "group_eval_order": order,
                "tests": tests,
            }
        )
    )
    done = promtool("test", "rules", str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr
