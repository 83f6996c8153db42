"""The Open Inference Protocol over gRPC, for clients that want it; binary tensors over HTTP are the fast path."""
