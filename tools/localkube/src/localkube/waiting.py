"""Wait for a condition while watching that nothing died, and say what did."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable

from localkube.errors import LocalKubeError
from localkube.sandbox.box import Sandbox

_POLL_SECONDS = 0.05


def wait_until(
    what: str,
    condition: Callable[[], bool],
    boxes: Iterable[Sandbox],
    seconds: float = 120.0,
    may_end: Container[str] = (),
) -> None:
    """Return when `condition` holds; raise with the log of a program that ended meanwhile, or after `seconds`.

    `may_end` names programs whose end is no reason to give up.
    """
    boxes = tuple(boxes)
    until = time.monotonic() + seconds
    while not condition():
        for box in boxes:
            _, ended = box.programs()
            for program, code in ended.items():
                if program in may_end:
                    continue
                raise LocalKubeError(
                    f"{program} ended with {code} in {box.name} while waiting for: {what}\n{box.log_end(program)}",
                    f"the whole log is {box.folder}/log/{program}.log until `localkube down`",
                )
        if time.monotonic() > until:
            folders = ", ".join(f"{box.folder}/log" for box in boxes)
            raise LocalKubeError(f"not reached in {seconds:.0f} s: {what}", f"look into the logs in {folders}")
        time.sleep(_POLL_SECONDS)
