"""Each state of a ModelDeployment, with the moment at which this machine heard of it, and how late that is."""

import http.client
import json
import socket
import ssl
import tempfile
import threading
import time
from base64 import b64decode
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import yaml

_OBJECTS = "/apis/serin.dev/v1alpha1/namespaces/{}/modeldeployments"
_MARK = "bench.serin.dev/mark"


class Watch:
    """Everything that was heard: a list of (`time.monotonic`, object) that grows while the watch is open."""

    def __init__(self, space):
        self.heard = []
        self._space = space
        self._path = _OBJECTS.format(space.namespace)

    def lag_ms(self):
        """Milliseconds from sending a write of ours until the watch tells it; no less than what a status takes to be heard."""
        mark = str(time.monotonic_ns())
        body = json.dumps({"metadata": {"annotations": {_MARK: mark}}})
        connection = _connection(self._space)
        connection.connect()
        sent = time.monotonic()
        path = f"{self._path}/{self._space.name}"
        connection.request("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})
        answer = connection.getresponse()
        refusal = answer.read().decode() if answer.status != http.client.OK else ""
        connection.close()
        assert not refusal, refusal
        heard = self._space.wait_until("the mark is heard", lambda: self._first(mark), 30)
        return round((heard - sent) * 1000)

    def _first(self, mark):
        found = (at for at, obj in self.heard if obj["metadata"].get("annotations", {}).get(_MARK) == mark)
        return next(found, None)

    def read(self, lines):
        """Hear until the watch is ended."""
        with suppress(OSError, http.client.HTTPException):  # that is how it ends
            for line in lines:
                at = time.monotonic()
                self.heard.append((at, json.loads(line)["object"]))


@contextmanager
def watching(space):
    """A watch over the one ModelDeployment of a namespace."""
    watch = Watch(space)
    connection = _connection(space)
    connection.request("GET", _OBJECTS.format(space.namespace) + "?watch=true")
    answer = connection.getresponse()
    assert answer.status == http.client.OK, answer.read()
    reader = threading.Thread(target=watch.read, args=(answer,))
    reader.start()
    try:
        space.wait_until("the watch tells what there is", lambda: watch.heard, 60)
        yield watch
    finally:
        connection.sock.shutdown(socket.SHUT_RDWR)
        reader.join()
        connection.close()


def _connection(space):
    """To the API server, by the client certificate of a cluster of the tests."""
    config = yaml.safe_load(Path(space.kubernetes.kubeconfig).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_content(cluster, "certificate-authority"))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("client-certificate", "client-key")]
        for each in files:
            each.write_text(_content(user, each.name))
        context.load_cert_chain(*files)
    address = urlsplit(cluster["server"])
    return http.client.HTTPSConnection(address.hostname, address.port, context=context)


def _content(entry, name):
    """What stands in a kubeconfig, or in the file that it names."""
    return b64decode(entry[f"{name}-data"]).decode() if f"{name}-data" in entry else Path(entry[name]).read_text()
