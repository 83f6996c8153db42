"""Real servers of stores, built once from their modules and started by the tests that need them, on this machine only.

What each leaves in the cache: versitygw 45 MB, the registry 56 MB, fake-gcs-server 34 MB, each built in some minutes; azurite
186 MB, from npm in half a minute, which needs Node 20 or newer. `make stores` builds them all ahead of the tests.
"""

import base64
import hmac
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formatdate
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from tests.support.ports import free_port

from localkube.binaries.bundles import Bundle, ForeignModule, versitygw
from localkube.binaries.gobuild import build, go_command
from localkube.cache import cache_folder, locked
from localkube.errors import LocalKubeError
from localkube.reporting import ToTerminal

ACCESS_KEY = "AKIDOFTHETESTS"
SECRET_KEY = "secret-of-the-tests"
REGION = "eu-west-1"
_FLAGS = ("-trimpath", "-ldflags", "-s -w")
_MODULES = {
    "versitygw": versitygw().build,  # as the quickstart's
    "registry": ForeignModule(
        "github.com/distribution/distribution/v3",
        "v3.1.2",
        "h1:/Bv2YIqqSR00HiO49FT93hovy6r9IlrzwUDsJjCN5qg=",
        {"registry": "./cmd/registry"},
        _FLAGS,
    ),
    "fake-gcs-server": ForeignModule(
        "github.com/fsouza/fake-gcs-server",
        "v1.56.1",
        "h1:K03sAvbLvDz4hAynpCCUqnNRp+ik9JFSvHbkD/wTPOU=",
        {"fake-gcs-server": "."},
        _FLAGS,
    ),
}
_AZURITE = "3.35.0"


def program(name: str) -> Path:
    """A program of the table, built if it has to be; skips the test where there is no Go."""
    module = _MODULES[name]
    folder = cache_folder() / "bin" / f"{name}-{module.version}"
    with locked(folder.parent / f".{folder.name}.lock"):
        if not (folder / name).exists():
            try:
                go_command()
            except LocalKubeError as error:
                pytest.skip(str(error))
            scratch = folder / ".making"
            scratch.mkdir(parents=True, exist_ok=True)
            build(Bundle(name, module.version, {}, module), [name], scratch, ToTerminal())
            (scratch / name).rename(folder / name)
    return folder / name


def azurite() -> Path:
    """Azurite's program for blobs, from npm; skips the test where there is no Node."""
    folder = cache_folder() / "bin" / f"azurite-{_AZURITE}"
    found = folder / "node_modules/azurite/dist/src/blob/main.js"
    if shutil.which("npm") is None:
        pytest.skip("azurite comes from npm, and there is none")
    with locked(folder.parent / f".{folder.name}.lock"):
        if not found.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # Scripts of packages are not run; nothing of azurite's needs one.
            command = [
                "npm",
                "install",
                "--silent",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                f"azurite@{_AZURITE}",
            ]
            subprocess.run(command, cwd=folder, check=True)
    return found


@contextmanager
def running(command: list[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A program that listens on a port; ended when the tests are done with it."""
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdout=written, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
    try:
        _until_it_listens(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = monotonic() + 240
    while monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            sleep(0.05)  # a program of others, which tells nobody when it is ready
        else:
            return
    raise AssertionError(log.read_text(errors="replace"))


@contextmanager
def s3(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server with buckets below a folder; the variables that open it."""
    (folder / "buckets").mkdir()
    port = free_port()
    command = [
        str(program("versitygw")),
        "--port",
        f"127.0.0.1:{port}",
        "--region",
        REGION,
        "posix",
        str(folder / "buckets"),
    ]
    keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    with running(command, port, folder / "versitygw.log", keys):
        yield {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }


@contextmanager
def gcs(folder: Path) -> Iterator[dict[str, str]]:
    """A server of Google Cloud Storage's protocol; the variables that open it."""
    (folder / "gcs" / "models").mkdir(parents=True)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [
        str(program("fake-gcs-server")), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory",
        "-external-url", address, "-public-host", f"127.0.0.1:{port}", "-data", str(folder / "gcs"),
    ]  # fmt: skip
    with running(command, port, folder / "gcs.log"):
        yield {"GOOGLE_BASE_URL": address, "GOOGLE_SKIP_SIGNATURE": "true"}


def put_into_gcs(variables: Mapping[str, str], bucket: str, name: str, content: bytes) -> None:
    """Puts an object into a bucket of the server by the protocol's JSON API."""
    address = f"{variables['GOOGLE_BASE_URL']}/upload/storage/v1/b/{bucket}/o"
    asked = {"uploadType": "media", "name": name}
    httpx.post(address, params=asked, content=content, trust_env=False).raise_for_status()


@contextmanager
def azure(folder: Path) -> Iterator[dict[str, str]]:
    """A server of Azure Storage's protocol; the variables that open it."""
    (folder / "azurite").mkdir()
    port = free_port()
    account, key = "serintests", "c2VyaW4tdGVzdHMta2V5LW9mLWF6dXJpdGU="
    command = [
        "node", str(azurite()), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "azurite"),
        "--skipApiVersionCheck", "--disableTelemetry", "--silent",
    ]  # fmt: skip
    with running(command, port, folder / "azurite.log", {"AZURITE_ACCOUNTS": f"{account}:{key}"}):
        _make_container(f"http://127.0.0.1:{port}/{account}", account, key)
        yield {
            "AZURE_STORAGE_ACCOUNT_NAME": account,
            "AZURE_STORAGE_ACCOUNT_KEY": key,
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port}/{account}",
        }


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """An OCI registry; its host and port."""
    port = free_port()
    configuration = folder / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with running([str(program("registry")), "serve", str(configuration)], port, folder / "registry.log"):
        yield f"127.0.0.1:{port}"


def _make_container(address: str, account: str, key: str) -> None:
    """Makes the container `models`: obstore makes none, so the request is signed here (Shared Key of Azure Storage)."""
    now, version = formatdate(usegmt=True), "2021-12-02"
    blanks = "\n" * 12
    signed = f"PUT{blanks}x-ms-date:{now}\nx-ms-version:{version}\n/{account}/{account}/models\nrestype:container"
    proof = base64.b64encode(hmac.digest(base64.b64decode(key), signed.encode(), "sha256")).decode()
    headers = {"x-ms-date": now, "x-ms-version": version, "Authorization": f"SharedKey {account}:{proof}"}
    httpx.put(f"{address}/models?restype=container", headers=headers, trust_env=False).raise_for_status()


if __name__ == "__main__":
    for make in (*(partial(program, name) for name in _MODULES), azurite):
        with suppress(pytest.skip.Exception):  # without Go or npm the tests of it are left out too
            make()
