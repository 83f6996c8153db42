"""The fleet: a table that filters."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from kubectl_serin.report.html import Markup, joined, tag
from kubectl_serin.words import pods
from serin_ui.fleet import Row, State, Wanted
from serin_ui.pages.shell import Shell, page


def fleet_page(
    rows: Sequence[Row],
    wanted: Wanted,
    namespace: str,
    now: datetime,
    shell: Shell,
    *,
    is_cut: bool = False,
    lacks: str | None = None,
) -> str:
    """The page.

    Args:
        rows: All that the person may see, in the order in which they are shown.
        wanted: Which of them.
        namespace: That is looked at; empty: all.
        now: When it is made.
        shell: As it is now.
        is_cut: Whether there are more than are listed.
        lacks: Why there are no numbers.
    """
    shown = [row for row in rows if wanted.has(row)]
    content = joined(
        [
            tag("p", _sentence(rows, shown, namespace), class_="lead", role="status"),
            *([tag("p", f"Only the first {len(rows):,} are listed: name a namespace.")] if is_cut else []),
            _table(shown) if shown else tag("p", _nothing(rows)),
            tag("p", f"as of {now:%Y-%m-%d %H:%M:%S} UTC{f'; no numbers: {lacks}' if lacks else ''}", class_="quiet"),
        ]
    )
    above = joined([tag("h1", "Models"), filter_form(wanted, namespace)])
    return page("Models", shell, content, above=above, wide=True)


def filter_form(wanted: Wanted, namespace: str) -> Markup:
    """What somebody wants to see; it works without scripts."""
    choices = [("", "every state"), *((state.name.lower(), state.value) for state in State)]
    chosen = wanted.state.name.lower() if wanted.state else ""
    options = [
        tag("option", says, value=value, **({"selected": "selected"} if value == chosen else {}))
        for value, says in choices
    ]
    fields = (
        ("Words", tag("input", type="search", name="words", value=wanted.words, placeholder="name, version, reason")),
        ("Namespace", tag("input", name="namespace", value=namespace, placeholder="all", autocomplete="off")),
        ("State", tag("select", *options, name="state")),
    )
    labels = [tag("label", tag("span", says), tag("br"), field) for says, field in fields]
    return tag(
        "form", *labels, tag("button", "Show", type="submit"), method="get", action="/", class_="filter", role="search"
    )


def _sentence(rows: Sequence[Row], shown: Sequence[Row], namespace: str) -> str:
    where = f" in {namespace}" if namespace else ""
    counted = [(state, sum(row.state is state for row in rows)) for state in State]
    told = ", ".join(f"{number:,} {state.value}" for state, number in counted if number)
    models = "model" if len(rows) == 1 else "models"
    listed = f"{len(rows):,} {models}{where}{': ' if told else ''}{told}."
    return listed if len(shown) == len(rows) else f"{len(shown):,} of {listed}"


def _nothing(rows: Sequence[Row]) -> str:
    return (
        "None of them is like that: empty the fields above."
        if rows
        else "There are none here yet: docs/first-model.md makes one."
    )


HEAD = ("model", "namespace", "state", "serves", "new", "pods", "req/s", "errors", "p99", "what it says")
NUMBERS = frozenset({"req/s", "errors", "p99", "pods"})


def _table(rows: Sequence[Row]) -> Markup:
    head = tag("thead", tag("tr", *(tag("th", one, scope="col", class_=_class(one)) for one in HEAD)))
    body = tag("tbody", *(_row(row) for row in rows))
    return tag("div", tag("table", head, body), class_="wide", tabindex="0", role="region", aria_label="Models")


def _class(column: str) -> str:
    return "number" if column in NUMBERS else "text"


def _row(row: Row) -> Markup:
    model = row.model
    address = f"/models/{quote(model.namespace, safe='')}/{quote(model.name, safe='')}"
    stable, new = model.stable, model.candidate
    cells = (
        tag("a", model.name, href=address),
        model.namespace,
        tag("span", row.state.value, class_=f"state {row.state.name.lower()}"),
        stable.version if stable else "-",
        f"{new.version}, {new.weight or 0} %" if new else "-",
        pods(stable.ready, stable.replicas) if stable else "-",
        _number(row.numbers.get("requests"), 1, ""),
        _number(row.numbers.get("errors"), 100, " %"),
        _number(row.numbers.get("p99"), 1000, " ms"),
        row.says or "-",
    )
    first, *rest = zip(HEAD, cells, strict=True)
    name = tag("th", first[1], scope="row")
    return tag("tr", name, *(tag("td", cell, class_=_class(column)) for column, cell in rest))


def _number(value: float | None, times: float, unit: str) -> str:
    return "-" if value is None else f"{times * value:.3g}{unit}"
