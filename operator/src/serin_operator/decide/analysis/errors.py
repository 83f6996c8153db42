"""What the engine says to input that makes no sense: which field, why, and the way out."""


class InvalidAnalysis(ValueError):
    """A configuration, a sample or a recorded state that cannot be judged.

    `field` names the offender as the caller knows it (`metrics[errors].margin`, `canary.bad`), so that an adapter can
    put it into a condition without parsing the sentence.
    """

    def __init__(self, field: str, why: str, way_out: str) -> None:
        super().__init__(f"{field}: {why}; {way_out}")
        self.field = field
        self.why = why
        self.way_out = way_out


def require_fraction(field: str, value: float, *, low: float, high: float) -> None:
    """Refuse a number outside the open interval (low, high), NaN included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
        raise InvalidAnalysis(field, f"{value!r} is not between {low:g} and {high:g}", "give a number strictly between")


def require_finite(field: str, value: float) -> None:
    """Refuse NaN, infinities and things that are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == float("inf"):  # noqa: PLR0124  NaN is the one number unequal to itself
        raise InvalidAnalysis(field, f"{value!r} is not a finite number", "report NoData instead of a value")


def require_count(field: str, value: int) -> None:
    """Refuse anything but a whole number of events, zero or more.

    Fractions are refused on purpose: they come from `rate()` and `increase()`, which extrapolate and so invent events.
    """
    if type(value) is not int:
        raise InvalidAnalysis(
            field, f"{value!r} is not a whole number", "difference raw counters instead of using rate()"
        )
    if value < 0:
        raise InvalidAnalysis(
            field, f"{value} is negative", "treat a counter that fell as reset, or report QueryFailed"
        )


def require_design_effect(value: float) -> None:
    """Refuse a design effect below 1."""
    require_finite("design_effect", value)
    if value < 1:
        raise InvalidAnalysis("design_effect", f"{value:g} is below 1", "evidence is never worth more than its counts")
