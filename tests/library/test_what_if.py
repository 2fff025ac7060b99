"""What if these accounts disappeared: the database's answer is that of a plain model."""

import itertools
import random
import uuid
from collections import Counter
from collections.abc import Collection

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import NotFound
from balancecloud.library.unlinking import unlink_effect
from balancecloud.library.what_if import Question, WhatIf, what_if
from balancecloud.models.clouds import CloudAccount
from balancecloud.models.states import AccountState, ShardState, VersionState
from tests.library import libraries
from tests.library.libraries import HELD, Library, MadePack

pytestmark = pytest.mark.real

READABLE = {VersionState.STORED, VersionState.DEGRADED}
ENDED = {VersionState.FAILED, VersionState.CANCELLED}
STORED = ShardState.STORED


def fate_of_pack(library: Library, pack: MadePack, gone: Collection[uuid.UUID]) -> str:
    """Say what becomes of a pack, from its shards alone."""
    held = {one for one, state in pack.shards.items() if state in HELD} - library.unlinked
    if not any(one in gone and state in HELD for one, state in pack.shards.items()):
        return "whole"
    left = held - set(gone)
    if len(left) < pack.k:
        return "lost"
    domains = library.domains
    return "less" if {domains[i] for i in left} < {domains[i] for i in held} else "whole"


def expected(library: Library, gone: Collection[uuid.UUID]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for version in library.versions:
        fates = {fate_of_pack(library, pack, gone) for pack in version.packs}
        if version.state in READABLE:
            fate = next((one for one in ("lost", "less") if one in fates), "whole")
            found[version.place, fate] += version.size
    return found


def answered(found: WhatIf) -> Counter[tuple[str, str]]:
    places = {"file": found.files, "old": found.old, "trash": found.trash}
    return +Counter(
        {
            (place, fate): getattr(fates, fate).bytes
            for place, fates in places.items()
            for fate in ("whole", "less", "lost")
        }
    )


def ask(
    session: Session, config: Config, library: Library, *gone: uuid.UUID, **more: str
) -> WhatIf:
    return what_if(session, config, library.user_id, Question(gone, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_every_set_of_accounts_is_answered_as_a_plain_model_does(
    database: sessionmaker[Session], config: Config, seed: int
) -> None:
    with database() as session:
        library = libraries.make_any(session, random.Random(seed))
        libraries.make_any(session, random.Random(seed))  # somebody else's counts for nothing
        for many in range(1, len(library.linked) + 1):
            for gone in itertools.combinations(library.linked, many):
                found = ask(session, config, library, *gone)
                assert answered(found) == expected(library, gone)
                assert len(found.harmed) == found.harmed_count


def test_what_is_not_stored_yet_is_safe_on_the_server(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        library = libraries.make_person(session)
        account = libraries.add_account(session, library, "disk")
        pack = libraries.add_pack(session, library, 1, {account: STORED})
        storing = VersionState.STORING
        libraries.add_version(session, library, "a", [pack], state=storing)
        libraries.add_version(session, library, "b", [pack], state=VersionState.LOST)
        found = ask(session, config, library, account)
    assert (found.on_server.count, found.gone_already.count, found.lost.count) == (1, 1, 0)


def test_two_accounts_on_one_disk_protect_as_one(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        library = libraries.make_person(session)
        first, second = (libraries.add_account(session, library, "disk") for _ in range(2))
        shards = {first: STORED, second: STORED}
        libraries.add_version(
            session, library, "a", [libraries.add_pack(session, library, 1, shards)]
        )
        one, both = (
            ask(session, config, library, first),
            ask(session, config, library, first, second),
        )
    assert (one.files.whole.count, both.files.lost.count) == (1, 1)
    assert [{each.id for each in group} for group in one.shared] == [{first, second}]


def test_the_list_names_the_files_that_would_be_lost_and_marks_the_trash(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        library = libraries.make_person(session)
        account, other = (libraries.add_account(session, library, name) for name in "ab")
        only = libraries.add_pack(session, library, 1, {account: STORED})
        twice = libraries.add_pack(session, library, 1, {account: STORED, other: STORED})
        photos = libraries.add_folder(session, library, "Photos")
        libraries.add_version(session, library, "gone.txt", [only], "trash")
        libraries.add_version(session, library, "a.jpg", [only], parent_id=photos)
        libraries.add_version(session, library, "b.jpg", [twice], parent_id=photos)
        lost = ask(session, config, library, account)
        less = ask(session, config, library, account, fate="less")
        unlinking = unlink_effect(session, config, library.user_id, account)
    assert [(one.called.path, one.called.is_trashed) for one in lost.harmed] == [
        ("/Photos/a.jpg", False),
        ("gone.txt", True),
    ]
    assert [one.called.path for one in less.harmed] == ["/Photos/b.jpg"]
    assert (unlinking.lost_count, unlinking.less_protected_count) == (2, 1)


def test_another_persons_account_and_an_unlinked_one_are_not_found(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        library, other = (libraries.make_person(session) for _ in range(2))
        strange = libraries.add_account(session, other, "disk")
        own = libraries.add_account(session, library, "disk")
        session.execute(
            update(CloudAccount).where(CloudAccount.id == own).values(state=AccountState.UNLINKED)
        )
        for account in (strange, own):
            with pytest.raises(NotFound):
                ask(session, config, library, account)
