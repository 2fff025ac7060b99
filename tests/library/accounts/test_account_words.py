"""What is said of each state an account can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from balancecloud.library.account_words import Standing, health_of, warning_of
from balancecloud.library.grant_life import End
from balancecloud.library.wording import moment, plain
from balancecloud.models.states import AccountState

NOW = datetime(2026, 11, 25, 14, 6, tzinfo=UTC)
WELL = Standing(
    label="Work Drive",
    provider_title="Google Drive",
    uses_oauth=True,
    state=AccountState.HEALTHY,
    reason=None,
    since=NOW - timedelta(minutes=64),
    until=NOW + timedelta(minutes=14),
    shards=12,
    unreadable=0,
    others_take=True,
)


def sentence(**facts: object) -> str:
    return plain(health_of(replace(WELL, **facts)).sentence, NOW)  # type: ignore[arg-type]


def chip(**facts: object) -> str:
    return plain(health_of(replace(WELL, **facts)).chip, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", AccountState)
def test_every_state_has_a_chip_and_a_whole_sentence(state: AccountState) -> None:
    health = health_of(replace(WELL, state=state))
    assert plain(health.chip, NOW)
    assert plain(health.sentence, NOW).endswith(".")
    assert "None" not in plain(health.sentence, NOW)


def test_a_slowed_account_says_until_when_and_that_files_stay_readable() -> None:
    assert chip(state=AccountState.SLOWED) == "Slowed down until 14:20 UTC"
    assert sentence(state=AccountState.SLOWED) == (
        "Work Drive asked us to slow down. We go on by ourselves at 14:20 UTC."
        " Your files stay readable."
    )


def test_a_slowed_account_promises_no_reading_that_needs_it() -> None:
    said = sentence(state=AccountState.SLOWED, unreadable=1)
    assert "stay readable" not in said
    assert said.endswith("Until then 1 file may be slow to open.")


def test_a_silent_account_says_since_when_and_that_the_others_are_read() -> None:
    assert chip(state=AccountState.SILENT) == "Not answering since 13:02 UTC"
    assert sentence(state=AccountState.SILENT) == (
        "Work Drive has not answered since 13:02 UTC. We ask again every minute and go on by"
        " ourselves. Your files are read from the other accounts."
    )


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"unreadable": 3}, "3 files can't be read until it answers."),
        ({"unreadable": None}, "We ask again every minute and go on by ourselves."),
        ({"shards": 0, "unreadable": None}, "Nothing of yours lies there."),
    ],
)
def test_a_silent_account_says_only_of_files_what_is_known(
    facts: dict[str, object], told: str
) -> None:
    assert sentence(state=AccountState.SILENT, **facts).endswith(told)


def test_a_full_account_needs_nobody_while_others_take_new_chunks() -> None:
    health = health_of(replace(WELL, state=AccountState.FULL))
    assert "go to the other accounts" in plain(health.sentence, NOW)
    assert (health.needs_you, health.action) == (False, None)


def test_the_last_account_that_is_full_asks_for_room() -> None:
    health = health_of(replace(WELL, state=AccountState.FULL, others_take=False))
    assert "wait sealed on this server" in plain(health.sentence, NOW)
    assert (health.needs_you, health.action) == (True, "make_room")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("sign_in_again", "it was revoked, or it expired"),
        ("access_refused", "a permission is missing"),
        ("client_refused", "Google Drive refuses this server's own client"),
    ],
)
def test_signing_in_again_says_why(reason: str, told: str) -> None:
    health = health_of(replace(WELL, state=AccountState.SIGN_IN_AGAIN, reason=reason))
    assert told in plain(health.sentence, NOW)
    assert (health.needs_you, health.action) == (True, "sign_in")


def test_a_folder_is_not_signed_in_to() -> None:
    away = replace(WELL, state=AccountState.SIGN_IN_AGAIN, reason="access_refused")
    health = health_of(replace(away, uses_oauth=False))
    assert (health.needs_you, health.action) == (True, "look_again")
    assert "Sign in" not in plain(health.sentence, NOW)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (End(NOW + timedelta(days=4), "time_limit"), "ends on 29 Nov. Sign in again before"),
        (End(NOW + timedelta(days=9), "disuse"), "ends on 4 Dec unless it is. Look again now"),
        (End(NOW - timedelta(days=2), "disuse"), "was to end on 23 Nov. Sign in again"),
    ],
)
def test_a_warning_says_when_and_what_to_do(end: End, told: str) -> None:
    warning = warning_of("Work Drive", end, NOW)
    assert told in plain(warning.sentence, NOW)
    assert (warning.code, warning.at) == (end.cause, end.at)


@pytest.mark.parametrize(
    ("away", "told"),
    [
        (timedelta(minutes=5), "14:11 UTC"),
        (timedelta(hours=10), "26 Nov, 00:06 UTC"),
        (timedelta(days=-1), "24 Nov, 14:06 UTC"),
        (timedelta(days=-3), "22 Nov"),
        (timedelta(days=60), "24 Jan 2027"),
    ],
)
def test_a_time_is_as_exact_as_it_is_near(away: timedelta, told: str) -> None:
    assert moment(NOW + away, NOW) == told
