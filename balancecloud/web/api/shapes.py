"""What calls of /api answer, field by field; docs/api.md says what each means."""

import uuid
from datetime import datetime
from typing import Literal, TypedDict

# --- people -----------------------------------------------------------------------------------


class Token(TypedDict):
    """A bearer token, good for so many seconds."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int


class Alive(TypedDict):
    """The web process answers."""

    status: Literal["ok"]


# --- files ------------------------------------------------------------------------------------


class File(TypedDict):
    """A file or a folder."""

    id: uuid.UUID
    user_id: uuid.UUID
    name: str
    path: str
    size: int
    mime_type: str | None
    is_folder: bool
    parent_id: uuid.UUID | None
    state: str
    version: int | None
    sha256: str | None
    created_at: datetime
    updated_at: datetime
    job_id: uuid.UUID | None


class Files(TypedDict):
    """One page of files."""

    files: list[File]
    total: int
    page: int
    per_page: int


class Uploaded(File):
    """The first file that arrived, and all of them."""

    files: list[File]


class Version(TypedDict):
    """One version of a file."""

    version: int
    size: int
    state: str
    mime_type: str
    sha256: str | None
    is_current: bool
    created_at: datetime


class Versions(TypedDict):
    """A file's versions, the newest first."""

    versions: list[Version]
    total: int


class Upload(TypedDict):
    """A resumable upload that is not finished."""

    id: uuid.UUID
    name: str
    path: str
    parent_id: uuid.UUID | None
    size: int
    offset: int
    last_modified: datetime | None
    created_at: datetime
    expires_at: datetime
    job_id: uuid.UUID | None


class Uploads(TypedDict):
    """The unfinished uploads, the newest first."""

    uploads: list[Upload]
    total: int


class Trashed(TypedDict):
    """What went to the trash at once."""

    id: uuid.UUID
    name: str
    is_folder: bool
    mime_type: str | None
    size: int
    folder: str
    trashed_at: datetime
    removed_at: datetime


class Trash(TypedDict):
    """One page of the trash."""

    files: list[Trashed]
    total: int
    page: int
    per_page: int


class Shard(TypedDict):
    """Where one shard lies."""

    index: int
    account_id: uuid.UUID
    state: str


class Chunk(TypedDict):
    """Where one chunk lies."""

    index: int
    pack_id: uuid.UUID
    k: int
    m: int
    shards: list[Shard]


class Placement(TypedDict):
    """Where a file lies."""

    protection: int
    survives: int
    chunks: list[Chunk]


class ProviderUsage(TypedDict):
    """What the accounts of one provider hold together."""

    used_bytes: int
    total_bytes: int | None
    used_percentage: float
    used_gb: float
    total_gb: float | None


class StorageUsage(TypedDict):
    """A person's use, and each provider's."""

    used_bytes: int
    reserved_bytes: int
    total_bytes: int | None
    used_percentage: float
    used_gb: float
    total_gb: float | None
    cloud_storage: dict[str, ProviderUsage | None]


# --- cloud accounts ---------------------------------------------------------------------------


class Warned(TypedDict):
    """Access that ends by itself."""

    code: str
    sentence: str
    at: datetime


class CloudAccount(TypedDict):
    """A linked account."""

    id: uuid.UUID
    provider: str
    provider_account_id: str
    label: str
    is_connected: bool
    state: str
    state_reason: str | None
    state_since: datetime
    paused_until: datetime | None
    health: str
    sentence: str
    needs_you: bool
    warning: Warned | None
    token_expires_at: datetime | None
    total_bytes: int | None
    used_bytes: int
    stored_bytes: int
    room_read_at: datetime | None
    created_at: datetime
    updated_at: datetime


class CloudAccounts(TypedDict):
    """A person's accounts."""

    accounts: list[CloudAccount]
    total: int


class AccountStatus(CloudAccount):
    """An account with its last trouble in words."""

    last_error: str | None
    shards: int
    simulated: bool


class LinkBegun(TypedDict):
    """Where to send the person."""

    oauth_url: str
    state: str


class Linked(TypedDict):
    """An account that was linked just now."""

    account_id: uuid.UUID
    provider: str
    provider_account_id: str
    is_connected: bool
    message: str


class StillHolds(TypedDict):
    """Why an account is not unlinked, and what unlinking it would cost."""

    detail: str
    code: Literal["still_holds_data"]
    shards: int
    lost_count: int
    lost_files: list[str]
    less_protected_count: int
