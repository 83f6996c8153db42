"""No story is left beside these files that nobody tells any more."""

from tests.golden.rollouts import test_stories, test_stories_of_kinds, test_stories_of_people, test_stories_of_trouble
from tests.golden.rollouts.kept import FOLDER


def test_every_file_is_a_story_and_every_story_has_a_file() -> None:
    told = [*test_stories.ALL, *test_stories_of_people.ALL, *test_stories_of_trouble.ALL, *test_stories_of_kinds.ALL]
    assert sorted(story.__name__ for story in told) == sorted(path.stem for path in FOLDER.glob("*.txt"))
