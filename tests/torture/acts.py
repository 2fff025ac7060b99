"""What people and the schedule do to one small library, each time with a thing of chance."""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from balancecloud.errors import Cancelled
from balancecloud.library import (
    abandoned,
    arrivals,
    copying,
    giving_up,
    job_pausing,
    jobs,
    left_versions,
    nodes,
    rearranging,
    removal,
    resumables,
    trash,
    versions,
)
from balancecloud.library.arrivals import Arrival
from balancecloud.library.batches import Group
from balancecloud.library.copying import CopyTo
from balancecloud.library.removal import Deletion
from balancecloud.library.resumables import Sent
from balancecloud.library.small_uploads import receiver
from balancecloud.library.uploads import Wanted
from balancecloud.models.jobs import Job
from balancecloud.models.library import Node, Version
from balancecloud.models.states import JobState, NodeKind
from balancecloud.storage.work import Claim, Paused
from tests.storage.world import Person

NAMES = ("a", "b", "c", "d")
CONFLICTS = ("version", "version", "keep_both", "fail")
MOST_NODES = 120  # above that nothing is copied: copies of copies double


@dataclass
class Hand:
    """One who does things; `chance` decides which."""

    person: Person
    chance: random.Random
    batches: Sequence[uuid.UUID]
    sign_in: uuid.UUID = field(default_factory=uuid.uuid4)

    def act(self) -> None:
        """Do one thing; raises what stood in its way."""
        names = list(ACTS)
        [name] = self.chance.choices(names, [ACTS[one][1] for one in names])
        ACTS[name][0](self)

    # --- the tree ------------------------------------------------------------------------------

    def make_folder(self) -> None:
        parent = self._folder()
        with self.person.tools.sessions.begin() as session:
            nodes.make_folder(session, self.person.user_id, self._name(), parent)

    def rename(self) -> None:
        node = self._node()
        with self.person.tools.sessions.begin() as session:
            rearranging.rename(session, self.person.user_id, node, self._name())

    def move(self) -> None:
        node, parent = self._node(), self._folder()
        with self.person.tools.sessions.begin() as session:
            rearranging.move(session, self.person.user_id, node, parent)

    def copy(self) -> None:
        node, parent = self._node(), self._folder()
        with self.person.tools.sessions.begin() as session:
            mine = select(func.count()).where(Node.user_id == self.person.user_id)
            if session.scalars(mine).one() < MOST_NODES:
                copying.copy(session, self.person.user_id, node, CopyTo(parent))

    def put_into_trash(self) -> None:
        node = self._node()
        with self.person.tools.sessions.begin() as session:
            trash.put(session, self.person.user_id, node)

    def take_back(self) -> None:
        node = self._entry()
        with self.person.tools.sessions.begin() as session:
            trash.restore(session, self.person.user_id, node)

    def empty_trash(self) -> None:
        with self.person.tools.sessions.begin() as session:
            deletion = trash.empty(session, self.person.user_id, "web")
        self._empty_spool(deletion)

    def delete_for_good(self) -> None:
        node = self.chance.choice([self._node, self._entry])()
        self.person.delete_node(node)

    # --- versions ------------------------------------------------------------------------------

    def show_version(self) -> None:
        node, number = self._node(NodeKind.FILE), self.chance.randint(1, 4)
        with self.person.tools.sessions.begin() as session:
            versions.restore(session, self.person.user_id, node, number)

    def delete_version(self) -> None:
        node, number = self._node(NodeKind.FILE), self.chance.randint(1, 4)
        with self.person.tools.sessions.begin() as session:
            deletion = versions.delete(session, self.person.user_id, node, number, "web")
        self._empty_spool(deletion)

    # --- uploads -------------------------------------------------------------------------------

    def send_small(self) -> None:
        self._send_form([self._path()], most=2000)

    def send_form(self) -> None:
        self._send_form([self._path() for _ in range(self.chance.randint(2, 4))], most=9000)

    def send_resumable(self) -> None:
        content = self._content(30_000)
        batch = self.chance.choice([*self.batches, None, uuid.uuid4()])
        sent = Sent(self._wanted(len(content)), self._path(), Group(self.sign_in, batch), "")
        upload = resumables.begin(self.person.tools, sent).standing.id
        offset = 0
        while offset < len(content):
            if self.chance.random() < 0.05:
                giving_up.give_up(self.person.tools, self.person.user_id, upload)
                return
            if self.chance.random() < 0.05:
                return  # nobody goes on with it: the schedule ends it at last
            offset = self._send_piece(upload, content, offset)

    def _send_piece(self, upload: uuid.UUID, content: bytes, offset: int) -> int:
        tools = self.person.tools
        held = arrivals.claim(tools, self.person.user_id, upload, offset)
        arrival = Arrival(tools, held)
        end = min(len(content), offset + self.chance.randint(1, 20_000))
        try:
            arrival.write(content[offset:end])
            if self.chance.random() < 0.2:
                arrival.break_off()
                return end
            return arrival.finish().offset
        except BaseException:
            arrival.drop()
            raise

    def _send_form(self, paths: Sequence[tuple[str, ...]], most: int) -> None:
        contents = [self._content(most) for _ in paths]
        intake = receiver(self.person.tools, self._wanted(sum(map(len, contents)) + 100))
        try:
            for path, content in zip(paths, contents, strict=True):
                intake.start_file(path, None)
                intake.write(content)
                intake.end_file()
            if self.chance.random() < 0.1:
                intake.abort("broken_upload")
                return
            intake.finish()
        except BaseException:
            intake.abort("broken_upload")
            raise

    # --- jobs ----------------------------------------------------------------------------------

    def cancel_job(self) -> None:
        job = self._job()
        with self.person.tools.sessions.begin() as session:
            jobs.cancel(session, self.person.user_id, job)

    def pause_job(self) -> None:
        job = self._job()
        with self.person.tools.sessions.begin() as session:
            job_pausing.pause(session, self.person.user_id, job)

    def resume_job(self) -> None:
        job = self._job()
        with self.person.tools.sessions.begin() as session:
            job_pausing.resume(session, self.person.user_id, job)

    # --- the schedule and the workers ----------------------------------------------------------

    def sweep(self) -> None:
        tools = self.person.tools
        self.chance.choice([giving_up.sweep, abandoned.sweep, left_versions.remove_unwanted])(tools)

    def work(self) -> None:
        for _ in range(6):
            claim = self.person.try_claim()
            if claim is None:
                return
            problem = self.person.carry_out(claim, partial(self.obey, claim))
            if problem is not None:
                raise problem

    def obey(self, claim: Claim) -> None:
        """Stop as a worker does whose job was cancelled or paused."""
        with self.person.tools.sessions() as session:
            state = session.scalar(select(Job.state).where(Job.id == claim.job_id))
        if state in {JobState.CANCELLING, JobState.CANCELLED}:
            raise Cancelled
        if state is JobState.PAUSED:
            raise Paused

    # --- things of chance ----------------------------------------------------------------------

    def _name(self) -> str:
        return self.chance.choice(NAMES)

    def _path(self) -> tuple[str, ...]:
        return tuple(self._name() for _ in range(self.chance.choice([1, 1, 1, 2])))

    def _content(self, most: int) -> bytes:
        return self.chance.randbytes(self.chance.randint(0, most))

    def _wanted(self, length: int) -> Wanted:
        conflict = self.chance.choice(CONFLICTS)
        return Wanted(self.person.user_id, self._folder(), conflict, "web", length)

    def _node(self, *kinds: NodeKind) -> uuid.UUID:
        with self.person.tools.sessions() as session:
            of_kind = Node.kind.in_(kinds or tuple(NodeKind))
            return self._one(session, Node.trashed_at.is_(None), of_kind) or uuid.uuid4()

    def _folder(self) -> uuid.UUID | None:
        if self.chance.random() < 0.3:
            return None
        with self.person.tools.sessions() as session:
            return self._one(session, Node.trashed_at.is_(None), Node.kind == NodeKind.FOLDER)

    def _entry(self) -> uuid.UUID:
        with self.person.tools.sessions() as session:
            return self._one(session, Node.trashed_with == Node.id) or uuid.uuid4()

    def _one(self, session: Session, *which: ColumnElement[bool]) -> uuid.UUID | None:
        mine = select(Node.id).where(Node.user_id == self.person.user_id, *which)
        found = session.scalars(mine.order_by(Node.id)).all()
        return self.chance.choice(found) if found else None

    def _job(self) -> uuid.UUID:
        with self.person.tools.sessions() as session:
            recent = select(Job.id).order_by(Job.created_at.desc()).limit(10)
            found = session.scalars(recent).all()
        return self.chance.choice(found) if found else uuid.uuid4()

    def _empty_spool(self, deletion: Deletion) -> None:
        removal.empty_spool(self.person.tools, deletion)


