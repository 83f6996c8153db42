"""A ModelDeployment in the cluster that this pod runs in, read and patched with the token of its account."""

import http.client
import json
import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from serin_server.commands.bumping.manifest import Pinned
from serin_server.config.settings import InvalidSetting
from serin_server.failures import LoadFailure, Reason, one_line

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MANAGER: Final = "serin-bump"
_FROM_GIT: Final = ("argocd", "kustomize-controller", "helm-controller", "helm", "fluxcd", "flux")
_SECONDS: Final = 30.0
Answer = tuple[int, Mapping[str, Any]]
Ask = Callable[[str, str, Mapping[str, Any] | None], Answer]
"""Method, path, and a merge patch or nothing; status, and what came."""


class Resource:
    """One ModelDeployment of the API server.

    Args:
        name: `namespace/name`.
        ask: Speaks with the API server; by default as pods do.

    Raises:
        InvalidSetting: There is no such object, or it may not be read, or a tool keeps it as Git has it.
        LoadFailure: The API server does not answer.
    """

    def __init__(self, name: str, ask: Ask | None = None) -> None:
        namespace, _, self.name = name.partition("/")
        if not namespace or not self.name:
            raise InvalidSetting(f"SERIN_BUMP_OBJECT={name!r}: give namespace/name")
        self._told = f"ModelDeployment {name}"
        self._path = f"/apis/serin.dev/v1alpha1/namespaces/{quote(namespace)}/modeldeployments/{quote(self.name)}"
        self._ask = ask or _as_pod
        self._object = self._answered("GET", None)
        if owner := self._owner():
            raise InvalidSetting(
                f"{self._told} is kept by {owner} as Git has it, so a patch would be taken back: let CI bump the file (SERIN_BUMP_FILE)"
            )

    @property
    def pinned(self) -> Pinned:
        """What it says now."""
        model = (self._object.get("spec") or {}).get("model") or {}
        return Pinned(*(str(model.get(field) or "") for field in ("version", "uri", "sha256")))

    def difference(self, wanted: Pinned) -> str:
        """What a patch would change."""
        now = self.pinned
        pairs = ((field, getattr(now, field), getattr(wanted, field)) for field in ("version", "uri", "sha256"))
        return "".join(f"-{field}: {old}\n+{field}: {new}\n" for field, old, new in pairs if old != new)

    def write(self, wanted: Pinned) -> None:
        """Patches it, unless it has changed since it was read. Raises as the class does."""
        model = {"version": wanted.version, "uri": wanted.uri, "sha256": wanted.sha256}
        version = (self._object.get("metadata") or {}).get("resourceVersion")
        self._answered("PATCH", {"metadata": {"resourceVersion": version}, "spec": {"model": model}})

    def _owner(self) -> str:
        """The tool that applies the object out of Git."""
        managers = (self._object.get("metadata") or {}).get("managedFields") or ()
        owning = [
            str(each.get("manager", ""))
            for each in managers
            if "f:version" in (((each.get("fieldsV1") or {}).get("f:spec") or {}).get("f:model") or {})
        ]
        return next((name for name in owning if name.lower().startswith(_FROM_GIT)), "")

    def _answered(self, method: str, patch: Mapping[str, Any] | None) -> Mapping[str, Any]:
        query = f"?fieldManager={_MANAGER}" if patch else ""
        try:
            status, told = self._ask(method, f"{self._path}{query}", patch)
        except OSError as error:
            raise LoadFailure(Reason.SOURCE_UNREACHABLE, f"the API server does not answer: {error}") from error
        if status == http.HTTPStatus.OK:
            return told
        why = one_line(told.get("message") or f"status {status}", 300)
        if status == http.HTTPStatus.CONFLICT or status >= 500 or status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise LoadFailure(Reason.SOURCE_UNREACHABLE, f"{self._told}: {why}: try again")
        raise InvalidSetting(f"{self._told}: {why}: check its name, and the rights of this account (get, patch)")


def _as_pod(method: str, path: str, patch: Mapping[str, Any] | None) -> Answer:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        token = (_ACCOUNT / "token").read_text().strip()
    except OSError:
        token = ""
    if not host or not token:
        raise InvalidSetting(
            "SERIN_BUMP_OBJECT is for pods with a token of the cluster; elsewhere bump a file (SERIN_BUMP_FILE), and apply it"
        )
    context = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    connection = http.client.HTTPSConnection(host, int(port), timeout=_SECONDS, context=context)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    if patch is not None:
        headers["Content-Type"] = "application/merge-patch+json"
    try:
        connection.request(method, path, json.dumps(patch) if patch is not None else None, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read() or b"{}")
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    return answer.status, told if isinstance(told, dict) else {}
