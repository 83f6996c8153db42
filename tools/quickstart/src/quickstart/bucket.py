"""The bucket that the models come from: who may open it, and what is put into it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from quickstart.commands import CommandFailed, Kubectl

if TYPE_CHECKING:
    from obstore.store import S3Credential

BUCKET = "models"
NAME = "bucket"
"""Of the server's Deployment and Service, and of the Secret that opens it."""
PORT = 7070
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket of the S3 server in one namespace, and the key that opens it."""

    namespace: str
    key_id: str
    secret_key: str

    @classmethod
    def with_a_new_key(cls, namespace: str) -> Bucket:
        """As for every quickstart: the key is good for this one server."""
        return cls(namespace=namespace, key_id=f"AKIA{secrets.token_hex(8).upper()}", secret_key=secrets.token_hex(20))

    def secret(self) -> dict[str, Any]:
        """The Secret for the server, and for the pods of the model: by the names that tools of S3 know."""
        opened_by = {
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://{NAME}.{self.namespace}.svc",
        }
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "stringData": opened_by}

    def put(self, kubectl: Kubectl, folder: Path, files: list[Path]) -> None:
        """Upload files through a port-forward, which reaches the server on any cluster."""
        with kubectl.forwarded(f"deployment/{NAME}", PORT) as address:
            self.upload(f"http://{address}", folder, files)

    def upload(self, endpoint: str, folder: Path, files: list[Path]) -> None:
        """Put files into the bucket, under their paths below the folder."""
        store = S3Store(
            BUCKET,
            endpoint=endpoint,
            region=REGION,
            credential_provider=self._key,  # and nothing of what the environment says, like a session's token
            client_options={"allow_http": True, "timeout": "30s"},
            retry_config={"max_retries": 2},
        )
        for file in files:
            try:
                obstore.put(store, file.relative_to(folder).as_posix(), file.read_bytes())
            except (BaseError, OSError) as error:
                raise CommandFailed(f"{file} cannot be put into s3://{BUCKET}/ at {endpoint}: {error}") from error

    def _key(self) -> S3Credential:
        return {"access_key_id": self.key_id, "secret_access_key": self.secret_key, "expires_at": None}
