"""Sessions, one-time links and the brake on guessing, on both databases."""

from datetime import timedelta

import pytest
from ground import SYSTEM

from tracker.core.access import people, sessions
from tracker.core.base.transaction import utc_now


@pytest.fixture
def person(ground):
    return ground.person("ada@example.org").user_id


@pytest.fixture
def later(workspace):
    """Move the workspace's clock on."""

    def move(**by):
        start = workspace.clock()
        workspace.clock = lambda: start + timedelta(**by)

    workspace.clock = utc_now
    return move


def change(workspace):
    return workspace.change(SYSTEM, door="web")


def start(workspace, person):
    with change(workspace) as writing:
        return sessions.start(writing, person)


def find(workspace, token):
    with workspace.read(SYSTEM) as reading:
        return sessions.find(reading, token)


def test_a_token_finds_its_session_and_is_nowhere_kept(workspace, person):
    token = start(workspace, person)

    found = find(workspace, token)

    assert found is not None
    assert (found.user_id, token in found.hash) == (person, False)
    assert find(workspace, f"{token}x") is None
    assert find(workspace, found.hash) is None


def test_a_session_ends_when_it_is_idle_and_at_the_latest_after_a_month(workspace, person, later):
    token = start(workspace, person)
    later(days=6)
    with change(workspace) as writing:
        sessions.touch(writing, sessions.find(writing, token))
    later(days=6)
    assert find(workspace, token) is not None

    later(days=2)
    assert find(workspace, token) is None

    token = start(workspace, person)
    for _week in range(5):
        later(days=6)
        if (held := find(workspace, token)) is not None:
            with change(workspace) as writing:
                sessions.touch(writing, held)
    assert find(workspace, token) is None


def test_a_sign_in_grows_old_until_the_password_is_given_again(workspace, person, later):
    token = start(workspace, person)
    assert find(workspace, token).is_fresh(workspace.clock())

    later(minutes=20)
    held = find(workspace, token)
    assert not held.is_fresh(workspace.clock())

    with change(workspace) as writing:
        sessions.verify(writing, held)
    assert find(workspace, token).is_fresh(workspace.clock())


def test_signing_out_everywhere_can_leave_this_browser(workspace, person):
    here, there = start(workspace, person), start(workspace, person)
    with change(workspace) as writing:
        ended = sessions.end_all(writing, person, but=sessions.find(writing, here))

    assert (ended, find(workspace, there)) == (1, None)
    assert find(workspace, here) is not None


def test_whoever_is_shut_out_has_no_session_from_the_next_request_on(workspace, person):
    token = start(workspace, person)
    with workspace.change(SYSTEM, door="web", designing=True) as writing:
        people.set_disabled(writing, person, disabled=True)

    assert find(workspace, token) is None


def test_sessions_leave_no_change_set(workspace, person):
    start(workspace, person)
    with change(workspace) as writing:
        sessions.make(writing, "welcome", person)
        sessions.charge(writing, "x", free=1)
        assert not writing.written


def test_a_link_works_once_for_its_purpose(workspace, person):
    with change(workspace) as writing:
        token = sessions.make(writing, "welcome", person)
        with pytest.raises(sessions.LinkGone):
            sessions.use(writing, token, "setup")
        assert sessions.look(writing, token, "welcome").user_id == person

    with change(workspace) as writing:
        assert sessions.use(writing, token, "welcome").user_id == person
        with pytest.raises(sessions.LinkGone):
            sessions.use(writing, token, "welcome")


def test_a_newer_link_ends_the_older_and_both_end_by_themselves(workspace, person, later):
    with change(workspace) as writing:
        old, new = sessions.make(writing, "welcome", person), sessions.make(writing, "welcome", person)
        with pytest.raises(sessions.LinkGone):
            sessions.look(writing, old, "welcome")
    later(days=4)
    with workspace.read(SYSTEM) as reading, pytest.raises(sessions.LinkGone):
        sessions.look(reading, new, "welcome")


def charge(workspace, times=1):
    for _try in range(times):
        with change(workspace) as writing:
            sessions.charge(writing, "ada", free=3)


def test_tries_beyond_the_free_ones_cost_ever_longer_waits(workspace, later):
    charge(workspace, times=4)
    with pytest.raises(sessions.Throttled, match="Wait a minute"):
        charge(workspace)

    later(minutes=1, seconds=1)
    charge(workspace)
    with pytest.raises(sessions.Throttled, match="2 minutes"):
        charge(workspace)

    later(hours=2)
    charge(workspace, times=3)


def test_a_right_password_gives_the_tries_back(workspace):
    charge(workspace, times=3)
    with change(workspace) as writing:
        sessions.give_back(writing, "ada", all_of_it=True)

    charge(workspace, times=3)
