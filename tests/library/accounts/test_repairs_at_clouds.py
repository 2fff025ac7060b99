"""Repairs and moves over real HTTP: what each kind of cloud makes of a name that comes again."""

import hashlib
import secrets
from pathlib import Path

import pytest
import requests

from balancecloud.library.folder_linking import link_folder
from balancecloud.library.gateway import Gateway
from balancecloud.library.linking import Linker
from balancecloud.models.clouds import ShardRow
from balancecloud.models.states import ShardState
from balancecloud.storage import upkeep
from cloudsim.app import Running
from tests.library.accounts.world import SIM_NAMES, link, new_address
from tests.storage import mending
from tests.storage.mending import gather, packs_of, protect, rows_of
from tests.storage.world import CHUNK, Person, make_tools

pytestmark = [pytest.mark.real, pytest.mark.sim]

CONTENT = secrets.token_bytes(2 * CHUNK + 5)


class AtClouds:
    """A person with an account of each kind, and what lies there."""

    def __init__(self, gateway: Gateway, who: Linker, simulator: Running) -> None:
        self._simulator = simulator
        self.person = Person.new(*make_tools(gateway.config, gateway.sessions))
        self._addresses = {kind: new_address() for kind in SIM_NAMES}
        ids = [link(gateway, who, kind, address) for kind, address in self._addresses.items()]
        ids.append(link_folder(gateway, who.user_id, "mine").account_id)
        for account_id in ids:
            self.person.link(gateway.open_provider(account_id))
        self.folder = Path(gateway.config.folder_roots[0]) / "mine"

    def corrupt(self, row: ShardRow) -> None:
        """Change a byte of what an account holds, behind our back."""
        position = self.person.account_ids.index(row.account_id)
        if position == 2:
            (path,) = [one for one in self.folder.rglob("*") if one.name == row.object_id]
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-1] + b"!")
            return
        kind = list(SIM_NAMES)[position]
        at = f"/_sim/accounts/{SIM_NAMES[kind]}/{self._addresses[kind]}/objects/{row.object_id}"
        requests.post(f"{self._simulator.url}{at}/corrupt", timeout=10).raise_for_status()

    def assert_what_lies_there_is_what_is_known(self) -> None:
        for pack in packs_of(self.person):
            for row in rows_of(self.person, pack.id):
                provider = self.person.providers[row.account_id]
                (found,) = provider.find(row.name)  # type: ignore[arg-type]
                assert found.object_id == row.object_id
                whole = provider.get(found.object_id, 0, row.length)
                assert hashlib.sha256(whole).digest() == row.sha256


@pytest.fixture
def clouds(gateway: Gateway, person: Linker, simulator: Running) -> AtClouds:
    return AtClouds(gateway, person, simulator)


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "damaged"])
def test_a_shard_of_each_kind_of_cloud_is_built_again_where_it_was(
    clouds: AtClouds, is_gone: bool
) -> None:
    person = clouds.person
    arrived = person.upload(CONTENT)
    assert person.work() == []
    for number, pack in enumerate(packs_of(person)):
        row = next(
            row for row in rows_of(person, pack.id) if row.account_id == person.account_ids[number]
        )
        if is_gone:
            person.providers[row.account_id].delete(row.object_id)  # type: ignore[arg-type]
            mending.mark(person, row, ShardState.MISSING)
        else:
            clouds.corrupt(row)
            mending.mark(person, row, ShardState.DAMAGED)
    upkeep.sweep_marked(person.tools)
    assert person.work() == []

    clouds.assert_what_lies_there_is_what_is_known()
    assert person.read(person.version(arrived).id) == CONTENT
    assert mending.states_of(person) == {"stored"}
    assert gather(person) == []


def test_packs_move_between_clouds_of_each_kind(clouds: AtClouds) -> None:
    person = clouds.person
    arrived = person.upload(CONTENT)
    assert person.work() == []
    protect(person, 2)
    gather(person)
    assert person.work() == []

    assert {(pack.k, pack.m) for pack in packs_of(person)} == {(1, 2)}
    clouds.assert_what_lies_there_is_what_is_known()
    held = [len(list(person.providers[one].listing())) for one in person.account_ids]
    assert held == [3, 3, 3]
    assert person.read(person.version(arrived).id) == CONTENT
