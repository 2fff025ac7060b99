"""A link that was slow is remembered for a while, so that no shard is sent in vain first."""

import pytest

from balancecloud.clouds.provider import ShardName
from balancecloud.clouds.upload_sessions import (
    REMEMBERED_SECONDS,
    SLOW_SECONDS,
    HeldUploadSessions,
    KeptUpload,
    Link,
    Unfinished,
)
from balancecloud.errors import (
    AccountFull,
    BadReply,
    DamagedInTransit,
    ObjectDiffers,
    ProviderError,
    SignInAgain,
    Throttled,
    Unreachable,
)
from tests.fakes.manual_clock import ManualClock

NAME, OTHER = ShardName("abcdefgh"), ShardName("ijklmnop")
KEPT = KeptUpload("https://upload.example/", None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def link(clock: ManualClock) -> Link:
    return Link(clock, SLOW_SECONDS)


@pytest.fixture
def sessions() -> HeldUploadSessions:
    return HeldUploadSessions()


def lose(unfinished: Unfinished, clock: ManualClock, seconds: float, error: ProviderError) -> None:
    def put() -> None:
        with unfinished.ended():
            clock.advance(seconds)
            raise error

    with pytest.raises(type(error)):
        put()


@pytest.mark.parametrize(
    ("seconds", "is_noted", "is_remembered"),
    [(1, False, False), (31, True, False), (61, True, True)],
)
def test_what_took_long_is_noted_and_what_took_longer_is_the_link(
    sessions: HeldUploadSessions,
    link: Link,
    clock: ManualClock,
    seconds: float,
    is_noted: bool,
    is_remembered: bool,
) -> None:
    lose(Unfinished(sessions, NAME, link), clock, seconds, Unreachable())
    assert Unfinished(sessions, NAME, link).is_repeated == is_noted
    assert Unfinished(sessions, OTHER, link).goes_in_parts == is_remembered
    clock.advance(REMEMBERED_SECONDS)
    assert not Unfinished(sessions, OTHER, link).goes_in_parts


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (Unreachable(), KEPT),
        (Throttled(), KEPT),
        (SignInAgain(), KEPT),
        (AccountFull(), KEPT),
        (BadReply(), KeptUpload(None, None)),
        (DamagedInTransit(), KeptUpload(None, None)),
        (ObjectDiffers(), None),
    ],
)
def test_what_an_end_leaves_of_a_session_that_was_kept(
    sessions: HeldUploadSessions,
    link: Link,
    clock: ManualClock,
    error: ProviderError,
    left: KeptUpload | None,
) -> None:
    sessions.keep(NAME, KEPT)
    lose(Unfinished(sessions, NAME, link), clock, 1, error)
    assert sessions.recall(NAME) == left


@pytest.mark.parametrize("error", [BadReply(), DamagedInTransit(), ObjectDiffers()])
def test_a_first_try_that_brought_nothing_right_leaves_nothing(
    sessions: HeldUploadSessions, link: Link, clock: ManualClock, error: ProviderError
) -> None:
    unfinished = Unfinished(sessions, NAME, link)
    unfinished.keep("https://upload.example/")
    lose(unfinished, clock, 1, error)
    assert sessions.recall(NAME) is None


def test_a_put_that_succeeds_leaves_nothing(sessions: HeldUploadSessions, link: Link) -> None:
    sessions.keep(NAME, KEPT)
    with Unfinished(sessions, NAME, link).ended():
        pass
    assert sessions.recall(NAME) is None


def test_an_end_that_is_no_answer_keeps_the_session(
    sessions: HeldUploadSessions, link: Link
) -> None:
    unfinished = Unfinished(sessions, NAME, link)
    unfinished.keep("https://upload.example/")
    with pytest.raises(KeyboardInterrupt), unfinished.ended():
        raise KeyboardInterrupt
    assert sessions.recall(NAME) == KEPT


def test_of_a_new_shard_nobody_is_asked_before_something_was_kept(
    sessions: HeldUploadSessions, link: Link
) -> None:
    sessions.keep(NAME, KEPT)  # as another process would
    assert not Unfinished(sessions, NAME, link, is_new=True).is_repeated
    assert Unfinished(sessions, NAME, link).is_repeated


def test_a_new_shard_goes_on_with_what_its_own_process_kept(
    sessions: HeldUploadSessions, link: Link
) -> None:
    Unfinished(sessions, NAME, link, is_new=True).keep("https://upload.example/")
    again = Unfinished(sessions, NAME, link, is_new=True)
    assert again.before == KEPT
    again.forget()
    assert not Unfinished(sessions, NAME, link, is_new=True).is_repeated


@pytest.mark.parametrize(("seconds", "is_noted"), [(1, False), (31, True)])
def test_a_new_shard_that_took_long_is_known_for_it_the_next_time(
    sessions: HeldUploadSessions, link: Link, clock: ManualClock, seconds: float, *, is_noted: bool
) -> None:
    lose(Unfinished(sessions, NAME, link, is_new=True), clock, seconds, Unreachable())
    assert Unfinished(sessions, NAME, link, is_new=True).is_repeated == is_noted
