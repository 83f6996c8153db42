from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quickstart.commands import Kubectl
from quickstart.example import Example
from quickstart.picture import picture
from quickstart.screen import Screen
from quickstart.story import Disappointed, Story


def an_ended_story(serving: str = "v2", lost: int = 0, **outcomes: str) -> Story:
    outcomes = {"v2": "Promoted", "v3": "RolledBack", "v4": "FailedPreflight"} | outcomes
    versions: list[dict[str, Any]] = [
        {"version": version, "outcome": outcome, "reason": "AnalysisFailed"} for version, outcome in outcomes.items()
    ]
    example = Example(root=Path(), out=Path(), models={}, serving_image="")
    kubectl = Kubectl(path="kubectl", kubeconfig=None, namespace="x")
    story = Story(kubectl, example, Screen(Console(quiet=True)))
    status = {"observedGeneration": 1, "stable": {"version": serving}, "versions": versions}
    story.seen.picture = picture(
        {"metadata": {"generation": 1}, "spec": {"model": {"version": "v4"}}, "status": status}
    )
    story.seen.tally = {"sent": 10, "lost": lost, "by_version": {"v2": {"sent": 10}}}
    return story


def test_a_story_that_went_as_promised_is_believed() -> None:
    an_ended_story().check_promises()


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (an_ended_story(serving="v3"), "v3 serves instead of v2"),
        (an_ended_story(lost=2), "2 requests were lost"),
        (an_ended_story(v3="Promoted"), "v3 is Promoted instead of RolledBack"),
        (an_ended_story(v4="RolledBack"), "v4 is RolledBack instead of FailedPreflight"),
    ],
    ids=["another version serves", "requests were lost", "the bad version was promoted", "the broken one got pods"],
)
def test_a_broken_promise_fails_the_quickstart(story: Story, said: str) -> None:
    with pytest.raises(Disappointed, match=said):
        story.check_promises()
