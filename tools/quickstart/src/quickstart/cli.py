"""`quickstart` and `quickstart --down`: what `make quickstart` and `make quickstart-down` run."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from localkube.errors import LocalKubeError
from quickstart import setup
from quickstart.commands import CommandFailed
from quickstart.example import NAMESPACE
from quickstart.place import Place
from quickstart.screen import Screen
from quickstart.story import REASONS, Caught, Disappointed, Story

WIDTH_WITHOUT_TERMINAL = 120
LABELS_BEFORE_V2 = 150  # stable's own accuracy has to be known before a canary can be compared with it


def main() -> None:
    """Run the whole story, or take everything away."""
    parser = argparse.ArgumentParser(description="Serin from nothing to a rolled-back model.")
    parser.add_argument("--down", action="store_true", help="remove everything that it made")
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    screen = Screen(console)
    try:
        if parser.parse_args().down:
            setup.take_down(screen)
        else:
            play(screen)
    except (CommandFailed, Disappointed, LocalKubeError) as error:
        screen.failed(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        screen.failed("interrupted; run it again, or take everything away with `make quickstart-down`")
        sys.exit(130)


def play(screen: Screen) -> None:
    """Prepare the cluster, then the five acts, then the summary."""
    began = time.monotonic()
    place, example = setup.prepare(screen, Path.cwd(), setup.OUT)
    story = Story(place.kubectl, example, screen)
    with story.follow_status():
        screen.chapter("1  v1 is served")
        story.apply("v1")
        story.wait("v1", "Promoted", timeout=180)
        story.show_checks("v1")
        setup.start_traffic(screen, place, example)
        story.check_prediction("v1")
        story.show()
        with story.follow_traffic():
            caught = _more_versions(screen, story)
            summary(screen, story, place, caught, time.monotonic() - began)


def _more_versions(screen: Screen, story: Story) -> Caught:
    screen.chapter("2  v2 is rolled out step by step, under traffic whose true labels come back 2 to 5 s late")
    story.wait_for_traffic(LABELS_BEFORE_V2, "v1")
    story.apply("v2")
    story.wait("v2", "Promoted", timeout=400)
    story.show()

    screen.chapter("3  v3 loads perfectly and predicts worse: it is rolled back on its accuracy")
    story.wait_for_traffic(LABELS_BEFORE_V2, "v2")
    story.apply("v3")
    caught = story.catch("v3", timeout=400)
    story.show()

    screen.chapter("4  v4 cannot be loaded: it is refused before it gets a pod")
    story.apply("v4")
    story.wait("v4", "FailedPreflight", timeout=120)

    screen.chapter("5  v5 loads, and answers otherwise than before its export: its golden samples refuse it")
    story.apply("v5")
    story.wait("v5", "FailedPreflight", timeout=120)
    story.show_checks("v5")
    story.show()
    return caught


def summary(screen: Screen, story: Story, place: Place, caught: Caught, seconds: float) -> None:
    """What it comes to, and how to go on. Raises `Disappointed` if a promise was not kept."""
    seen = story.wait_for_final_tally()
    screen.chapter("Summary")
    now = story.seen.picture
    entry = now.ledger("v3") if now else None
    screen.table(
        [],
        [
            ["requests", f"{seen['sent']:,} sent, {seen['lost']} lost"],
            ["labels", f"{seen['labels']:,} came back, 2 to 5 s after their prediction"],
            ["v2", f"serves; answered {story.seen.requests('v2'):,} requests"],
            [
                "v3",
                f"{entry.outcome if entry else '?'} after {caught.seconds:.0f} s and {caught.labels:,} labels of its own",
            ],
            *([version, f"refused for {REASONS[version][1]}, before it had a pod"] for version in ("v4", "v5")),
            ["time", f"{seconds // 60:.0f} min {seconds % 60:.0f} s"],
        ],
    )
    screen.say(f"  evidence against v3: {caught.evidence}")
    story.check_promises()
    screen.chapter("Go on playing")
    if place.shell_setup:
        screen.say(f"  {place.shell_setup}")
    down = "make quickstart-down" if place.cluster else "CLUSTER=current make quickstart-down"
    for command, why in (*GO_ON, (down, "take everything away")):
        screen.say(f"  # {why}\n  {command}")


NAMESPACED = f"kubectl -n {NAMESPACE}"
GO_ON = (
    (f"{NAMESPACED} get mdep -w", "watch it"),
    (f"{NAMESPACED} describe mdep breast-cancer", "conditions and events"),
    (f"{NAMESPACED} logs -f deploy/traffic", "requests, labels, what was lost"),
    (f"{NAMESPACED} apply -f build/quickstart/v3.yaml", "v3 again: it stays rejected, until"),
    (f"{NAMESPACED} annotate mdep breast-cancer --overwrite serin.dev/action=retry@1", "… you ask for a retry"),
    (f"{NAMESPACED} apply -f build/quickstart/v1.yaml", "back to v1: restored at once, without a canary"),
)


if __name__ == "__main__":
    main()
