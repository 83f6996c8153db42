"""Faults of the server's own: its log gets the stack trace, the client an answer."""

import asyncio

from serin_server.refusals import Kind, Refusal


def fault(loop: asyncio.AbstractEventLoop, error: Exception) -> Refusal:
    """What a client is told of a bug."""
    loop.call_exception_handler({"message": "a request found a fault in the server", "exception": error})
    return Refusal(Kind.FAULT, "the server itself failed on this request: its log says more")
