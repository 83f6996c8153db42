"""Which providers are asked for, with which options, and that nothing runs on a CPU silently."""

import numpy as np
import pytest

from serin_server.config.settings import InvalidSetting, settings_from
from serin_server.failures import LoadFailure, Reason
from serin_server.model.binding import BoundRuns
from serin_server.model.by_size import RunsBySize
from serin_server.model.providers import CPU, CUDA, Placement, checked
from serin_server.model.rows.decision import Decision
from serin_server.model.rows.states import Reason as RowsReason
from serin_server.process.assembly import batcher_of

TENSORRT = "TensorrtExecutionProvider"
AUTO = Placement(())


@pytest.mark.parametrize(
    ("available", "chosen"), [([TENSORRT, CUDA, CPU], (CUDA, CPU)), ([CPU], (CPU,)), ([TENSORRT, CPU], (CPU,))]
)
def test_auto_takes_cuda_where_there_is_one_and_never_tensorrt(available, chosen):
    assert AUTO.candidates(available) == chosen


def test_a_provider_by_name_that_the_build_has_not_is_refused():
    with pytest.raises(LoadFailure, match="no CUDAExecutionProvider"):
        Placement((CUDA, CPU)).candidates([CPU])


def test_a_device_that_does_not_start_is_a_failure_when_it_was_asked_for_by_name():
    with pytest.raises(LoadFailure, match="cannot be started") as failure:
        checked((CUDA, CPU), [CPU], is_auto=False)
    assert failure.value.reason is Reason.MODEL_UNSUPPORTED
    assert "SERIN_PROVIDERS=cpu" in failure.value.message


def test_auto_goes_on_without_a_device_and_says_so():
    assert "runs on CPUExecutionProvider" in checked((CUDA, CPU), [CPU], is_auto=True)
    assert checked((CUDA, CPU), [CUDA, CPU], is_auto=True) == ""


def test_cuda_never_searches_for_convolutions_in_mid_traffic():
    assert AUTO.options_of(CUDA) == {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "1"}
    limited = Placement((CUDA,), gpu_memory_limit_bytes=1 << 30, uses_tf32=False).options_of(CUDA)
    assert limited["gpu_mem_limit"] == str(1 << 30)
    assert limited["arena_extend_strategy"] == "kSameAsRequested"
    assert limited["use_tf32"] == "0"
    assert AUTO.options_of(CPU) == {}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PROVIDERS", "auto,cpu", "auto alone"),
        ("PROVIDERS", ",", "names none"),
        ("PREFERRED_BATCH_ROWS", "1,many", "numbers from 1 to 256"),
        ("PREFERRED_BATCH_ROWS", "0,8", "numbers from 1 to 256"),
        ("PREFERRED_BATCH_ROWS", "1,512", "numbers from 1 to 256"),
        ("BATCH_WINDOW_SECONDS", "30", "no less than SERIN_REQUEST_TIMEOUT_SECONDS"),
        ("USE_TF32", "maybe", "give on, off"),
    ],
)
def test_a_setting_of_devices_that_cannot_be_used_is_named_with_a_way_out(name, value, words):
    with pytest.raises(InvalidSetting, match=words) as error:
        settings_from({"SERIN_MODEL_URI": "m.onnx", f"SERIN_{name}": value})
    assert f"SERIN_{name}" in str(error.value)


class FakeModel:
    """As much of a model as a batcher looks at."""

    def __init__(self, *, is_on_device):
        from tests.support.sessions import GatedSession

        self.session = GatedSession()
        self.session.is_on_device = is_on_device
        self.batching = Decision(True, "proven", RowsReason.PROVEN, "")


@pytest.mark.parametrize(
    ("given", "is_on_device", "sizes", "runs"),
    [
        ({}, False, [], 1),
        ({"max_batch_rows": "8"}, True, [1, 8], 2),
        ({"preferred_batch_rows": ""}, True, [], 2),
        ({"preferred_batch_rows": "1, 8,32"}, False, [1, 8, 32], 1),
        ({"max_batch_rows": "1"}, True, [], 2),
        ({"concurrent_runs": "3"}, True, [1, 8, 32], 3),
    ],
)
def test_devices_get_three_sizes_and_two_runs_at_a_time_unless_set_otherwise(given, is_on_device, sizes, runs):
    settings = settings_from({"SERIN_MODEL_URI": "m.onnx"}, given)
    batcher = batcher_of(settings, FakeModel(is_on_device=is_on_device), None, None)
    assert list(batcher._sizes) == sizes
    assert batcher._workers._count == runs


def test_a_device_has_a_session_for_each_of_its_sizes_and_the_first_for_every_other():
    opened = []

    def session(name):
        opened.append(name)
        return lambda names, feed, options: [name, len(feed["x"])]

    runs = RunsBySize(session("first"), lambda: session(f"more {len(opened)}"))
    for rows in (1, 8, 8, 32):
        runs.fix(rows)
    assert opened == ["first", "more 1", "more 2"]
    sent = [runs(["y"], {"x": np.zeros(rows)}, None) for rows in (1, 8, 32, 5)]
    assert sent == [["first", 1], ["more 1", 8], ["more 2", 32], ["first", 5]]


class FakeRaw:
    """A session of ONNX Runtime in which bound runs take as long as they are told to, by a clock of its own."""

    def __init__(self, plain, bound):
        self.now = 0.0
        self.ways = []
        self._seconds = {"plain": plain, "bound": bound}

    def _took(self, way):
        self.ways.append(way)
        self.now += self._seconds[way]

    def plain(self, names, feed, options):
        self._took("plain")
        return [feed["x"] * 2]

    def io_binding(self):
        return self

    def bind_cpu_input(self, name, array):
        self._array = array

    def bind_output(self, name, device):
        assert device == "cpu"

    def run_with_iobinding(self, binding, options):
        self._took("bound")

    def get_outputs(self):
        return [self]

    def numpy(self):
        return self._array * 2


@pytest.mark.parametrize(("plain", "bound", "chosen"), [(1.0, 0.8, "bound"), (1.0, 1.2, "plain")])
def test_bindings_are_used_where_they_are_quicker(plain, bound, chosen):
    raw = FakeRaw(plain, bound)
    runs = BoundRuns(raw, raw.plain, lambda: raw.now)
    feed = {"x": np.ones((2, 3), np.float32)}
    for _ in range(20):
        (output,) = runs(["y"], feed, None)
        assert output.tolist() == [[2.0] * 3] * 2
    assert set(raw.ways[:8]) == {"plain", "bound"}
    assert set(raw.ways[8:]) == {chosen}
    assert raw.ways[:8].count("bound") == 4
