"""The way to the API server takes what it uses of the official client, and no more: the image has no more of it."""

import json
import re
import sys

from serin_operator.cluster.connection import Connection

CREDENTIAL = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "t"}}
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}}],
    "users": [
        {
            "name": "u",
            "user": {
                "exec": {
                    "apiVersion": CREDENTIAL["apiVersion"],
                    "command": "printf",
                    "args": ["%s", json.dumps(CREDENTIAL)],
                    "interactiveMode": "Never",
                }
            },
        }
    ],
}


async def test_no_class_of_a_kind_is_loaded_to_find_the_api_server(tmp_path):
    file = tmp_path / "config"
    file.write_text(json.dumps(KUBECONFIG))
    connection = await Connection.load({"KUBECONFIG": str(file)})
    assert connection.server == "https://127.0.0.1:6443"
    classes = re.compile(r"kubernetes[.](aio[.])?client[.](api|models)[.]")
    assert [name for name in sys.modules if classes.match(name)] == []
