"""Work that may never end, with an end: a graph may loop for ever on inputs that nobody foresaw.

ONNX Runtime looks between two operators whether its run is to be ended, so a loop ends soon after it is told to. One
operator that takes for ever cannot be ended from within; then the thread that runs it is left behind, and the process has to
leave without it (`is_anybody_left_behind`).
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
RunOptions = Any
"""`onnxruntime.RunOptions`: what `Session.run` takes as its last argument."""
_GRACE_SECONDS: Final = 5.0
_NAME: Final = "serin-may-never-end"


class TookTooLong(Exception):
    """The work was given up after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it did not end within {seconds:g} s")
        self.seconds = seconds


def within(seconds: float, run: Callable[[RunOptions], Result], grace_seconds: float = _GRACE_SECONDS) -> Result:
    """What `run` returns or raises, in its time; 0 seconds for no limit. Raises `TookTooLong`.

    Args:
        seconds: The time after which the run is told to end.
        run: Passes the options that it is given to every run of a session.
        grace_seconds: How long it may then take to hear it, before it is left behind.
    """
    import onnxruntime  # noqa: PLC0415 (0.1 s, not for --help)

    options = onnxruntime.RunOptions()
    work = in_thread(lambda: run(options))
    try:
        return work.result(seconds or None)
    except TimeoutError:
        if work.done():  # it ended with a TimeoutError of its own, or just now
            return work.result()
    options.terminate = True
    with suppress(TimeoutError):  # then it is left behind
        work.exception(grace_seconds)
    raise TookTooLong(seconds)


def in_thread(work: Callable[[], Result]) -> "Future[Result]":
    """What `work` will have returned or raised; its thread keeps no process from ending."""
    outcome: Future[Result] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 (whoever waits gets it)
            outcome.set_exception(error)

    threading.Thread(target=run, name=_NAME, daemon=True).start()
    return outcome


def is_anybody_left_behind() -> bool:
    """Whether such work still goes on: libraries in C++ would crash under it while a process ends in order."""
    return any(thread.name == _NAME for thread in threading.enumerate())
