"""A collector of spans, as OpenTelemetry's: it takes OTLP over HTTP in protobuf, and may be made to hang."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.serving import wait_for


class Collector:
    """Takes what is posted to it, as a collector does."""

    def __init__(self):
        self.batches = []
        self.paths = set()
        self.types = set()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def spans(self):
        """Every span that came, beside the attributes of its resource."""
        return [
            (span, attributes(resource.resource))
            for batch in self.batches
            for resource in batch.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def span_of(self, trace_id):
        return wait_for(lambda: next((each for each in self.spans() if each[0].trace_id.hex() == trace_id), None))


def attributes(told):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in told.attributes}


@contextmanager
def collecting():
    collector = Collector()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.may_answer.wait(60)
            collector.batches.append(ExportTraceServiceRequest.FromString(body))
            collector.paths.add(self.path)
            collector.types.add(self.headers["content-type"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    receiver.daemon_threads = True
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    collector.address = f"http://127.0.0.1:{receiver.server_port}"
    yield collector
    collector.may_answer.set()
    receiver.shutdown()
    receiver.server_close()
