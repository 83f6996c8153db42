"""The one error that users of this tool see: what happened, and the way out."""


class LocalKubeError(Exception):
    """Something a person can act on; `way_out` says how."""

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(f"{what}\n  way out: {way_out}" if way_out else what)
        self.what = what
        self.way_out = way_out
