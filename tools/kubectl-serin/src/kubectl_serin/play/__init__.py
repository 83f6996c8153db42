"""A rollout played without a cluster: the operator's own decisions and evidence, in a cluster where everything works."""
