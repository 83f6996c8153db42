"""The life of a process: its parts put together, its model, its ports, its end; several of them on one port."""
