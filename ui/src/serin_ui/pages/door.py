"""What is shown to those who are not let in, or who asked for what cannot be shown."""

from kubectl_serin.report.html import Markup, joined, tag
from serin_ui.fleet import Wanted
from serin_ui.pages.fleet import filter_form
from serin_ui.pages.shell import Shell, page
from serin_ui.problems import Problem


def sign_in_page(shell: Shell, says: str | None = None) -> str:
    """Where a token is pasted."""
    field = tag(
        "label", "Token", tag("textarea", name="token", required="required", spellcheck="false", autocomplete="off")
    )
    form = tag("form", field, tag("p", tag("button", "Sign in", type="submit")), method="post", action="/sign-in")
    content = joined(
        [
            tag("h1", "Sign in"),
            *([tag("p", says, class_="lead", role="alert")] if says else []),
            tag(
                "p",
                "You see what your token may see in the cluster: what the role ",
                tag("code", "view"),
                " lets you. For example:",
            ),
            tag(
                "p",
                tag("code", "kubectl create token NAME -n NAMESPACE --duration 8h"),
                " for a service account of yours,",
            ),
            tag(
                "p",
                "or the token of your login, if kubectl uses one. It stays in a cookie of this browser until you close it.",
            ),
            form,
        ]
    )
    return page("Sign in", shell, content)


def problem_page(problem: Problem, shell: Shell, namespace: str | None = None) -> str:
    """Why there is nothing to see, and the way out."""
    content = joined([tag("h1", _sentence(str(problem))), tag("p", _sentence(problem.way_out), class_="lead")])
    above: Markup | None = filter_form(Wanted(), namespace or "") if namespace is not None else None
    return page("Not shown", shell, content, above=above, wide=True)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
