"""Folders as accounts: below what is allowed, each person's own."""

from dataclasses import replace
from pathlib import Path

import pytest

from balancecloud.errors import Invalid
from balancecloud.library.account_views import list_accounts, offers
from balancecloud.library.folder_linking import link_folder
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.library.unlinking import unlink
from tests.library.accounts.world import new_person, row_of

pytestmark = [pytest.mark.real, pytest.mark.sim]


def root_of(gateway: Gateway) -> Path:
    return gateway.config.folder_roots[0]


def test_a_folder_is_linked_below_the_allowed_one(gateway: Gateway, person: Linker) -> None:
    root = root_of(gateway)
    linked = link_folder(gateway, person.user_id, str(root / "disk"))
    row = row_of(gateway, linked.account_id)
    own = root / "disk" / str(person.user_id)
    assert row.folder == str(own)
    assert own.stat().st_mode & 0o777 == 0o700
    assert row.domain == f"folder:{root.stat().st_dev}"
    assert (row.wrapped_token, row.token_expires_at) == (None, None)
    assert gateway.open_provider(linked.account_id).room().total


def test_a_bare_name_lies_below_the_allowed_folder_and_is_all_that_is_shown(
    gateway: Gateway, person: Linker
) -> None:
    linked = link_folder(gateway, person.user_id, "nas")
    row = row_of(gateway, linked.account_id)
    assert row.folder == str(root_of(gateway) / "nas" / str(person.user_id))
    assert row.address == "nas"


def test_two_people_with_one_folder_do_not_meet(gateway: Gateway, person: Linker) -> None:
    other = new_person(gateway.sessions)
    mine = link_folder(gateway, person.user_id, str(root_of(gateway))).account_id
    theirs = link_folder(gateway, other.user_id, str(root_of(gateway))).account_id
    assert row_of(gateway, mine).folder != row_of(gateway, theirs).folder
    assert row_of(gateway, mine).domain == row_of(gateway, theirs).domain


def test_linking_a_folder_again_is_the_same_account(gateway: Gateway, person: Linker) -> None:
    path = str(root_of(gateway))
    first = link_folder(gateway, person.user_id, path)
    second = link_folder(gateway, person.user_id, path)
    assert (first.account_id, second.is_new) == (second.account_id, False)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc", "../elsewhere", "{root}/../elsewhere", "{root}\0", "{root}" + "x" * 2000],
)
def test_t19_no_other_path_is_linked(gateway: Gateway, person: Linker, path: str) -> None:
    with pytest.raises(Invalid) as refusal:
        link_folder(gateway, person.user_id, path.format(root=root_of(gateway)))
    assert list(refusal.value.fields) == ["path"]


def test_a_symbolic_link_does_not_lead_out(
    gateway: Gateway, person: Linker, tmp_path: Path
) -> None:
    (root_of(gateway) / "way-out").symlink_to(tmp_path)
    with pytest.raises(Invalid):
        link_folder(gateway, person.user_id, str(root_of(gateway) / "way-out"))


def test_a_symbolic_link_in_place_of_ones_own_folder_does_not_lead_out(
    gateway: Gateway, person: Linker, tmp_path: Path
) -> None:
    (root_of(gateway) / str(person.user_id)).symlink_to(tmp_path)
    with pytest.raises(Invalid):
        link_folder(gateway, person.user_id, str(root_of(gateway)))


def test_the_probe_leaves_no_object(gateway: Gateway, person: Linker) -> None:
    linked = link_folder(gateway, person.user_id, str(root_of(gateway)))
    assert list(gateway.open_provider(linked.account_id).listing()) == []


def test_a_folder_is_unlinked_without_a_provider_to_tell(gateway: Gateway, person: Linker) -> None:
    linked = link_folder(gateway, person.user_id, str(root_of(gateway)))
    unlink(gateway, person.user_id, linked.account_id)
    with gateway.sessions() as session:
        assert list_accounts(session, gateway.config, person.user_id) == ()


def test_a_folder_is_never_called_simulated(gateway: Gateway, person: Linker) -> None:
    link_folder(gateway, person.user_id, str(root_of(gateway)))
    with gateway.sessions() as session:
        shown = list_accounts(session, gateway.config, person.user_id)[0]
    assert (shown.simulated, shown.label, shown.letter) == (False, "Folder", "F")
    assert {one.name: one.simulated for one in offers(gateway.config)} == {
        "google_drive": True,
        "onedrive": True,
        "folder": False,
    }


def test_where_no_folder_is_allowed_none_is_offered(gateway: Gateway) -> None:
    offered = {one.name: one for one in offers(replace(gateway.config, folder_roots=()))}
    assert not offered["folder"].available
    assert offered["folder"].unavailable_reason