ACTS: dict[str, tuple[Callable[[Hand], None], int]] = {
    "make_folder": (Hand.make_folder, 6),
    "rename": (Hand.rename, 6),
    "move": (Hand.move, 8),
    "copy": (Hand.copy, 8),
    "put_into_trash": (Hand.put_into_trash, 6),
    "take_back": (Hand.take_back, 5),
    "empty_trash": (Hand.empty_trash, 1),
    "delete_for_good": (Hand.delete_for_good, 3),
    "show_version": (Hand.show_version, 4),
    "delete_version": (Hand.delete_version, 4),
    "send_small": (Hand.send_small, 10),
    "send_form": (Hand.send_form, 5),
    "send_resumable": (Hand.send_resumable, 10),
    "cancel_job": (Hand.cancel_job, 2),
    "pause_job": (Hand.pause_job, 1),
    "resume_job": (Hand.resume_job, 2),
    "sweep": (Hand.sweep, 2),
    "work": (Hand.work, 14),
}


def versions_shown(session: Session, person: Person) -> dict[uuid.UUID, uuid.UUID]:
    """Return of each file that shows one the version it shows."""
    rows = session.execute(
        select(Node.id, Version.id)
        .join(Version, (Version.file_id == Node.file_id) & (Version.number == Node.version))
        .where(Node.user_id == person.user_id)
    )
    return {row[0]: row[1] for row in rows}
