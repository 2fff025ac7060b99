"""Deleting for good: rows and keys go at once, the shards by a job."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.orm import Session

from balancecloud.errors import StateConflict
from balancecloud.library import copies, nodes, tree
from balancecloud.models.jobs import Job, Work
from balancecloud.models.library import Node, Upload, Version
from balancecloud.models.people import User
from balancecloud.models.states import JobKind, JobState
from balancecloud.storage import cleanup, completion
from balancecloud.storage.tools import Tools


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion set going: the job that removes the shards, None when there were none."""

    job_id: uuid.UUID | None
    work_id: uuid.UUID | None
    upload_ids: tuple[uuid.UUID, ...]  # whose spool is to be emptied once this is committed


def delete_for_good(
    session: Session, user_id: uuid.UUID, node_id: uuid.UUID, source: str
) -> Deletion:
    """Remove a node and all below it, every version, their keys and quota; NotFound as usual.

    The node may lie in the trash. StateConflict when something is added to it at the same moment.
    What is being stored loses its rows: its worker finds its lease gone and stops. What went to
    the trash before from a folder below stays there, and so does a version that a copy shows.
    """
    top = tree.find_anywhere(session, user_id, node_id)
    return _delete(session, user_id, [top.id], Cause(source, top.name))


def delete_from_trash(
    session: Session, user_id: uuid.UUID, node_ids: Sequence[uuid.UUID], source: str
) -> Deletion:
    """Remove entries of a person's trash for good, as one job that names one entry only.

    StateConflict when one of them was taken back at the same moment: nothing is removed then.
    """
    entries = select(Node.name).where(_are_entries(user_id, node_ids))
    names = session.scalars(entries).all()
    cause = Cause(source, names[0] if len(node_ids) == len(names) == 1 else None)
    return _delete(session, user_id, node_ids, cause, only_trash=True)


def _are_entries(user_id: uuid.UUID, node_ids: Sequence[uuid.UUID]) -> ColumnElement[bool]:
    return and_(Node.user_id == user_id, Node.id.in_(node_ids), Node.trashed_with == Node.id)


@dataclass(frozen=True, slots=True)
class Cause:
    """Who asked for it, and what the job is about; None: about many things."""

    source: str
    subject: str | None


def _delete(
    session: Session,
    user_id: uuid.UUID,
    tops: Sequence[uuid.UUID],
    cause: Cause,
    *,
    only_trash: bool = False,
) -> Deletion:
    ids, file_ids = _below(session, tops)
    versions = lock_versions(session, file_ids)
    _lock_nodes(session, tops, ids, versions)
    if only_trash:
        # Locked by now: what was taken back since it was looked at is no entry any more.
        still = session.scalars(select(Node.id).where(_are_entries(user_id, tops))).all()
        if set(still) != set(tops):
            raise StateConflict("Something of it was taken back just now. Look at the trash again.")
    _part_with_trash(session, ids)
    session.execute(delete(Node).where(Node.id.in_(ids)))
    kept = copies.wanted(session, [version.id for version in versions])
    return remove(session, user_id, [one for one in versions if one.id not in kept], cause)


def remove(
    session: Session, user_id: uuid.UUID, versions: Sequence[Version], cause: Cause
) -> Deletion:
    """Remove versions that `lock_versions` locked, with their keys, quota and shards."""
    packs, upload_ids = _remove_versions(session, user_id, versions)
    if not packs:
        return Deletion(None, None, upload_ids)
    job = Job(
        user_id=user_id,
        kind=JobKind.DELETE,
        state=JobState.QUEUED,
        source=cause.source,
        subject=cause.subject,
    )
    session.add(job)
    session.flush()
    return Deletion(job.id, cleanup.clean_for_job(session, job, packs), upload_ids)


def empty_spool(tools: Tools, deletion: Deletion) -> None:
    """Remove what the deleted versions left in the spool; call it after the commit."""
    for upload_id in deletion.upload_ids:
        tools.spool.remove(upload_id)


def _below(session: Session, tops: Sequence[uuid.UUID]) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    ids = list(session.scalars(nodes.below(*tops)))
    files = session.execute(
        select(Node.id, Node.file_id).where(Node.id.in_(ids), Node.file_id.is_not(None))
    )
    # Of a copy both: the file it shows, and its own, of which a version may be on its way.
    return ids, list({file_id for row in files for file_id in row})


def _part_with_trash(session: Session, ids: Collection[uuid.UUID]) -> None:
    """Let what lies in the trash by itself outlive the folder it came from; it knows the path."""
    session.execute(
        update(Node).where(Node.parent_id.in_(ids), Node.id.not_in(ids)).values(parent_id=None)
    )


def _lock_nodes(
    session: Session,
    tops: Sequence[uuid.UUID],
    known: Collection[uuid.UUID],
    versions: Collection[Version],
) -> None:
    """Lock the tree from the top down; StateConflict when something was added to it meanwhile."""
    session.scalars(nodes.locking(*tops)).all()
    ids, file_ids = _below(session, tops)
    found = session.scalars(select(Version.id).where(Version.file_id.in_(file_ids)))
    if set(ids) != set(known) or set(found) != {version.id for version in versions}:
        raise StateConflict("Something in it is changing just now. Try again in a moment.")


def lock_versions(session: Session, file_ids: Sequence[uuid.UUID]) -> Sequence[Version]:
    """Lock jobs, then work, then versions: the order of storage/hold.py."""
    of_files = Version.file_id.in_(file_ids)
    jobs = select(Version.job_id).where(of_files)
    session.scalars(select(Job.id).where(Job.id.in_(jobs)).order_by(Job.id).with_for_update()).all()
    keys = select(Version.id).where(of_files)
    session.scalars(
        select(Work.id).where(Work.key.in_(keys)).order_by(Work.id).with_for_update()
    ).all()
    return session.scalars(
        select(Version).where(of_files).order_by(Version.id).with_for_update()
    ).all()


def _remove_versions(
    session: Session, user_id: uuid.UUID, versions: Sequence[Version]
) -> tuple[list[uuid.UUID], tuple[uuid.UUID, ...]]:
    """Remove versions, their work and uploads; return the packs and uploads that are left over."""
    ids = [version.id for version in versions]
    unfinished = {v.job_id for v in versions if v.state in completion.UNFINISHED and v.job_id}
    used = sum(v.size for v in versions if v.state in completion.COUNTED)
    uploads = session.scalars(select(Upload).where(Upload.version_id.in_(ids))).all()
    reserved = sum(upload.reserved_bytes for upload in uploads)
    packs = cleanup.drop_chunks(session, ids)
    session.execute(delete(Work).where(Work.key.in_(ids)))
    session.execute(delete(Version).where(Version.id.in_(ids)))
    session.execute(
        update(User)
        .where(User.id == user_id)
        .values(used_bytes=User.used_bytes - used, reserved_bytes=User.reserved_bytes - reserved)
    )
    for job_id in sorted(unfinished):
        completion.close_if_over(session, session.get_one(Job, job_id, populate_existing=True))
    return packs, tuple(upload.id for upload in uploads)
