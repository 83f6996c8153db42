"""``python3 -m serin_operator.runtime.ledgers FILE [NAMESPACE…]``: every digest that a ModelDeployment names, as JSON.

For whoever sweeps a store of models. A list that lacks some would have their models removed, so it is whole or not there: nothing
is written when a namespace cannot be listed, or when a ledger has been lost and is not rebuilt yet.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection, NoCluster
from serin_operator.cluster.errors import ApiError, Expired
from serin_operator.cluster.resources import MODEL_DEPLOYMENTS, Scope
from serin_operator.decide.timestamps import parse

JsonObject = dict[str, Any]

_DIGEST: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_NEW: Final = timedelta(hours=1)
"""Within it the operator has written a ledger, if there is one."""


@dataclass(slots=True)
class Named:
    """What was found so far."""

    now: datetime
    digests: set[str] = field(default_factory=set)
    without_ledger: list[str] = field(default_factory=list)

    def take(self, mdep: JsonObject) -> None:
        """Takes in all that one ModelDeployment names, wherever in it."""
        self.digests.update(found.decode() for found in _DIGEST.findall(orjson.dumps(mdep)))
        metadata = mdep["metadata"]
        is_new = self.now - parse(metadata["creationTimestamp"]) < _NEW
        if not (mdep.get("status") or {}).get("versions") and not is_new:
            self.without_ledger.append(f"{metadata['namespace']}/{metadata['name']}")


async def named(client: ApiClient, namespaces: Sequence[str], now: datetime) -> Named:
    """What the ModelDeployments of these namespaces name; of none: of the whole cluster. Raises ``ApiError``."""
    found = Named(now)
    for namespace in namespaces or (None,):
        scope = Scope(MODEL_DEPLOYMENTS, namespace)
        try:
            await client.each(scope, found.take)
        except Expired:  # what is named twice does no harm
            await client.each(scope, found.take)
    return found


async def _found(namespaces: Sequence[str]) -> Named:
    connection = await Connection.load()
    async with connection.new_session() as session:
        return await named(ApiClient(session, connection.server), namespaces, datetime.now(UTC))


def _written(file: Path, namespaces: Sequence[str]) -> str:
    """Writes the list; why not, if not."""
    try:
        found = asyncio.run(_found(namespaces))
        if not found.without_ledger:
            file.write_bytes(orjson.dumps({"digests": sorted(found.digests)}))
            return ""
    except (ApiError, NoCluster, OSError) as error:
        return f"no list is written: {error}"
    who = ", ".join(found.without_ledger[:5])
    return f"no list is written: {who} has no ledger in its status, so nobody knows what it needs; is the operator running?"


def main(arguments: Sequence[str]) -> int:
    """Ends with 0 when the list is written."""
    if not arguments:
        sys.stderr.write("usage: ledgers FILE [NAMESPACE…]\n")
        return 2
    if problem := _written(Path(arguments[0]), arguments[1:]):
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
