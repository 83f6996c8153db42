"""The API server itself, for questions by the hundred: one connection, and what kubectl would have printed."""

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import yaml
from tests.support.kubernetes import Kubernetes


@dataclass(frozen=True)
class Api:
    """A connection to an API server as its administrator."""

    connection: http.client.HTTPSConnection

    def refused(self, path: str, obj: Mapping[str, Any]) -> str:
        """What is said to an object that must not be created, held against its schema as strictly as kubectl asks for."""
        self.connection.request(
            "POST", f"{path}?fieldValidation=Strict", json.dumps(obj), {"Content-Type": "application/json"}
        )
        answer = self.connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status in {400, 422}, f"{answer.status}: {told}"
        return str(told["message"])


@contextmanager
def connected(kubernetes: Kubernetes) -> Iterator[Api]:
    """A connection that is closed in the end."""
    config = yaml.safe_load(Path(kubernetes.kubeconfig).read_text())
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cadata=base64.b64decode(server["certificate-authority-data"]).decode())
    with TemporaryDirectory() as folder:
        pair = Path(folder) / "client.pem"
        pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        tls.load_cert_chain(pair)
    connection = http.client.HTTPSConnection(urlsplit(server["server"]).netloc, context=tls, timeout=30)
    try:
        yield Api(connection)
    finally:
        connection.close()
