"""Who looks: a bearer token that an auth proxy sends along, or one that a person has pasted, kept in a cookie of theirs."""

import re
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from serin_ui.problems import Problem, Unknown

COOKIE: Final = "serin-token"
LONGEST: Final = 3800
"""Bytes of a token that browsers keep in a cookie."""
_LOCAL: Final = {"localhost", "127.0.0.1", "::1"}
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")


def token_of(request: web.Request, *, signs_in: bool) -> str:
    """The token that goes to the API server.

    Raises:
        Unknown: There is none.
    """
    scheme, _, said = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _TOKEN.fullmatch(said.strip()):
        return said.strip()
    kept = request.cookies.get(COOKIE, "") if signs_in else ""
    if _TOKEN.fullmatch(kept):
        return kept
    way_out = (
        "sign in" if signs_in else "come through the proxy that signs you in: it has to send Authorization: Bearer"
    )
    raise Unknown("nobody knows yet who you are", way_out, 401)


def pasted(text: str) -> str:
    """A token as people paste it.

    Raises:
        Problem: It is none, or longer than a browser keeps.
    """
    token = "".join(text.split()).removeprefix("Bearer")
    if not _TOKEN.fullmatch(token):
        raise Problem("this is no token", "paste what kubectl create token prints: letters, digits and dots", 400)
    if len(token) > LONGEST:
        raise Problem(
            f"this token has {len(token):,} characters, and browsers keep {LONGEST:,}",
            "use a shorter one (kubectl create token), or an auth proxy in front of this page",
            400,
        )
    return token


def is_guarded(request: web.Request) -> bool:
    """Whether nobody can listen in: over TLS, also before a proxy, or on this machine."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
    return request.secure or forwarded == "https" or (urlsplit(f"//{request.host}").hostname or "") in _LOCAL


def is_own_form(request: web.Request) -> bool:
    """Whether a form was sent from a page of ours, and not from somebody else's."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    origin = request.headers.get("Origin")  # of browsers that do not say it
    return origin is None or urlsplit(origin).netloc == request.host


def keep(response: web.StreamResponse, request: web.Request, token: str) -> None:
    """Into a cookie that scripts cannot read and other sites do not send; it ends with the browser."""
    is_local = (urlsplit(f"//{request.host}").hostname or "") in _LOCAL
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=not is_local, path="/")


def forget(response: web.StreamResponse) -> None:
    """Sign out."""
    response.del_cookie(COOKIE, path="/")
