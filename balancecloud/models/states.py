"""The states of things, word for word as in docs/data-model.md, the API and the tables."""

import enum


class UploadState(enum.StrEnum):
    RECEIVING = "receiving"
    RECEIVED = "received"
    NEEDS_YOU = "needs_you"
    EXPIRED = "expired"
    ABORTED = "aborted"


class VersionState(enum.StrEnum):
    RECEIVING = "receiving"
    QUEUED = "queued"
    STORING = "storing"
    WAITING = "waiting"
    STORED = "stored"
    DEGRADED = "degraded"
    UNREADABLE = "unreadable"
    LOST = "lost"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobState(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    PAUSED = "paused"
    NEEDS_YOU = "needs_you"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WorkState(enum.StrEnum):
    DUE = "due"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


class ShardState(enum.StrEnum):
    INTENT = "intent"
    STORED = "stored"
    VERIFIED = "verified"
    MISSING = "missing"
    DAMAGED = "damaged"
    DELETING = "deleting"


class AccountState(enum.StrEnum):
    HEALTHY = "healthy"
    SLOWED = "slowed"
    SIGN_IN_AGAIN = "sign_in_again"
    FULL = "full"
    SILENT = "silent"
    DRAINING = "draining"
    UNLINKED = "unlinked"


class JobKind(enum.StrEnum):
    STORE = "store"
    DELETE = "delete"
    REPAIR = "repair"


class WorkKind(enum.StrEnum):
    STORE = "store"
    FORM = "form"
    DELETE = "delete"
    REPAIR = "repair"
    MOVE = "move"


class NodeKind(enum.StrEnum):
    FOLDER = "folder"
    FILE = "file"
