"""Reports that are kept: at each end of a rollout one is written where people look for it, by a process of its own."""
