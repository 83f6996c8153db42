"""How a pod that waits for its model's source tells why: Kubernetes passes on nothing that a running container says.

A server whose source is away, or has other bytes now, must go on trying, for a crash loop would make it wait five
minutes between two looks. But only the termination message of a container that *ended* is to be seen in the pod
(``kubectl describe``, and the operator's conditions). So it ends once for each reason, after ten seconds of trying,
leaves a mark beside the cache, which outlives the container, and from then on stays and tries with backoff.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure

MARK: Final = ".told"
PATIENCE_SECONDS: Final = 10.0


class LastWords:
    """Says when ending is worth it, because a pod is there to show the message and has not shown it yet.

    Args:
        cache_dir: Lives as long as the pod, and takes the mark.
        termination_log: Where the message would go; where there is none (a laptop), ending would tell nobody.
        clock: Seconds that never jump.
    """

    def __init__(self, cache_dir: Path, termination_log: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._mark = cache_dir / MARK
        self._log = termination_log
        self._clock = clock
        self._began = clock()

    def are_due(self, failure: LoadFailure) -> bool:
        """Whether to end now with this reason; marks it as told."""
        if self._clock() - self._began < PATIENCE_SECONDS or not self._log.exists():
            return False
        try:
            if self._mark.exists() and self._mark.read_text() == failure.reason.value:
                return False
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.write_text(failure.reason.value)
        except OSError:
            return False  # without a mark it would end again and again
        return True

    def forget(self) -> None:
        """The model is there: the next trouble is told anew."""
        with suppress(OSError):  # a cache folder that cannot be used holds no mark
            self._mark.unlink(missing_ok=True)
