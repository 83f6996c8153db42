"""TLS with certificates that may be replaced while the server runs."""

import ssl
from pathlib import Path


class Certificates:
    """A certificate, its key and the authorities of clients, and what HTTP and gRPC make of them."""

    context: ssl.SSLContext
    """For connections from now on. Each reload makes a new one: an authority cannot be taken out of a context, and a
    context remembers sessions, by which a client would come in again without showing its certificate."""
    rpc_context: ssl.SSLContext
    """The same for clients of gRPC."""

    def __init__(self, cert_file: Path, key_file: Path, client_ca_file: Path | None = None) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._client_ca_file = client_ca_file
        self.files = (cert_file, key_file, client_ca_file)
        self.reload()

    def reload(self) -> None:
        """Reads the files again; what was loaded before stays unless all fit. Raises `OSError`, `ValueError`."""
        self.context, self.rpc_context = self._context("http/1.1"), self._context("h2")

    def _context(self, protocol: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([protocol])
        context.load_cert_chain(self._cert_file, self._key_file)
        if self._client_ca_file is not None:
            context.load_verify_locations(self._client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context
