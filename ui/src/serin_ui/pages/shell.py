"""What all pages have: head, way home, look, and how they stay up to date."""

from dataclasses import dataclass
from typing import Final

from kubectl_serin.report.html import Markup, joined, tag
from kubectl_serin.report.look import STYLE

MORE_STYLE: Final = """
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; max-width: 76rem; margin: 0 auto; padding: .8rem 1rem 0; }
header form { margin: 0; } header .home { font-weight: 700; } header .rest { flex: 1; }
a { color: var(--line0); } a:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible, textarea:focus-visible,
.wide:focus-visible { outline: 3px solid var(--line0); outline-offset: 2px; }
main.fleet { max-width: 76rem; } .skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
form.filter { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: end; margin: 1rem 0; }
label { display: block; font-size: .87em; color: var(--soft); } input, select, textarea, button { font: inherit; color: inherit;
background: var(--paper); border: 1px solid var(--soft); border-radius: 4px; padding: .3rem .5rem; }
textarea { width: 100%; min-height: 8rem; font-family: ui-monospace, monospace; font-size: .9em; }
button { cursor: pointer; } label.live { display: inline-flex; gap: .4rem; align-items: center; }
.state { font-weight: 600; white-space: nowrap; } .state.trouble { color: var(--bad); } .state.rolling { color: var(--wait); }
.state.fine { color: var(--good); } td.number, th.number { text-align: right; white-space: nowrap; padding-right: 1.2rem; }
@media print { header, form.filter { display: none; } }
"""

LIVE_HEADER: Final = "X-Serin-Live"
LIVE: Final = """
"use strict";
const box = document.getElementById("live"), every = Number(document.body.dataset.every) * 1000;
async function again() {
  if (box.checked && !document.hidden) {
    try {
      const answer = await fetch(location.href, {headers: {"X-Serin-Live": "1"}});
      if (answer.status === 401) { location.reload(); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("content"), old = document.getElementById("content");
      if (fresh && box.checked) {
        const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
        old.replaceWith(fresh);
        if (focused) { const link = [...fresh.querySelectorAll("a")].find(a => a.getAttribute("href") === focused); if (link) link.focus(); }
      }
    } catch { /* the next time, perhaps */ }
  }
  setTimeout(again, every);
}
box.closest("label").hidden = false;
setTimeout(again, every);
"""
"""Only what is called `content` is exchanged, so that what somebody writes into a form stays."""


@dataclass(frozen=True)
class Shell:
    """What a page needs to know of the process and the moment."""

    nonce: str
    """Of this answer: scripts and styles without it do not run."""
    can_sign_out: bool = False
    every_seconds: float = 0
    """How often it is brought up to date; 0: not by itself."""
    is_part: bool = False
    """Whether a page that is shown already asks for its content alone."""


def policy(nonce: str) -> str:
    """The Content-Security-Policy that goes with `Shell.nonce`."""
    own = f"'nonce-{nonce}'"
    return (
        f"default-src 'none'; style-src {own}; script-src {own}; connect-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )


def page(title: str, shell: Shell, content: Markup, *, above: Markup | None = None, wide: bool = False) -> str:
    """A whole page.

    Args:
        title: Of the window.
        shell: As it is now.
        content: What is brought up to date.
        above: What stays as it is: a form.
        wide: Whether it holds a wide table.
    """
    fresh = tag("div", content, id="content")
    if shell.is_part:
        return fresh
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · Serin"),
        tag("style", Markup(STYLE + MORE_STYLE), nonce=shell.nonce),
    )
    main = tag("main", above or joined(()), fresh, id="main", class_="fleet" if wide else "one")
    script = [tag("script", Markup(LIVE), nonce=shell.nonce)] if shell.every_seconds else []
    body = tag(
        "body",
        tag("a", "to the content", href="#main", class_="skip"),
        _header(shell),
        main,
        *script,
        data_every=f"{shell.every_seconds:g}",
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _header(shell: Shell) -> Markup:
    parts = [tag("a", "All models", href="/", class_="home"), tag("span", class_="rest")]
    if shell.every_seconds:
        box = tag("input", type="checkbox", id="live", checked="checked")
        parts.append(tag("label", box, "live", class_="live", hidden="hidden"))
    if shell.can_sign_out:
        parts.append(tag("form", tag("button", "Sign out", type="submit"), method="post", action="/sign-out"))
    return tag("header", *parts)
