"""A resumable upload below HTTP, as tests send it."""

import secrets
import uuid
from dataclasses import dataclass, replace

from sqlalchemy import text

from balancecloud.crypto.primitives import Buffer
from balancecloud.library import arrivals, resumable_views, resumables
from balancecloud.library.arrivals import Arrival
from balancecloud.library.batches import Group
from balancecloud.library.resumables import Sent
from balancecloud.library.uploads import Wanted
from balancecloud.models.library import Version
from balancecloud.models.resumables import Resumable
from balancecloud.models.states import VersionState
from balancecloud.storage.running_hashes import RunningHashes
from balancecloud.storage.tools import Tools
from tests.storage.world import Person

CONTENT = secrets.token_bytes(300_000)


@dataclass
class Upload:
    """An upload of CONTENT and the person whose it is."""

    person: Person
    id: uuid.UUID

    def claim(self, offset: int, tools: Tools | None = None) -> Arrival:
        tools = tools or self.person.tools
        return Arrival(tools, arrivals.claim(tools, self.person.user_id, self.id, offset))

    def send(self, begin: int, end: int, tools: Tools | None = None) -> int:
        arrival = self.claim(begin, tools)
        arrival.write(CONTENT[begin:end])
        return arrival.finish().offset

    @property
    def offset(self) -> int:
        with self.person.tools.sessions() as session:
            return resumable_views.look(session, self.person.user_id, self.id).offset

    def version(self) -> Version:
        with self.person.tools.sessions() as session:
            row = session.get_one(Resumable, self.id)
            return session.get_one(Version, row.version_id)

    def let_lease_pass(self) -> None:
        with self.person.tools.sessions.begin() as session:
            session.execute(text("UPDATE resumables SET lease_until = now() - interval '1 second'"))

    def read_back(self) -> bytes:
        """Store it and read what the accounts hold."""
        assert self.person.work() == []
        assert self.version().state is VersionState.STORED
        return self.person.read(self.version().id)


def begin(person: Person, length: int = len(CONTENT), name: str = "file") -> Upload:
    wanted = Wanted(person.user_id, None, "version", "api", length)
    sent = Sent(wanted, (name,), Group(uuid.uuid4()), "")
    return Upload(person, resumables.begin(person.tools, sent).standing.id)


def another_process(tools: Tools) -> Tools:
    """Return tools that remember nothing of what was received."""
    return replace(tools, hashes=RunningHashes())


class Wrong:
    """A checksum that never fits."""

    def update(self, plaintext: Buffer) -> None:
        pass

    def is_right(self) -> bool:
        return False
