"""An edit by somebody else is told from an intent that has changed."""

from serin_operator.act.made import Made
from serin_operator.api.names import ObjectRef

SERVICE = ObjectRef("v1", "Service", "scoring", "credit-risk")
PINNED = {"spec": {"selector": {"revision": "rev1"}}}
OPEN = {"spec": {"selector": {}}}


def made() -> Made:
    """A Service that was applied, and is at version 5 since."""
    done = Made("uid")
    done.note(SERVICE, PINNED, "5")
    return done


def test_the_same_intent_that_changes_an_object_puts_it_right() -> None:
    assert made().was_undone(SERVICE, PINNED, observed="6", after="7")


def test_an_object_that_changed_elsewhere_was_not_edited() -> None:
    assert not made().was_undone(SERVICE, PINNED, observed="6", after="6")


def test_the_first_apply_after_the_birth_only_takes_the_fields_over() -> None:
    done = Made("uid")
    done.note_birth(SERVICE)
    assert not done.was_undone(SERVICE, PINNED, observed="6", after="7")
    assert done.was_made(SERVICE)


def test_another_intent_is_no_repair() -> None:
    assert not made().was_undone(SERVICE, OPEN, observed="5", after="6")


def test_after_a_restart_nothing_is_known_and_nothing_is_told() -> None:
    assert not Made("uid").was_undone(SERVICE, PINNED, observed="6", after="7")
    assert not Made("uid").was_made(SERVICE)


def test_scaling_to_the_same_number_again_is_a_repair() -> None:
    done = made()
    assert not done.was_scaled_to(SERVICE, 3)
    assert done.was_scaled_to(SERVICE, 3)
    assert not done.was_scaled_to(SERVICE, 2)


def test_what_we_delete_ourselves_is_not_missed() -> None:
    done = made()
    assert done.was_made(SERVICE)
    done.forget(SERVICE)
    assert not done.was_made(SERVICE)
