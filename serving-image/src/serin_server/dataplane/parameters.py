"""Parameters of Triton's clients that would change what an answer means, and that this server does not serve.

Left unsaid, a client would take answers without state for those of a sequence, or scores for class names. Others only say
how urgent a request is (`priority`, `timeout`): the answer is the same without, so they are ignored.
"""

from collections.abc import Mapping
from typing import Any, Final

from serin_server.refusals import Kind, Refusal

_OF_SEQUENCES: Final = ("sequence_id", "sequence_start", "sequence_end")


def check_request(parameters: Mapping[str, Any]) -> None:
    """Raises `Refusal` when a request's parameters ask for what is not served."""
    for name in _OF_SEQUENCES:
        if parameters.get(name):
            raise Refusal(
                Kind.MALFORMED,
                f"{name}: this server keeps no state between requests, and serves no sequences: leave it out, or send the "
                "state as inputs of the model",
                f"{name} is not served",
            )


def check_output(name: str, parameters: Mapping[str, Any]) -> None:
    """Raises `Refusal` when the parameters of an output that is asked for ask for what is not served."""
    if parameters.get("classification"):
        raise Refusal(
            Kind.MALFORMED,
            f"output {name[:100]!r}: classification is not served: ask for the scores, and take the highest of them",
            "classification is not served",
        )
    if "shared_memory_region" in parameters:
        raise Refusal(
            Kind.MALFORMED,
            f"output {name[:100]!r}: shared memory is not served: ask for it in the answer",
            "shared memory is not served",
        )
