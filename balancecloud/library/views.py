"""Values that pages and the API show: never rows that may still load."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from balancecloud.library.chunk_lines import ChunkLine
from balancecloud.library.wording import Words

# --- files ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountShare:
    """How much of something lies on one account; bytes of shards."""

    account_id: uuid.UUID
    label: str
    provider: str
    color: int
    bytes: int


@dataclass(frozen=True, slots=True)
class NodeView:
    """A folder or a file, as `File` of docs/api.md. `state` is "stored" for folders."""

    id: uuid.UUID
    user_id: uuid.UUID
    name: str
    path: str  # "/Photos/Travel/a.jpg"
    size: int  # bytes; of a folder: 0
    mime_type: str | None
    is_folder: bool
    parent_id: uuid.UUID | None
    state: str
    version: int | None
    sha256: str | None
    created_at: datetime
    updated_at: datetime
    item_count: int = 0  # of a folder: direct children
    job_id: uuid.UUID | None = None  # of the version on its way
    error_code: str | None = None
    shares: tuple[AccountShare, ...] = ()  # "Stored on"


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of the way from the root to a folder."""

    id: uuid.UUID
    name: str


@dataclass(frozen=True, slots=True)
class FolderPage:
    """One page of a folder's children; folders first."""

    folder: NodeView | None  # None: the root
    crumbs: tuple[Crumb, ...]  # from the root down to and with this folder
    nodes: tuple[NodeView, ...]
    total: int
    page: int
    per_page: int


@dataclass(frozen=True, slots=True)
class PlacedShard:
    """One shard of a chunk's pack."""

    index: int
    account_id: uuid.UUID
    state: str


@dataclass(frozen=True, slots=True)
class PlacedChunk:
    """Where one chunk lies; any k of its k + m shards rebuild it."""

    index: int
    pack_id: uuid.UUID
    k: int
    m: int
    shards: tuple[PlacedShard, ...]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a version is. `survives`: how many accounts may be lost without losing a byte."""

    protection: int
    survives: int
    chunks: tuple[PlacedChunk, ...]


# --- cloud accounts ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """An account's state in words; `action` is what the person can do about it."""

    chip: Words  # "Healthy", "Slowed down until 14:20", ...
    sentence: Words  # what it means for the person's files
    action: Literal["sign_in", "make_room", "look_again"] | None = None
    needs_you: bool = False  # nothing goes on there before somebody acts


@dataclass(frozen=True, slots=True)
class AccountWarning:
    """An account's access that ends by itself, unless something is done before `at`."""

    code: Literal["disuse", "time_limit"]
    sentence: Words
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountView:
    """A linked cloud account. `stored_bytes` are our shards on it."""

    id: uuid.UUID
    provider: str
    provider_title: str  # "Google Drive"
    provider_account_id: str
    address: str | None
    label: str
    letter: str
    color: int  # 0..4, into the palette
    simulated: bool
    is_connected: bool
    state: str
    state_reason: str | None
    health: AccountHealth
    warning: AccountWarning | None
    uses_oauth: bool
    state_since: datetime
    paused_until: datetime | None
    token_expires_at: datetime | None
    total_bytes: int | None
    used_bytes: int
    stored_bytes: int
    room_read_at: datetime | None
    room_is_old: bool  # read more than an hour ago, or never
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderOffer:
    """A provider that can be linked here."""

    name: str
    title: str
    uses_oauth: bool
    simulated: bool
    asks_for: str  # what we ask for and why, a sentence
    available: bool  # False: the administrator has not set it up
    unavailable_reason: str | None = None


@dataclass(frozen=True, slots=True)
class LinkProposal:
    """An account the provider named, waiting for the person's confirmation."""

    attempt_id: uuid.UUID
    provider: str
    provider_title: str
    address: str | None
    display_name: str | None
    relinks: AccountView | None  # an account already linked that this would reconnect
    signs_in: bool = False  # begun to sign that account in again


@dataclass(frozen=True, slots=True)
class UnlinkEffect:
    """What unlinking an account would do to the person's files."""

    account: AccountView
    shards: int
    lost_files: tuple[str, ...]  # paths, at most 20, each file once
    lost_count: int
    less_protected_count: int
    lost_copies: int = 0  # so many copies show what would be lost

    @property
    def holds_data(self) -> bool:
        """Whether any shard lies on it."""
        return self.shards > 0


