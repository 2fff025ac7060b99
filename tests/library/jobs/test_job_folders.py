"""Jobs of many files are told folder by folder, those with problems first."""

import uuid

import pytest
from sqlalchemy import delete, insert, select, update

from balancecloud.library import job_files
from balancecloud.library.job_figures import sums
from balancecloud.library.views import ChunkCounts
from balancecloud.live.progress import ProgressStore
from balancecloud.models.library import Node, Version
from balancecloud.models.states import NodeKind, VersionState
from tests.library.jobs.looking import detail_of
from tests.storage.world import Person

pytestmark = pytest.mark.real

STORED, FAILED, STORING = VersionState.STORED, VersionState.FAILED, VersionState.STORING


def spread(person: Person) -> tuple[uuid.UUID, uuid.UUID]:
    """Upload four files as one job: two in a folder, of which one failed, and two beside it."""
    job = person.upload(b"12345", name="0")
    nodes = [*job.node_ids]
    with person.tools.sessions.begin() as session:
        folder = session.scalars(
            insert(Node)
            .values(id=job.job_id, user_id=person.user_id, kind=NodeKind.FOLDER, name="Photos")
            .returning(Node.id)
        ).one()
    for number in (1, 2, 3):
        nodes += person.upload(b"12345", name=str(number)).node_ids
    with person.tools.sessions.begin() as session:
        session.execute(update(Node).where(Node.id.in_(nodes[:2])).values(parent_id=folder))
        for node, state in zip(nodes, (STORED, FAILED, STORED, STORING), strict=True):
            session.execute(
                update(Version)
                .where(Version.file_id == node)
                .values(job_id=job.job_id, state=state, chunk_size=2)
            )
    return job.job_id, folder


def test_folders_add_up_to_the_job_and_problems_come_first(
    person: Person, progress: ProgressStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, folder = spread(person)
    assert detail_of(person, progress, job_id).folders == ()
    monkeypatch.setattr(job_files, "MOST_SHOWN", 3)

    found = detail_of(person, progress, job_id)

    told = [(one.folder_id, one.path, one.files, one.stored, one.problems) for one in found.folders]
    assert told == [(folder, "/Photos", 2, 1, 1), (None, "/", 2, 1, 0)]
    assert sum(one.stages.total for one in found.folders) == found.job.progress.bytes.total == 20
    assert sum(one.stages.stored for one in found.folders) == found.job.progress.bytes.stored
    assert found.files_hidden == 1


def test_files_that_were_deleted_meanwhile_are_told_apart_from_the_root(
    person: Person, progress: ProgressStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, folder = spread(person)
    with person.tools.sessions.begin() as session:
        session.execute(delete(Node).where(Node.parent_id == folder))
    monkeypatch.setattr(job_files, "MOST_SHOWN", 3)

    found = detail_of(person, progress, job_id)

    assert [(one.path, one.files) for one in found.folders] == [(None, 2), ("/", 2)]


def test_chunks_are_counted_whole_and_the_last_one_with_the_file(person: Person) -> None:
    job_id, _ = spread(person)
    with person.tools.sessions.begin() as session:
        storing = select(Version.id).where(Version.state == STORING)
        counted = []
        for sealed in (0, 1, 2, 4, 5):
            session.execute(
                update(Version).where(Version.id.in_(storing)).values(sealed_bytes=sealed)
            )
            session.execute(update(Version).where(Version.state == FAILED).values(sealed_bytes=0))
            counted.append(sums(session, [job_id], {})[job_id].chunks)
    # Three chunks of each file: two files are whole, one has none.
    assert counted == [ChunkCounts(12, 6 + more) for more in (0, 0, 1, 2, 3)]
