from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quickstart.commands import Kubectl
from quickstart.example import Example
from quickstart.picture import picture
from quickstart.screen import Screen
from quickstart.story import OUTCOMES, REASONS, Disappointed, Story


def an_ended_story(
    serving: str = "v2",
    lost: int = 0,
    with_pods: str = "v3",
    signer: str = "key 12ab",
    v5_because: str = "GoldenSampleFailed",
    **outcomes: str,
) -> Story:
    ended = {each: {"version": each, "outcome": outcome} for each, outcome in (OUTCOMES | outcomes).items()}
    for version, (reason, _) in REASONS.items():
        ended[version]["reason"] = reason
    ended["v2"]["signer"] = signer
    ended["v5"]["reason"] = v5_because
    versions: list[dict[str, Any]] = list(ended.values())
    example = Example(root=Path(), out=Path(), models={}, images={})
    kubectl = Kubectl(path="kubectl", kubeconfig=None, namespace="x")
    story = Story(kubectl, example, Screen(Console(quiet=True)))
    status = {"observedGeneration": 1, "stable": {"version": serving}, "versions": versions}
    story.seen.picture = picture(
        {"metadata": {"generation": 1}, "spec": {"model": {"version": "v5"}}, "status": status}
    )
    story.seen.tally = {"sent": 10, "lost": lost, "by_version": {"v2": {"sent": 10}}}
    story.seen.with_pods = {with_pods}
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
        (
            an_ended_story(v5_because="ModelInvalid"),
            "v5 is FailedPreflight for ModelInvalid, not for its golden samples",
        ),
        (an_ended_story(with_pods="v5"), "v5 got pods"),
        (an_ended_story(signer=""), "v2 serves, and nobody's signature"),
    ],
    ids=[
        "another version serves",
        "requests were lost",
        "the bad version was promoted",
        "the broken one was rolled back",
        "the wrong one could not be loaded",
        "the wrong one got pods",
        "what serves is not signed",
    ],
)
def test_a_broken_promise_fails_the_quickstart(story: Story, said: str) -> None:
    with pytest.raises(Disappointed, match=said):
        story.check_promises()
