"""A stand-in for Prometheus: both versions of every model answer alike, and when each was asked about is written down.

`python -m benchmarks.operator.prometheus PORT`; `/asked` gives the times (monotonic seconds) of the looks by model.
"""

import re
import sys
import time
from collections import defaultdict

from aiohttp import web

_MODEL = re.compile(r'model_name="([^"]+)"')
_ARMS = re.compile(r'model_revision=~"([^"|]+)\|([^"]+)"')
_AT = re.compile(r"@ ([0-9.]+)\)\), \"at\", \"(end|start)\"")
A_SECOND = 20.0
"""Requests a second of each version."""


def _answer(query, at):
    if (arms := _ARMS.search(query)) is None:  # somebody else's: a share that is fine
        return {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": {}, "value": [at, "0.001"]}]},
        }
    stable, canary = arms.groups()
    series = []
    for moment, name in _AT.findall(query):
        for revision in (stable, canary):
            for error, share in (("false", 0.999), ("true", 0.001)):
                value = int((float(moment) - 1.7e9) * A_SECOND * share)
                metric = {"at": name, "server_id": f"s-{revision}", "model_revision": revision, "error": error}
                series.append({"metric": metric, "value": [at, str(value)]})
    born = [{"at": "born", "server_id": f"s-{revision}"} for revision in (stable, canary)]
    series += [{"metric": metric, "value": [at, "1700000000"]} for metric in born]
    return {"status": "success", "data": {"resultType": "vector", "result": series}}


def application():
    asked = defaultdict(list)

    async def query(request):
        form = {**request.query, **(await request.post())}
        model = _MODEL.search(form["query"])[1]
        asked[model].append(time.monotonic())
        return web.json_response(_answer(form["query"], float(form.get("time", time.time()))))

    async def told(_request):
        return web.json_response(asked)

    app = web.Application()
    app.add_routes([web.route("*", "/api/v1/query", query), web.get("/asked", told)])
    return app


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
