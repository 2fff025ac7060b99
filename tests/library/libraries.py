"""Libraries of rows alone: what lies on which account, without a byte anywhere."""

import random
import uuid
from dataclasses import dataclass, field

from sqlalchemy import func
from sqlalchemy.orm import Session

from balancecloud.models.clouds import Chunk, CloudAccount, Pack, ShardRow
from balancecloud.models.library import Node, Version
from balancecloud.models.people import User
from balancecloud.models.states import AccountState, NodeKind, ShardState, VersionState

SIZE = 1000
HELD = (ShardState.STORED, ShardState.VERIFIED)


@dataclass
class MadePack:
    """A pack as the rows say it."""

    id: uuid.UUID
    k: int
    shards: dict[uuid.UUID, ShardState] = field(default_factory=dict)


@dataclass
class MadeVersion:
    """A version, where in the library it is, and its packs."""

    id: uuid.UUID
    place: str
    state: VersionState
    size: int
    packs: list[MadePack]
    node: uuid.UUID


@dataclass
class Library:
    """A person's library."""

    user_id: uuid.UUID
    domains: dict[uuid.UUID, str] = field(default_factory=dict)
    unlinked: set[uuid.UUID] = field(default_factory=set)
    versions: list[MadeVersion] = field(default_factory=list)

    @property
    def linked(self) -> list[uuid.UUID]:
        """The accounts that can be chosen."""
        return [one for one in self.domains if one not in self.unlinked]


def make_person(session: Session) -> Library:
    """Write a person without anything."""
    user_id = uuid.uuid4()
    session.add(User(id=user_id, email=f"{user_id}@example.com", password_hash="-"))
    session.flush()
    return Library(user_id)


def add_account(
    session: Session,
    library: Library,
    domain: str,
    state: AccountState = AccountState.HEALTHY,
) -> uuid.UUID:
    """Write an account that fails with this domain."""
    number = len(library.domains)
    account_id = uuid.uuid4()
    session.add(
        CloudAccount(
            id=account_id,
            user_id=library.user_id,
            provider="folder",
            subject=str(account_id),
            domain=domain,
            label=f"Disk {number}",
            color=number % 5,
            state=state,
        )
    )
    session.flush()
    library.domains[account_id] = domain
    if state is AccountState.UNLINKED:
        library.unlinked.add(account_id)
    return account_id


def add_pack(
    session: Session, library: Library, k: int, shards: dict[uuid.UUID, ShardState]
) -> MadePack:
    """Write a pack with these shards."""
    pack = MadePack(uuid.uuid4(), k, shards)
    session.add(
        Pack(
            id=pack.id,
            user_id=library.user_id,
            epoch=1,
            length=SIZE,
            digest=b"d" * 32,
            k=k,
            m=min(len(shards) - k, 2),
        )
    )
    session.flush()
    session.add_all(
        ShardRow(
            pack_id=pack.id,
            index=index,
            account_id=account_id,
            name=f"{pack.id}-{index}",
            length=SIZE // k,
            sha256=b"h" * 32,
            state=state,
            stored_at=func.now(),
        )
        for index, (account_id, state) in enumerate(shards.items())
    )
    return pack


def add_folder(
    session: Session, library: Library, name: str, parent_id: uuid.UUID | None = None
) -> uuid.UUID:
    """Write a folder, in the root unless another one is named."""
    folder = uuid.uuid4()
    session.add(
        Node(
            id=folder,
            user_id=library.user_id,
            kind=NodeKind.FOLDER,
            name=name,
            parent_id=parent_id,
        )
    )
    session.flush()
    return folder


def add_version(
    session: Session,
    library: Library,
    name: str,
    packs: list[MadePack],
    place: str = "file",
    state: VersionState = VersionState.STORED,
    parent_id: uuid.UUID | None = None,
) -> MadeVersion:
    """Write a version that is shown, that is an old one, or that is in the trash."""
    node, number = uuid.uuid4(), 1
    made = MadeVersion(uuid.uuid4(), place, state, SIZE * max(1, len(packs)), packs, node)
    in_trash = {"trashed_at": func.now(), "trashed_with": node, "trashed_from": ""}
    session.add(
        Node(
            id=node,
            user_id=library.user_id,
            parent_id=parent_id,
            kind=NodeKind.FILE,
            name=name,
            file_id=node,
            version=2 if place == "old" else number,
            **(in_trash if place == "trash" else {}),
        )
    )
    session.add(
        Version(
            id=made.id,
            user_id=library.user_id,
            file_id=node,
            number=number,
            state=state,
            size=made.size,
            chunk_size=SIZE,
            frame_log2=16,
            pad=False,
            epoch=1,
            file_key=b"k",
            protection=1,
            mime_type="text/plain",
        )
    )
    session.flush()
    session.add_all(
        Chunk(version_id=made.id, index=index, pack_id=pack.id, offset=0, salt=b"s" * 32)
        for index, pack in enumerate(packs)
    )
    session.flush()
    library.versions.append(made)
    return made


def add_copy(
    session: Session, library: Library, of: MadeVersion, name: str, *, is_trashed: bool = False
) -> uuid.UUID:
    """Write a node in the root that shows a version of another node's file."""
    node = uuid.uuid4()
    in_trash = {"trashed_at": func.now(), "trashed_with": node, "trashed_from": ""}
    session.add(
        Node(
            id=node,
            user_id=library.user_id,
            kind=NodeKind.FILE,
            name=name,
            file_id=of.node,
            version=1,
            **(in_trash if is_trashed else {}),
        )
    )
    session.flush()
    return node


def make_any(session: Session, chance: random.Random) -> Library:
    """Write a library of every kind of account, pack and version, shared packs among them."""
    library = make_person(session)
    for domain in ("disk a", "disk a", "disk b", "google:1", "microsoft:1"):
        add_account(session, library, domain)
    add_account(session, library, "google:2", AccountState.UNLINKED)
    packs = [_any_pack(session, library, chance) for _ in range(30)]
    for number in range(60):
        add_version(
            session,
            library,
            f"{number}.txt",
            chance.sample(packs, chance.randint(0, 3)),
            chance.choice(["file", "file", "old", "trash"]),
            chance.choice([VersionState.STORED] * 5 + list(VersionState)),
        )
    return library


def _any_pack(session: Session, library: Library, chance: random.Random) -> MadePack:
    accounts = chance.sample(list(library.domains), chance.randint(1, 5))
    k = max(1, len(accounts) - chance.randint(0, 2))
    states = [ShardState.STORED] * 6 + list(ShardState)
    return add_pack(session, library, k, {one: chance.choice(states) for one in accounts})
