"""Where a file is: its chunks page by page, and the same standing for page and program."""

import uuid

import pytest
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.library import placements, whereabouts
from balancecloud.models.states import ShardState
from tests.library import libraries
from tests.library.libraries import Library

pytestmark = pytest.mark.real

CHUNKS = 7


def make(session: Session, *domains: str) -> tuple[Library, uuid.UUID]:
    library = libraries.make_person(session)
    shards = {
        libraries.add_account(session, library, domain): ShardState.STORED for domain in domains
    }
    packs = [libraries.add_pack(session, library, 1, dict(shards)) for _ in range(CHUNKS)]
    return library, libraries.add_version(session, library, "a.bin", packs).node


def test_pages_past_the_first_go_on_where_the_last_ended(
    database: sessionmaker[Session], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts, "PER_PAGE", 3)
    with database() as session:
        library, node = make(session, "a", "b")
        pages = [
            whereabouts.whereabouts(session, config, library.user_id, node, page)
            for page in (1, 2, 3, 4)
        ]
    assert [[line.index for line in found.lines] for found in pages] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
        [6],
    ]
    assert [found.page for found in pages] == [1, 2, 3, 3]
    assert {found.placed for found in pages} == {CHUNKS}


def test_a_panel_is_told_the_same_without_a_line_for_each_chunk(
    database: sessionmaker[Session], config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whereabouts, "PANEL_COLUMNS", 3)
    with database() as session:
        library, node = make(session, "a", "b")
        glance = whereabouts.glance(session, config, library.user_id, node)
        whole = whereabouts.whereabouts(session, config, library.user_id, node)
    assert glance.lines == ()
    assert glance.chunk_map
    assert (glance.chunk_map.columns, glance.chunk_map.chunks_per_column) == (3, 3)
    assert (glance.survives, glance.placed) == (whole.survives, whole.placed) == (1, CHUNKS)


@pytest.mark.parametrize(("domains", "survives"), [(("a", "b", "c"), 2), (("a", "a", "b"), 1)])
def test_accounts_on_one_disk_protect_as_one_on_the_page_and_in_the_api(
    database: sessionmaker[Session], config: Config, domains: tuple[str, ...], survives: int
) -> None:
    with database() as session:
        library, node = make(session, *domains)
        page = whereabouts.glance(session, config, library.user_id, node)
        told = placements.placement(session, library.user_id, node)
    assert page.survives == told.survives == survives
