"""`kubectl serin` in front of a made-up kubectl: what the tool asks for, and what it prints."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.simulation import Simulation

from kubectl_serin.cli import Outside, answered
from kubectl_serin.kubectl import Ended

JsonObject = dict[str, Any]


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)) -> None:
        self.now = now
        self.on_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.on_sleep()


class FakeKubectl:
    """Answers `get` from a list of objects; everything else as it is told."""

    def __init__(self, *objects: JsonObject) -> None:
        self.objects = list(objects)
        self.calls: list[tuple[str, ...]] = []
        self.posted: list[str | None] = []
        self.raw: dict[str, Any] = {}
        self.fails: str | None = None
        self.on_annotate: Callable[[str], None] = lambda action: None

    def __call__(self, arguments: tuple[str, ...], text: str | None) -> Ended:
        self.calls.append(arguments)
        said = tuple(a for a in arguments if not a.startswith("--context"))
        if said[:1] == ("--namespace",):
            said = said[2:]
        if self.fails:
            return Ended(1, "", self.fails)
        match said:
            case ("get", "--raw", path):
                return self._raw(path)
            case ("create", "--raw", path, *_):
                self.posted.append(text)
                return self._raw(path)
            case ("get", kind, name, "-o", "json") if not name.startswith("-"):
                return self._one(kind.partition(".")[0], name)
            case ("get", kind, *_, "-o", "json"):
                return Ended(0, json.dumps({"items": self._of(kind.partition(".")[0])}), "")
            case ("annotate", _, _, _, _, text_):
                self.on_annotate(text_.partition("=")[2])
                return Ended(0, "annotated", "")
            case ("auth", "can-i", verb, resource, _):
                return Ended(0 if (verb, resource) != ("create", "services/proxy") else 1, "", "")
            case _:
                raise AssertionError(f"nobody expected {said}")

    def _raw(self, path: str) -> Ended:
        for known, answer in self.raw.items():
            if path.startswith(known):
                return Ended(0, answer if isinstance(answer, str) else json.dumps(answer), "")
        return Ended(1, "", "Error from server (NotFound): the server could not find the requested resource")

    def _of(self, kind: str) -> list[JsonObject]:
        return [o for o in self.objects if o["kind"].lower() in {kind, kind.rstrip("s"), kind.removesuffix("es")}]

    def _one(self, kind: str, name: str) -> Ended:
        for obj in self._of(kind):
            if obj["metadata"]["name"] == name:
                return Ended(0, json.dumps(obj), "")
        return Ended(1, "", f'Error from server (NotFound): {kind}.serin.dev "{name}" not found')


def of_simulation(simulation: Simulation) -> FakeKubectl:
    """The objects of a simulated cluster."""
    return FakeKubectl(*json.loads(json.dumps(list(simulation.objects.values()), default=str)))


def asked(kubectl: Callable[..., Ended], *arguments: str, clock: Clock | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `kubectl serin …`."""
    out, error, clock = io.StringIO(), io.StringIO(), clock or Clock()
    outside = Outside(out, error, kubectl, lambda: clock.now, clock.sleep)
    code = answered(arguments, outside)
    return int(code), out.getvalue(), error.getvalue()
