"""Find the API server and speak to it as the official client would: its configuration, its TLS, its tokens.

The sessions carry raw JSON: typed models cost four times the call.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import KUBE_CONFIG_DEFAULT_LOCATION, ConfigException, load_incluster_config, load_kube_config
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_TOKEN_FILENAME

_CONNECT_SECONDS = 5.0
_UNAUTHORIZED = 401


class NoCluster(Exception):
    """There is neither a service account nor a usable kubeconfig."""


class Connection:
    """The address of an API server and the credentials for it.

    A session belongs to the event loop in which it was made, so each loop asks for its own. Tokens are looked up for
    every request: service-account tokens rotate each hour, and those of exec plugins when they please.
    """

    def __init__(self, configuration: Configuration, kubeconfig: str | None) -> None:
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._ssl_context = RESTClientObject(configuration).ssl_context
        self.server: str = configuration.host.rstrip("/")

    @classmethod
    async def load(cls, environ: Mapping[str, str] = os.environ) -> "Connection":
        """Connect as the pod's service account, or as the current context of the kubeconfig when run by hand."""
        configuration = Configuration()
        kubeconfig = environ.get("KUBECONFIG") or (None if _is_in_pod(environ) else KUBE_CONFIG_DEFAULT_LOCATION)
        try:
            if kubeconfig is None:
                load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await _read_kubeconfig(kubeconfig, configuration)
        except (ConfigException, OSError) as error:
            raise NoCluster(
                f"no Kubernetes to talk to: run in a pod with a service account, or set KUBECONFIG ({error})"
            ) from error
        return cls(configuration, kubeconfig)

    def new_session(self, *, connections: int = 0) -> aiohttp.ClientSession:
        """A session for the running event loop; at most so many connections at once (0: no limit)."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._ssl_context, limit=connections),
            middlewares=(self._authenticate,),
            proxy=self._configuration.proxy or proxy_for(self.server),
            timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
        )

    async def _authenticate(self, request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
        settings = await self._configuration.auth_settings()
        bearer = settings.get("BearerToken")
        if bearer is not None and bearer["value"]:
            request.headers["Authorization"] = bearer["value"]
        if self._configuration.tls_server_name:
            request.server_hostname = self._configuration.tls_server_name
        response = await handler(request)
        if response.status == _UNAUTHORIZED and self._kubeconfig is not None:
            # A short-lived token has run out: the next attempt finds a new one. Pods read theirs again anyway.
            await _read_kubeconfig(self._kubeconfig, self._configuration)
        return response


async def _read_kubeconfig(path: str, configuration: Configuration) -> None:
    await load_kube_config(  # type: ignore[no-untyped-call]
        config_file=path, client_configuration=configuration, persist_config=False
    )


def _is_in_pod(environ: Mapping[str, str]) -> bool:
    return SERVICE_HOST_ENV_NAME in environ and Path(SERVICE_TOKEN_FILENAME).exists()


def new_plain_session(url: str, *, connections: int = 0) -> aiohttp.ClientSession:
    """A session for another server than the API server: none of its credentials, none of its TLS."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        proxy=proxy_for(url),
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
    )


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address.

    aiohttp would find it too (``trust_env``), but would then also read passwords from a ``.netrc``.
    """
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies_environment().get(parts.scheme)
