"""The image of the page and of who keeps reports is small: what it has is enough."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

FROM_OTHER_IMAGES = {
    "pydantic",
    "structlog",
    "kubernetes",
    "numpy",
    "onnxruntime",
    "httptools",
    "msgspec",
    "rich",
    "yaml",
    "grpc",
}
CODE = (
    "import json, sys; import {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
)
LAZY = "import kubectl_serin.report.page, kubectl_serin.report.series, serin_operator.api.reasons, serin_server.model.shelf.bucket"


@pytest.mark.parametrize("module", ["serin_ui.main", f"serin_ui.reports.main; {LAZY}"], ids=["page", "reports"])
def test_nothing_is_imported_that_the_image_does_not_have(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module)], capture_output=True, text=True, check=True
    )
    assert not FROM_OTHER_IMAGES & set(json.loads(done.stdout))
