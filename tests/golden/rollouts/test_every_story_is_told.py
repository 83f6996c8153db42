"""No story is left beside these files that nobody tells any more."""

from tests.golden.rollouts import (
    test_stories,
    test_stories_of_guards,
    test_stories_of_kinds,
    test_stories_of_people,
    test_stories_of_trials,
    test_stories_of_trouble,
)
from tests.golden.rollouts.kept import FOLDER


def test_every_file_is_a_story_and_every_story_has_a_file() -> None:
    rooms = (
        test_stories,
        test_stories_of_guards,
        test_stories_of_kinds,
        test_stories_of_people,
        test_stories_of_trials,
        test_stories_of_trouble,
    )
    told = [story for room in rooms for story in room.ALL]
    assert sorted(story.__name__ for story in told) == sorted(path.stem for path in FOLDER.glob("*.txt"))
