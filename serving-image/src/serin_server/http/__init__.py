"""HTTP/1.1 of our own: uvloop's transports, httptools' parser, and nothing between them and the data plane."""
