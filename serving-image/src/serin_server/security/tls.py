"""TLS with certificates that may be replaced while the server runs."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class _Pems:
    key: bytes
    chain: bytes
    authorities: bytes | None


class Certificates:
    """A certificate, its key and the authorities of clients, and what HTTP and gRPC make of them."""

    context: ssl.SSLContext
    """For connections from now on. Each reload makes a new one: an authority cannot be taken out of a context, and a
    context remembers sessions, by which a client would come in again without showing its certificate."""

    def __init__(self, cert_file: Path, key_file: Path, client_ca_file: Path | None = None) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._client_ca_file = client_ca_file
        self.files = (cert_file, key_file, client_ca_file)
        self.reload()

    def reload(self) -> None:
        """Reads the files again; what was loaded before stays unless all fit. Raises `OSError`, `ValueError`."""
        authorities = self._client_ca_file.read_bytes() if self._client_ca_file else None
        pems = _Pems(self._key_file.read_bytes(), self._cert_file.read_bytes(), authorities)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self._cert_file, self._key_file)
        if self._client_ca_file is not None:
            context.load_verify_locations(self._client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        self.context, self._pems = context, pems

    def grpc_credentials(self) -> Any:
        """Credentials for gRPC, which asks at each handshake whether there are newer files."""
        import grpc  # noqa: PLC0415 (only with gRPC)

        given = self._pems

        def configuration() -> Any:
            return grpc.ssl_server_certificate_configuration([(given.key, given.chain)], given.authorities)

        def fresh() -> Any:
            nonlocal given
            if given is self._pems:
                return None  # the one before goes on
            given = self._pems
            return configuration()

        return grpc.dynamic_ssl_server_credentials(configuration(), fresh, self._client_ca_file is not None)
