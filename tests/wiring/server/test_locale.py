"""Models that change the case of text need a locale; the image makes it as this test does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.models import lower_case
from tests.support.serving import serving, tensor

pytestmark = pytest.mark.slow

DOCKERFILE = Path(__file__).parents[3] / "serving-image/Dockerfile"
SYSTEM = Path("/usr/lib/locale")


@pytest.fixture
def locales(tmp_path):
    """A folder of locales, made by the very step of the Dockerfile."""
    base = next((found for found in SYSTEM.glob("*") if re.fullmatch(r"(?i)c\.utf-?8", found.name)), None)
    if base is None:
        pytest.skip(f"this machine has no C.UTF-8 in {SYSTEM} to make the locale from")
    folder = tmp_path / "locale"
    folder.mkdir()
    (folder / base.name).symlink_to(base)
    step = re.search(r"^RUN (proof=(?:.*\\\n)*.*)$", DOCKERFILE.read_text(), re.MULTILINE)[1]
    step = step.replace(str(SYSTEM), str(folder)).replace("\\\n", "")
    subprocess.run(["/bin/sh", "-c", step], check=True, env={**os.environ, "LOCPATH": str(folder)})
    return folder


def test_text_is_served_in_small_letters_with_the_locale_of_the_image(tmp_path, locales):
    model = lower_case(tmp_path / "m.onnx")
    with serving(model, tmp_path, env={"LOCPATH": str(locales), "LC_ALL": "C"}) as running:
        status, answer = running.infer(tensor("x", "BYTES", [3], ["SPAM", "ÉTÉ in Łódź", "ДА"]))
        assert status == 200, answer
        assert answer["outputs"][0]["data"] == ["spam", "été in łódź", "да"]


def test_without_the_locale_it_is_said_what_is_missing_and_the_way_out(tmp_path):
    told = tmp_path / "termination"
    (tmp_path / "none").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "serin_server", "resolve", "--model", lower_case(tmp_path / "m.onnx"),
         "--termination-log", told],
        check=False, capture_output=True, env={**os.environ, "LOCPATH": str(tmp_path / "none")},
    )  # fmt: skip
    report = json.loads(told.read_text())
    assert (done.returncode, report["reason"]) == (64, "ModelUnsupported")
    assert "en_US.UTF-8" in report["message"]
    assert "localedef" in report["message"]
