"""What the storage page says of protection is so."""

import uuid

from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.usage import usage
from balancecloud.models.library import Version
from tests.library.accounts.world import link, store_file


def less_protected(gateway: Gateway, person: Linker) -> int | None:
    with gateway.sessions() as session:
        return usage(session, gateway.config, person.user_id).less_protected


def ask_for_protection(gateway: Gateway, version_id: uuid.UUID) -> None:
    with gateway.sessions.begin() as session:
        session.get_one(Version, version_id).protection = 1


def test_a_file_stored_with_one_account_stays_less_protected_when_a_second_comes(
    gateway: Gateway, person: Linker
) -> None:
    first = link(gateway, person, "google_drive")
    ask_for_protection(gateway, store_file(gateway, person, "early.txt", [first], k=1))
    second = link(gateway, person, "onedrive")
    store_file(gateway, person, "later.txt", [first, second], k=1)
    assert less_protected(gateway, person) == 1
