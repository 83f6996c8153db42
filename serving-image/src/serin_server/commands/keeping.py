"""The row of `serin-server resolve` about the store: whether the model is kept there.

A model that is not kept can be served all the same, as long as its source gives it: so that is a warning, and no version fails by it.
"""

import sys

from serin_server.commands.row import Row, sentence
from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure, Reason
from serin_server.model.digest import model_listing
from serin_server.model.load import Model
from serin_server.model.shelf.keep import kept
from serin_server.process.model import store_of
from serin_server.process.termination import fault
from serin_server.uris import shown

STORE = "store"


def keep(settings: Settings, model: Model, began: float) -> Row | None:
    """Puts the model into the store, if there is one, and says what came of it.

    Args:
        settings: Name the store.
        model: What is to be kept.
        began: When the command did, by the monotonic clock.
    """
    store = store_of(settings)
    if store is None:
        return None
    if model.instead:
        return _row("Warn", f"it comes from {shown(store.uri)}, because the source does not give it: {model.instead}")
    try:
        files = model.files or model_listing(model.path)
        end = began + settings.store_until_seconds if settings.store_until_seconds else None
        is_new = kept(store, model.path, files, model.sha256, end)
    except LoadFailure as failure:
        return _not_kept(failure)
    except Exception as error:  # noqa: BLE001 (a store must not keep a version from being served)
        return _not_kept(fault(error, "it put the model into the store"))
    return _row(
        "Pass", f"kept in {shown(store.uri)}, and read back" if is_new else f"{shown(store.uri)} has it already"
    )


def _not_kept(failure: LoadFailure) -> Row:
    sys.stderr.write(f"the model is not kept: {failure.message}\n")
    return _row("Warn", f"not kept, so pods need its source: {failure.message}")


def _row(verdict: str, message: str) -> Row:
    return Row(STORE, verdict, sentence(message), Reason.SOURCE_UNREACHABLE)
