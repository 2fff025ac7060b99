"""A sender whose large file arrives piece by piece, through the functions that tus calls."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select, update

from balancecloud.library import arrivals, resumable_views, resumables
from balancecloud.library.arrivals import Arrival, Held
from balancecloud.library.batches import Group
from balancecloud.library.job_figures import version_stages
from balancecloud.library.resumable_views import Standing
from balancecloud.library.resumables import Sent
from balancecloud.library.uploads import Wanted
from balancecloud.library.views import Stages
from balancecloud.models.clouds import ShardRow
from balancecloud.models.jobs import JobEvent, Work
from balancecloud.models.library import Node, Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import JobState, VersionState, WorkKind
from tests.storage.world import CHUNK, Person

RUN = 3  # chunks of a run of what still arrives
PART = RUN * CHUNK
CONTENT = secrets.token_bytes(3 * PART + CHUNK + 1000)  # three runs that arrive, and one at the end


def in_small(person: Person) -> Person:
    """Have three chunks be so much that a file is stored while it arrives."""
    small = replace(person.tools.config, early_bytes=PART)
    person.tools = replace(person.tools, config=small)
    return person


@dataclass
class Sender:
    """Sends one file; `rung` is what was rung for while it arrived."""

    person: Person
    content: bytes
    name: str = "film"
    batch: uuid.UUID = field(default_factory=uuid.uuid4)
    rung: list[uuid.UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        wanted = Wanted(self.person.user_id, None, "version", "api", len(self.content))
        group = Group(uuid.uuid4(), self.batch)
        begun = resumables.begin(self.person.tools, Sent(wanted, (self.name,), group, ""))
        self.id = begun.standing.id
        version = self.version()
        assert version is not None
        assert version.job_id is not None
        self.version_id, self.job_id = version.id, version.job_id
        self.file_id = version.file_id

    def standing(self) -> Standing:
        with self.person.tools.sessions() as session:
            return resumable_views.look(session, self.person.user_id, self.id)

    @property
    def has_sent_all(self) -> bool:
        return self.standing().is_whole

    def claim(self) -> Held:
        tools = self.person.tools
        return arrivals.claim(tools, self.person.user_id, self.id, self.standing().offset)

    def send(self, length: int) -> None:
        """Send so many bytes more, or what is left."""
        held = self.claim()
        arrival = Arrival(self.person.tools, held, ring=self.rung.append)
        arrival.write(self.content[held.offset : held.offset + length])
        ended = arrival.finish()
        self.rung += ended.work_ids

    def send_rest(self) -> None:
        self.send(len(self.content))

    def lose_lease(self) -> None:
        """Let the lease of a request run out that died."""
        with self.person.tools.sessions.begin() as session:
            session.execute(update(Resumable).values(owner=None, lease_until=None))

    # --- looking ---------------------------------------------------------------------------

    def version(self) -> Version | None:
        with self.person.tools.sessions() as session:
            return session.scalar(
                select(Version)
                .join(Resumable, Resumable.version_id == Version.id)
                .where(Resumable.id == self.id)
            )

    def node_id(self) -> uuid.UUID:
        with self.person.tools.sessions() as session:
            return session.scalars(select(Node.id).where(Node.file_id == self.file_id)).one()

    def stages(self) -> Stages:
        """Return what the job's page says of the file."""
        of = version_stages([])
        with self.person.tools.sessions() as session:
            row = session.execute(select(of).where(of.c.id == self.version_id)).one()
        return Stages(row.total, row.received, row.sealed, row.stored)

    def runs(self) -> list[int]:
        """Return the numbers of the runs that are written down."""
        with self.person.tools.sessions() as session:
            wanted = select(Work.run).where(Work.kind == WorkKind.STORE).order_by(Work.run)
            return list(session.scalars(wanted))

    def ends(self) -> int:
        """Return how often the job was said to have ended."""
        said = JobEvent.code.in_(["job.done", "job.failed", "job.cancelled"])
        with self.person.tools.sessions() as session:
            rows = select(func.count()).where(JobEvent.job_id == self.job_id, said)
            return session.scalars(rows).one()


def assert_stored_once(sender: Sender, problems: list[Exception] | None = None) -> None:
    person = sender.person
    assert not problems
    version, job = sender.version(), person.job(sender.job_id)
    assert version is not None
    assert (version.state, version.size) == (VersionState.STORED, len(sender.content))
    assert version.sealed_bytes == version.stored_bytes == version.received_bytes == version.size
    assert (job.state, job.files_stored, job.files_failed) == (JobState.DONE, 1, 0)
    assert sender.ends() == 1
    assert person.read(version.id) == sender.content
    assert len(person.objects()) == len({(row.pack_id, row.index) for row in shards(sender)})
    assert person.user().used_bytes == len(sender.content)
    person.check_settled()


def shards(sender: Sender) -> list[ShardRow]:
    return sender.person.shards(sender.version_id)


def once(step: Callable[[], None]) -> Callable[[], None]:
    """Return a stop() that does something at its second call, in the middle of a run."""
    calls = iter(["", step])

    def stop() -> None:
        found = next(calls, "")
        if callable(found):
            found()

    return stop
