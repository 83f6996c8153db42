"""What a local cluster can learn on request: Prometheus, a real Gateway, metrics of pods and nodes."""
