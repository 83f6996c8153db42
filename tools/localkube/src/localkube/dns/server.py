"""Serve DNS on a node's address: `python -m localkube.dns.server FOLDER_OF_CLUSTER API_SERVER ADDRESS`.

Two watches keep Services and EndpointSlices; while the API server is away the last known answers stand.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from pathlib import Path
from typing import Any

from localkube.apiclient import ApiClient
from localkube.dns.names import addresses
from localkube.dns.wire import parse, reply

_RETRY_SECONDS = 0.5
_KINDS = {"services": "/api/v1/services", "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices"}


class Store:
    """The last known objects of each kind."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self.objects: dict[str, dict[tuple[str, str], dict[str, Any]]] = {kind: {} for kind in _KINDS}

    def follow(self, kind: str) -> None:
        """List, watch, and start again when the watch ends; for ever."""
        while True:
            try:
                self._follow_once(kind)
            except Exception as error:  # noqa: BLE001 - whatever happened, the next list mends it
                print(kind, repr(error), flush=True)
                time.sleep(_RETRY_SECONDS)

    def _follow_once(self, kind: str) -> None:
        status, body = self._api.get(_KINDS[kind], timeout_seconds=30)
        if status != 200:
            raise ConnectionError(f"status {status}")
        listed = json.loads(body)
        self.objects[kind] = {_key(item): item for item in listed["items"]}
        version = listed["metadata"]["resourceVersion"]
        for event in self._api.watch(f"{_KINDS[kind]}?watch=1&timeoutSeconds=300&resourceVersion={version}"):
            self._apply(kind, event)

    def _apply(self, kind: str, event: dict[str, Any]) -> None:
        match event["type"]:
            case "ERROR":
                raise ConnectionError(event["object"].get("message", "watch error"))
            case "DELETED":
                # A copy, because readers iterate: they see the old or the new one.
                self.objects[kind] = {k: v for k, v in self.objects[kind].items() if k != _key(event["object"])}
            case _:
                self.objects[kind] = {**self.objects[kind], _key(event["object"]): event["object"]}

    def answer(self, message: bytes) -> bytes:
        """The reply to one query."""
        question = parse(message)
        return reply(question, addresses(question.name, self.objects["services"], self.objects["endpointslices"]))


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def main() -> None:
    """Follow, and answer over UDP and TCP."""
    folder, api_server, address = sys.argv[1:]
    store = Store(ApiClient(api_server, Path(folder) / "pki"))

    class OverUdp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, listener = self.request
            listener.sendto(store.answer(data), self.client_address)

    class OverTcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while length := self.rfile.read(2):
                answer = store.answer(self.rfile.read(int.from_bytes(length, "big")))
                self.wfile.write(len(answer).to_bytes(2, "big") + answer)

    for kind in _KINDS:
        threading.Thread(target=store.follow, args=(kind,), daemon=True).start()
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    tcp = socketserver.ThreadingTCPServer((address, 53), OverTcp)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    socketserver.ThreadingUDPServer((address, 53), OverUdp).serve_forever()


if __name__ == "__main__":
    main()
