"""What a library holds by kind and by folder, counted at once or, if large, by the schedule."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.clock import SYSTEM_CLOCK
from balancecloud.config import Config
from balancecloud.library import usage, usage_counts
from balancecloud.models.library import Node
from balancecloud.models.usage import UsageSummary
from tests.library import libraries
from tests.library.libraries import SIZE, Library

pytestmark = pytest.mark.real


@pytest.fixture
def library(database: sessionmaker[Session]) -> Library:
    """Photos (a picture, and Lisbon with two), a text in the root, and one in the trash."""
    with database.begin() as session:
        made = libraries.make_person(session)
        photos = libraries.add_folder(session, made, "Photos")
        lisbon = libraries.add_folder(session, made, "Lisbon")
        session.execute(update(Node).where(Node.id == lisbon).values(parent_id=photos))
        add = libraries.add_version
        add(session, made, "a.JPG", [], parent_id=photos)
        add(session, made, "b.jpg", [], parent_id=lisbon)
        add(session, made, "c.mp4", [], parent_id=lisbon)
        add(session, made, "notes.txt", [])
        add(session, made, "gone.jpg", [], "trash")
    return made


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_counts, "MOST_AT_ONCE", 3)


def kinds(session: Session, library: Library) -> dict[str, tuple[int, int]] | None:
    found = usage.by_kind(session, library.user_id).kinds
    return None if found is None else {one.kind: (one.files, one.bytes) for one in found}


def folders(session: Session, library: Library) -> dict[str, tuple[int, int]] | None:
    found = usage.by_folder(session, library.user_id).folders
    return None if found is None else {one.name: (one.files, one.bytes) for one in found}


KINDS = {"picture": (2, 2 * SIZE), "video": (1, SIZE), "document": (1, SIZE)}
FOLDERS = {"Photos": (3, 3 * SIZE)}


def test_a_small_library_is_counted_at_once(
    database: sessionmaker[Session], library: Library
) -> None:
    with database() as session:
        assert kinds(session, library) == KINDS
        assert folders(session, library) == FOLDERS
        root = usage.by_folder(session, library.user_id)
        assert (root.files, root.other_files, root.counted_at) == (4, 1, None)


def test_a_folder_shows_what_lies_below_it(
    database: sessionmaker[Session], library: Library
) -> None:
    with database() as session:
        photos = (usage.by_folder(session, library.user_id).folders or ())[0]
        inside = usage.by_folder(session, library.user_id, photos.id)
    assert [(one.name, one.files) for one in inside.folders or ()] == [("Lisbon", 2)]
    assert (inside.files, inside.other_files, inside.other_bytes) == (3, 1, SIZE)


@pytest.mark.usefixtures("all_are_large")
def test_a_large_library_is_counted_by_the_schedule_once_somebody_looked(
    database: sessionmaker[Session], library: Library, config: Config
) -> None:
    def count() -> object:
        return usage_counts.count_next(database, SYSTEM_CLOCK)

    assert count() is None
    with database.begin() as session:
        assert usage.usage(session, config, library.user_id).files is None
        assert kinds(session, library) is None
        assert folders(session, library) is None

    assert count() == library.user_id

    assert count() is None
    with database.begin() as session:
        assert kinds(session, library) == KINDS
        assert folders(session, library) == FOLDERS
        found = usage.usage(session, config, library.user_id)
        assert (found.files, found.less_protected) == (4, 0)
        assert found.counted_at == usage.by_kind(session, library.user_id).counted_at
    assert count() is None, "it was counted just now"


@pytest.mark.usefixtures("all_are_large")
def test_a_large_library_is_counted_anew_when_its_count_is_old_and_somebody_looks(
    database: sessionmaker[Session], library: Library, config: Config
) -> None:
    with database.begin() as session:
        usage.usage(session, config, library.user_id)
    usage_counts.count_next(database, SYSTEM_CLOCK)
    with database.begin() as session:
        libraries.add_version(session, library, "d.ogg", [])
        old = UsageSummary.counted_at - usage_counts.LASTS
        session.execute(update(UsageSummary).values(counted_at=old, asked_at=old))
        assert usage.usage(session, config, library.user_id).files == 4

    assert usage_counts.count_next(database, SYSTEM_CLOCK) == library.user_id
    with database() as session:
        assert usage.usage(session, config, library.user_id).files == 5
