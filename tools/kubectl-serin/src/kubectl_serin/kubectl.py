"""The cluster, by way of kubectl: so every login that works there works here."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubectl_serin.problems import Exit, Problem
from kubectl_serin.words import cleaned
from serin_operator.api.names import GROUP, PLURAL

JsonObject = dict[str, Any]
RESOURCE = f"{PLURAL}.{GROUP}"


@dataclass(frozen=True)
class Ended:
    """How a run of kubectl ended."""

    exit_code: int
    output: str
    error: str


Runner = Callable[[tuple[str, ...], str | None], Ended]


def run_kubectl(arguments: tuple[str, ...], text: str | None) -> Ended:
    """Run the kubectl that is in PATH, with `text` as its input.

    Raises:
        Problem: There is none.
    """
    try:
        done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Problem(
            f"kubectl cannot be started: {error.strerror}",
            "install kubectl, or put it into PATH: https://kubernetes.io/docs/tasks/tools",
            Exit.UNREACHABLE,
        ) from error
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Kubectl:
    """Calls with the flags that say which cluster, which namespace and who."""

    connection: tuple[str, ...] = ()
    """For example ``--context=prod``."""
    namespace: str | None = None
    """None: that of the kubeconfig."""
    run: Runner = run_kubectl

    def call(self, *arguments: str, text: str | None = None) -> str:
        """What kubectl prints.

        Raises:
            Problem: It fails; with the reason told in a person's words.
        """
        done = self.run((*self._flags(), *arguments), text)
        if done.exit_code:
            raise told(done.error or done.output, self.namespace)
        return done.output

    def json(self, *arguments: str) -> JsonObject:
        """``kubectl get … -o json``, parsed."""
        found: JsonObject = json.loads(self.call("get", *arguments, "-o", "json"))
        return found

    def model_deployment(self, name: str) -> JsonObject:
        """The object of this name."""
        return self.json(RESOURCE, name)

    def list_of(self, kind: str, *flags: str) -> list[JsonObject]:
        """All objects of a kind."""
        return list(self.json(kind, *flags)["items"])

    def raw(self, path: str) -> str:
        """GET of a path of the API server."""
        return self.call("get", "--raw", path)

    def post(self, path: str, body: str) -> str:
        """POST to a path of the API server."""
        return self.call("create", "--raw", path, "-f", "-", text=body)

    def may(self, verb: str, resource: str) -> bool:
        """Whether the person may do so in this namespace."""
        done = self.run((*self._flags(), "auth", "can-i", verb, resource, "--quiet"), None)
        if done.exit_code and done.error.strip():
            raise told(done.error, self.namespace)
        return not done.exit_code

    def _flags(self) -> tuple[str, ...]:
        return (*self.connection, *(("--namespace", self.namespace) if self.namespace else ()))


def told(error: str, namespace: str | None) -> Problem:
    """What kubectl says of a failure, with a way out."""
    said = _last_words(error) or "kubectl failed and said nothing"
    for words, says, way_out, code in _KNOWN:
        if re.search(words, error, re.IGNORECASE):
            where = f"-n {namespace} " if namespace else ""
            return Problem(says.format(said=said), way_out.format(where=where), code)
    return Problem(f"kubectl says: {said}", "run the same with kubectl and -v=6 to see more", Exit.UNREACHABLE)


def _last_words(error: str) -> str:
    """What kubectl says in the end, without the log of its libraries."""
    lines = [line for line in error.splitlines() if line.strip() and not re.match(r"[EWIF]\d{4} ", line)]
    return cleaned(" ".join(lines)).strip() or cleaned(error).strip()


_KNOWN = (
    (
        rf"the server doesn't have a resource type \"?({RESOURCE}|{PLURAL})|could not find the requested resource.*{PLURAL}",
        "this cluster knows no ModelDeployments",
        "install Serin (docs/install.md), or choose another cluster with --context; kubectl serin doctor says what is there",
        Exit.ABSENT,
    ),
    (
        r"Unauthorized|must be logged in|executable .* (not found|failed)|credentials",
        "the cluster does not know who you are: {said}",
        "log in as for kubectl, then try again",
        Exit.FORBIDDEN,
    ),
    (
        r"forbidden",
        "you may not: {said}",
        "ask for the role view (to see) or edit (to steer) of the namespace; kubectl serin {where}doctor lists what you may",
        Exit.FORBIDDEN,
    ),
    (
        r"namespaces? \"?[^\"]+\"? not found|\(NotFound\)",
        "there is none: {said}",
        "kubectl serin get -A lists all that there are",
        Exit.ABSENT,
    ),
    (
        r"context .*does not exist|no configuration has been provided|error loading config|stat .*no such file",
        "kubectl has no such cluster: {said}",
        "kubectl config get-contexts lists those it knows",
        Exit.UNREACHABLE,
    ),
    (
        r"connection refused|no such host|i/o timeout|timed out|unable to connect|dial tcp|EOF|unreachable|TLS handshake",
        "the cluster does not answer: {said}",
        "check network, VPN and the address in the kubeconfig; lint, simulate and --help need no cluster",
        Exit.UNREACHABLE,
    ),
)
