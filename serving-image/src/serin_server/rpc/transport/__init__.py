"""gRPC on HTTP/2, for a server alone: bytes of a connection in, calls out, and what answers them back on the wire."""
