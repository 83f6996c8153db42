"""Prometheus, asked for series of models that the person may see."""

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import HTTPRedirectHandler, Request, build_opener

from kubectl_serin.kubectl import Kubectl
from kubectl_serin.prometheus import TIMEOUT_SECONDS, Prometheus


class _Stays(HTTPRedirectHandler):
    """Follows nobody: the token is for one address."""

    def redirect_request(self, *_: object) -> None:
        """None: the redirect is an error."""


_OPENER = build_opener(_Stays)


@dataclass(frozen=True)
class OwnPrometheus(Prometheus):
    """By its address, with a token of this process's own."""

    token_file: Path | None = None

    def _get(self, path: str) -> str:
        request = Request(self.where + path)  # noqa: S310 - the settings take http and https alone
        if self.token_file is not None:
            request.add_header("Authorization", f"Bearer {self.token_file.read_text().strip()}")
        try:
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return str(answer.read().decode())
        except HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error


def prometheus_at(address: str, token_file: Path | None) -> OwnPrometheus | None:
    """Where queries go; None without an address."""
    return OwnPrometheus(Kubectl(), address, token_file) if address else None
