"""The model's own pods, by way of the API server: so no port has to be forwarded."""

import json
import sys
from pathlib import Path
from typing import Any

from kubectl_serin.kubectl import Kubectl
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.reading import Model
from serin_operator.api.names import PORT_SERVICE_HTTP, PORT_SERVICE_HTTPS, revision_object


def address(model: Model, version: str | None = None) -> str:
    """Path of the model at the API server; of one version, by its own Service.

    Raises:
        Problem: The model asks for keys, which cannot travel this way; or there is no such version.
    """
    serving = model.spec.get("serving") or {}
    if serving.get("apiKeys") or serving.get("jwt"):
        raise Problem(
            f"{model.name} asks clients for a key, and the API server passes none on",
            f"kubectl port-forward service/{model.name} 8443:{PORT_SERVICE_HTTPS}, then ask https://localhost:8443 with the key",
        )
    service = model.name
    if version:
        entry = model.entry(version)
        if entry is None:
            raise Problem(f"{model.name} has no version {version}", f"kubectl serin history {model.name}", Exit.ABSENT)
        service = revision_object(model.name, entry.revision)
    scheme, port = ("https", PORT_SERVICE_HTTPS) if serving.get("tls") else ("http", PORT_SERVICE_HTTP)
    return f"/api/v1/namespaces/{model.namespace}/services/{scheme}:{service}:{port}/proxy/v2/models/{model.name}"


def given(text: str) -> Any:  # noqa: ANN401 - any JSON
    """JSON as it was given: itself, ``@file``, or ``-`` for standard input.

    Raises:
        Problem: It is none, or the file cannot be read.
    """
    try:
        if text == "-":
            return json.loads(sys.stdin.read())
        return json.loads(Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text)
    except OSError as error:
        raise Problem(f"{text[1:]}: {error.strerror}", "name a file that can be read, as @file") from error
    except ValueError as error:
        raise Problem(f"this is no JSON: {error}", "give JSON, @file or - for standard input") from error


def answer(kubectl: Kubectl, path: str, body: Any = None) -> Any:  # noqa: ANN401 - any JSON
    """What the model says."""
    said = kubectl.raw(path) if body is None else kubectl.post(path, json.dumps(body))
    try:
        return json.loads(said)
    except ValueError:
        raise Problem("what answered is no server of Serin's", f"kubectl get --raw {path} shows it") from None
