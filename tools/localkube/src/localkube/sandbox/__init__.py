"""A sandbox is a machine in small: its own mounts, network, processes and IPC, with our own pid 1."""
