"""What the files of stories share: how a story is told, kept and compared, and how most of them begin."""

import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.support.simulation import ANALYSIS, Simulation, spec

FOLDER = Path(__file__).parent

Story = Callable[[], Awaitable[Simulation]]


async def is_as_it_was_reviewed(story: Story) -> None:
    """Tells a story, and compares it with the file beside this one."""
    told = "\n".join((await story()).story) + "\n"
    path = FOLDER / f"{story.__name__}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(told)
    assert told == path.read_text()


def rows(stories: Iterable[Story], *quick: Story) -> list[Any]:
    """A row for each story. The inner loop tells the quick ones, at least one of each kind; ``make golden`` tells all."""
    marks = {story: () if story in quick else (pytest.mark.slow,) for story in stories}
    return [pytest.param(story, id=story.__name__, marks=marks[story]) for story in marks]


def with_analysis(version: str, **more: Any) -> dict[str, Any]:
    """A small spec whose steps are judged."""
    return spec(version, analysis=ANALYSIS, **more)


async def served(version: str = "v1", **kw: Any) -> Simulation:
    """A first version that has served for a minute."""
    simulation = Simulation(**kw)
    simulation.kubectl_apply(with_analysis(version))
    await simulation.run_until(lambda s: s.stable == version)
    await simulation.run(60)
    return simulation


async def at_the_first_step(**more: Any) -> Simulation:
    """A canary that has its first share of the traffic."""
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2", **more))
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("step") == 0)
    return simulation
