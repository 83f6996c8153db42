"""TLS with certificates that may be replaced while the server runs."""

import ssl
from pathlib import Path
from typing import Any


class Certificates:
    """A certificate, its key and the authorities of clients, and what HTTP and gRPC make of them."""

    def __init__(self, cert_file: Path, key_file: Path, client_ca_file: Path | None = None) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._client_ca_file = client_ca_file
        self.files = (cert_file, key_file, client_ca_file)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.reload()

    def reload(self) -> None:
        """Reads the files again; connections from now on get the new certificate. Raises `OSError`, `ValueError`."""
        # Into a trial context first: half a pair must not replace a whole one.
        trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trial.load_cert_chain(self._cert_file, self._key_file)
        self.context.load_cert_chain(self._cert_file, self._key_file)
        if self._client_ca_file is not None:
            self.context.load_verify_locations(self._client_ca_file)
            self.context.verify_mode = ssl.CERT_REQUIRED

    def grpc_credentials(self) -> Any:
        """Credentials for gRPC, which asks for the files anew at each handshake."""
        import grpc  # noqa: PLC0415 (only with gRPC)

        def configuration() -> Any:
            authorities = self._client_ca_file.read_bytes() if self._client_ca_file else None
            pair = (self._key_file.read_bytes(), self._cert_file.read_bytes())
            return grpc.ssl_server_certificate_configuration([pair], authorities)

        def fresh() -> Any:
            try:
                return configuration()
            except OSError:
                return None  # the one before goes on

        return grpc.dynamic_ssl_server_credentials(configuration(), fresh, self._client_ca_file is not None)