# --- jobs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stages:
    """Bytes through the three stages: stored <= sealed <= received <= total, at every moment."""

    total: int = 0
    received: int = 0
    sealed: int = 0
    stored: int = 0


@dataclass(frozen=True, slots=True)
class FileCounts:
    """Files of a job by outcome."""

    total: int = 0
    stored: int = 0
    failed: int = 0
    needs_you: int = 0


@dataclass(frozen=True, slots=True)
class ShardCounts:
    """Shards of a job; `total` grows as packs are planned."""

    total: int = 0
    stored: int = 0
    verified: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class ChunkCounts:
    """Chunks that a job's files are cut into, and those of them that are sealed."""

    total: int = 0
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class LaneProgress:
    """One account's part in a job; `rate` in bytes a second."""

    id: uuid.UUID
    state: str
    until: datetime | None
    stored: int
    total: int
    rate: int


@dataclass(frozen=True, slots=True)
class Progress:
    """`progress` of docs/api.md. The ETag is `run.seq`."""

    run: str
    seq: int
    bytes: Stages
    files: FileCounts
    shards: ShardCounts
    accounts: tuple[LaneProgress, ...]
    rate_in: int
    rate_out: int
    eta_seconds: int | None
    eta_kind: str  # estimate | waiting | unknown
    chunks: ChunkCounts = field(default_factory=ChunkCounts)


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job did not end well: a code and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class JobView:
    """A job in a list, as `Job` of docs/api.md."""

    id: uuid.UUID
    kind: str
    title: str  # a sentence: "Uploading 5 files to Travel"
    state: str
    source: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class JobFile:
    """One file of a job. `state` is the version's."""

    node_id: uuid.UUID | None  # None: the node is gone
    version_id: uuid.UUID
    name: str
    size: int
    state: str
    stages: Stages
    error: JobError | None
    can_cancel: bool = False  # by itself, while the others go on
    can_retry: bool = False


@dataclass(frozen=True, slots=True)
class JobFolder:
    """What a job of many files does in one folder."""

    folder_id: uuid.UUID | None  # None: the root, or that the files are gone
    path: str | None  # None: the files were deleted meanwhile
    files: int
    stored: int
    problems: int
    stages: Stages


@dataclass(frozen=True, slots=True)
class LaneCell:
    """What one account holds of one chunk (or of a column of chunks)."""

    column: int
    state: str  # planned | sealed | stored | verified | failed


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the chunk map: an account and its cells."""

    account: AccountView
    cells: tuple[LaneCell, ...]


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """The chunk map of one file: at most 96 columns of `chunks_per_column` chunks each."""

    file: JobFile
    chunks: int
    chunks_per_column: int
    columns: int
    k: int
    m: int
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of "What happened", worded when rendered."""

    at: datetime
    level: str
    sentence: str
    code: str = ""
    values: tuple[tuple[str, Any], ...] = ()  # codes and numbers, never a name


@dataclass(frozen=True, slots=True)
class SpeedSample:
    """Bytes a second at a moment, in seconds before the newest of the samples."""

    ago: int
    received: int
    stored: int


@dataclass(frozen=True, slots=True)
class JobDetail:
    """Everything a job's page shows."""

    job: JobView
    protection: int
    folder_id: uuid.UUID | None
    files: tuple[JobFile, ...]  # problems first, then running, at most 200
    files_hidden: int
    accounts: tuple[AccountView, ...]
    chunk_map: ChunkMap | None
    happenings: tuple[Happening, ...] = field(default=())
    can_cancel: bool = False
    can_retry: bool = False
    can_pause: bool = False
    can_resume: bool = False
    callout: Words | None = None  # a sentence, only when there is something to know
    waits_for: tuple[AccountView, ...] = ()  # accounts in trouble that take part, or would
    speeds: tuple[SpeedSample, ...] = ()  # of the last two minutes, the oldest first
    as_of: datetime | None = None
    folders: tuple[JobFolder, ...] = ()  # where there are more files than are listed
    chunk_lines: tuple[ChunkLine, ...] = ()  # the first chunks of the file of the map
