"""Copies in every answer about versions: counted once, and called by a node that shows them."""

import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.library.job_files import GONE, list_files
from balancecloud.library.shortfalls import shortfalls
from balancecloud.library.storage_map import storage_map
from balancecloud.library.unlinking import unlink_effect
from balancecloud.library.usage import usage
from balancecloud.library.version_names import Called, names_of
from balancecloud.library.what_if import Question, WhatIf, what_if
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobKind, JobState, ShardState, VersionState
from tests.library import libraries
from tests.library.libraries import SIZE, Library, MadeVersion

pytestmark = pytest.mark.real


@dataclass
class Shelf:
    """A file `/a.txt` on one account."""

    session: Session
    config: Config
    library: Library
    account: uuid.UUID
    version: MadeVersion

    @classmethod
    def new(cls, session: Session, config: Config, place: str = "file") -> "Shelf":
        library = libraries.make_person(session)
        account = libraries.add_account(session, library, "disk")
        pack = libraries.add_pack(session, library, 1, {account: ShardState.STORED})
        version = libraries.add_version(session, library, "a.txt", [pack], place)
        return cls(session, config, library, account, version)

    def copy(self, name: str, *, is_trashed: bool = False) -> uuid.UUID:
        return libraries.add_copy(
            self.session, self.library, self.version, name, is_trashed=is_trashed
        )

    def forget_original(self) -> None:
        """Have the node of the file deleted for good, as when only copies are left."""
        self.session.execute(delete(Node).where(Node.id == self.version.node))

    def called(self) -> Called:
        return names_of(self.session, [self.version.id])[self.version.id]

    def without_the_account(self) -> WhatIf:
        return what_if(self.session, self.config, self.library.user_id, Question((self.account,)))


def test_a_file_and_its_copy_are_lost_once_and_both_are_spoken_of(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config)
        shelf.copy("b.txt")
        shelf.copy("c.txt")
        shelf.copy("d.txt", is_trashed=True)
        found = shelf.without_the_account()
        effect = unlink_effect(session, config, shelf.library.user_id, shelf.account)
    assert (found.files.lost.count, found.files.lost.bytes) == (1, SIZE)
    assert [(one.called.path, one.called.copies) for one in found.harmed] == [("/a.txt", 2)]
    assert (effect.lost_files, effect.lost_count, effect.lost_copies) == (("/a.txt",), 1, 2)


def test_what_is_left_when_the_original_is_deleted_bears_the_name_of_the_copy(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config)
        node = shelf.copy("b.txt")
        shelf.forget_original()
        found = shelf.without_the_account()
        effect = unlink_effect(session, config, shelf.library.user_id, shelf.account)
        assert shelf.called() == Called(node, "/b.txt", None, is_trashed=False)
    assert [one.called.path for one in found.harmed] == ["/b.txt"]
    assert (found.files.lost.count, found.old.lost.count, found.trash.lost.count) == (1, 0, 0)
    assert (effect.lost_files, effect.lost_copies) == (("/b.txt",), 0)


def test_an_old_version_that_a_copy_shows_is_a_file(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config, "old")
        assert shelf.called() == Called(shelf.version.node, "/a.txt", 1, is_trashed=False)
        assert shelf.without_the_account().old.lost.count == 1
        node = shelf.copy("b.txt")
        assert shelf.called() == Called(node, "/b.txt", None, is_trashed=False)
        found = shelf.without_the_account()
    assert (found.files.lost.count, found.old.lost.count) == (1, 0)


def test_a_file_in_the_trash_whose_copy_is_not_is_no_trash(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config, "trash")
        assert shelf.without_the_account().trash.lost.count == 1
        node = shelf.copy("b.txt")
        assert shelf.called() == Called(node, "/b.txt", None, is_trashed=False)
        found = shelf.without_the_account()
    assert (found.files.lost.count, found.trash.lost.count) == (1, 0)


def test_another_version_of_what_is_in_the_trash_is_trash_whatever_a_copy_shows(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config, "trash")
        node = shelf.copy("b.txt")
        session.execute(update(Node).where(Node.id == node).values(version=2))
        assert shelf.called().is_trashed
        found = shelf.without_the_account()
    assert (found.trash.lost.count, found.old.lost.count) == (1, 0)


def test_the_list_of_what_is_less_protected_counts_versions_and_the_storage_page_the_same(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config)  # thin: one account, and two asked for
        shelf.copy("b.txt")
        libraries.add_version(
            session, shelf.library, "c.txt", shelf.version.packs, "old", VersionState.LOST
        )
        found = shortfalls(session, shelf.library.user_id)
        used = usage(session, config, shelf.library.user_id)
    named = {(one.called.path, one.called.number, one.called.copies) for one in found.entries}
    assert named == {("/a.txt", None, 1), ("/c.txt", 1, 0)}
    assert found.total == used.less_protected == 2


def test_the_map_counts_the_bytes_of_a_file_and_its_copy_in_one_folder_once(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config)
        folder = libraries.add_folder(session, shelf.library, "Photos")
        copies = [shelf.copy(name) for name in ("b.txt", "c.txt")]
        session.execute(update(Node).where(Node.id.in_(copies)).values(parent_id=folder))
        found = storage_map(session, config, shelf.library.user_id, None)
    rows = {row.node.name: (row.files, row.bytes, row.kept) for row in found.rows}
    assert rows == {"Photos": (1, SIZE, SIZE), "a.txt": (1, SIZE, SIZE)}


def test_a_job_names_what_it_stored_by_the_copy_that_is_left(
    database: sessionmaker[Session], config: Config
) -> None:
    with database() as session:
        shelf = Shelf.new(session, config)
        node = shelf.copy("b.txt")
        job = uuid.uuid4()
        values = {"kind": JobKind.STORE, "state": JobState.DONE, "source": "web"}
        session.execute(insert(Job).values(id=job, user_id=shelf.library.user_id, **values))
        session.execute(update(Version).where(Version.id == shelf.version.id).values(job_id=job))
        names = []
        for gone in (None, shelf.version.node, node):
            session.execute(delete(Node).where(Node.id == gone))
            ((file,), _) = list_files(session, job, [])
            names.append((file.name, file.node_id))
    assert names == [("a.txt", shelf.version.node), ("b.txt", node), (GONE, None)]
