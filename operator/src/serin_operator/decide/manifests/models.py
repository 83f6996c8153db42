"""Where a model comes from, and where it is kept: variables of the server, volumes and mounts."""

from typing import Any, Final

from serin_operator.api.spec import ModelSource
from serin_operator.api.store import ModelStore

JsonObject = dict[str, Any]

CLAIMS: Final = "/mnt/models"
SOURCE_HEADERS: Final = "/etc/serin/source/headers"
SOURCE_CA: Final = "/etc/serin/source-ca/ca.crt"
SOURCE_CREDENTIALS: Final = "/etc/serin/source-credentials"

STORE: Final = "serin-store"
"""Names that nobody else may have had: those that begin so were always refused."""
STORE_CREDENTIALS: Final = "serin-store-credentials"
STORE_CA: Final = "serin-store-ca"
_FOLDER: Final = "/etc/serin"


def claim_of(uri: str) -> str | None:
    """The PersistentVolumeClaim of a ``pvc://claim/path`` URI."""
    scheme, _, rest = uri.partition("://")
    return rest.partition("/")[0] if scheme == "pvc" else None


def variables(model: ModelSource, store: ModelStore | None, variant: str | None = None) -> dict[str, str]:
    """Variables of the server that say how source and store are opened, and which of them a variant of the model needs."""
    return {
        **({"SERIN_MODEL_VARIANT": variant} if variant else {}),
        **({"SERIN_SOURCE_HEADERS_FILE": SOURCE_HEADERS} if model.header_secret else {}),
        **({"SERIN_SOURCE_CA_FILE": SOURCE_CA} if model.ca_config_map else {}),
        **({"SERIN_SOURCE_CREDENTIALS_DIR": SOURCE_CREDENTIALS} if model.credentials else {}),
        **(_of_store(store) if store else {}),
    }


def _of_store(store: ModelStore) -> dict[str, str]:
    has_credentials = store.credentials or store.write_credentials
    return {
        "SERIN_STORE": store.uri,
        **({"SERIN_STORE_CREDENTIALS_DIR": f"{_FOLDER}/{STORE_CREDENTIALS}"} if has_credentials else {}),
        **({"SERIN_STORE_CA_FILE": f"{_FOLDER}/{STORE_CA}/ca.crt"} if store.ca_config_map else {}),
    }


def volumes(model: ModelSource, store: ModelStore | None, *, resolve: bool) -> list[JsonObject]:
    """Volumes of the pod.

    What opens the store is optional: a pod that lacks it reads the source, and a store is no reason not to start. Source and
    store on one claim share a volume, because a pod that has a claim twice is never started.
    """
    found: list[JsonObject] = []
    kept_on = claim_of(store.uri) if store else None
    if claim := claim_of(model.uri):
        found.append(_claim("model", claim, is_read_only=not (resolve and claim == kept_on)))
    if kept_on and kept_on != claim:
        found.append(_claim(STORE, kept_on, is_read_only=not resolve))
    if model.header_secret:
        items = [{"key": model.header_secret.key, "path": "headers"}]
        found.append({"name": "source", "secret": {"secretName": model.header_secret.name, "items": items}})
    if model.ca_config_map:
        items = [{"key": model.ca_config_map.key, "path": "ca.crt"}]
        found.append({"name": "source-ca", "configMap": {"name": model.ca_config_map.name, "items": items}})
    if model.credentials:
        found.append({"name": "source-credentials", "secret": {"secretName": model.credentials.secret_name}})
    if store and (secret := (store.write_credentials if resolve else None) or store.credentials):
        found.append({"name": STORE_CREDENTIALS, "secret": {"secretName": secret.secret_name, "optional": True}})
    if store and (authorities := store.ca_config_map):
        items = [{"key": authorities.key, "path": "ca.crt"}]
        found.append({"name": STORE_CA, "configMap": {"name": authorities.name, "items": items, "optional": True}})
    return found


def _claim(volume: str, claim: str, *, is_read_only: bool) -> JsonObject:
    return {
        "name": volume,
        "persistentVolumeClaim": {"claimName": claim, **({"readOnly": True} if is_read_only else {})},
    }


def mounts(model: ModelSource, store: ModelStore | None, *, resolve: bool) -> list[JsonObject]:
    """Where the server sees them: read-only, but for the store on a claim in the Job that fills it."""
    places = {
        "source": SOURCE_HEADERS.rpartition("/")[0],
        "source-ca": SOURCE_CA.rpartition("/")[0],
        "source-credentials": SOURCE_CREDENTIALS,
        STORE_CREDENTIALS: f"{_FOLDER}/{STORE_CREDENTIALS}",
        STORE_CA: f"{_FOLDER}/{STORE_CA}",
    }
    return [_mount(volume, places) for volume in volumes(model, store, resolve=resolve)]


def _mount(volume: JsonObject, places: dict[str, str]) -> JsonObject:
    claim = volume.get("persistentVolumeClaim")
    if claim is None:
        return {"name": volume["name"], "mountPath": places[volume["name"]], "readOnly": True}
    is_read_only = {"readOnly": True} if claim.get("readOnly") else {}
    return {"name": volume["name"], "mountPath": f"{CLAIMS}/{claim['claimName']}", **is_read_only}
