"""Shards in a folder of this computer, or of a disk or share mounted on it.

The shard's name is its id. A shard is written beside, synced, and given its name by a hard link,
which never overwrites. A marker file names the folder: where it is missing (a disk that is not
mounted), nothing is written and nothing is called lost.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from balancecloud.clouds.hashes import sha256
from balancecloud.clouds.provider import (
    ChecksumKind,
    Identity,
    ObjectId,
    Room,
    Shard,
    ShardName,
    StoredObject,
    Traits,
)
from balancecloud.errors import (
    AccessRefused,
    AccountFull,
    BadRange,
    DamagedInTransit,
    LinkRefused,
    ObjectDiffers,
    ObjectMissing,
    Permanent,
    ProviderError,
    Unreachable,
)

MARKER = "balancecloud-folder"
INCOMING = "incoming"
LEFTOVER_SECONDS = 86_400.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{3,127}")
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_TRAITS = Traits(
    reserves_ids=False,
    checksum=ChecksumKind.SHA256,
    listing_lag_seconds=0.0,
    requests_in_flight=4,
    largest_object_bytes=1 << 40,
)


def allowed_path(path: Path, roots: Sequence[Path]) -> Path:
    """Return the true path, symbolic links followed; `AccessRefused` outside the allowed roots."""
    try:
        real = path.resolve()
        if path.is_absolute() and any(real.is_relative_to(root.resolve()) for root in roots):
            return real
    except (OSError, ValueError, RuntimeError):
        pass
    raise AccessRefused("The administrator of this server has not allowed that folder.")


def failure_domain(path: Path) -> str:
    """Name the device the folder lies on; what lies on one device is lost as one."""
    try:
        return str(path.stat().st_dev)
    except OSError as error:
        raise _meaning(error) from error


class Folder:
    """One folder as a cloud account."""

    def __init__(self, path: Path, roots: Sequence[Path]) -> None:
        self._asked = path
        self._roots = tuple(roots)
        self._is_closed = False
        self._is_tidy = False

    def __repr__(self) -> str:
        return f"Folder({str(self._asked)!r})"

    @property
    def traits(self) -> Traits:
        """What is true of every folder."""
        return _TRAITS

    def ensure_place(self) -> str:
        """Make the folder and its marker where they are missing; return its true path."""
        root = self._root()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            (root / INCOMING).mkdir(mode=0o700, exist_ok=True)
            if not (root / MARKER).exists():
                self._write_new(root / MARKER, secrets.token_hex(16).encode())
        except FileExistsError as error:
            if not (root / MARKER).exists():  # else another process made it just now
                raise AccessRefused("There is a file where the folder should be.") from error
        except OSError as error:
            if error.errno in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
                raise LinkRefused("That folder's file system has no hard links.") from error
            raise _meaning(error) from error
        return str(root)

    def identity(self) -> Identity:
        """Return the marker's random id; `Unreachable` before the place is made."""
        root = self._root()
        try:
            subject = self._read_whole(root / MARKER, 64).decode("ascii", "replace").strip()
        except OSError as error:
            raise Unreachable("The folder is not there just now.") from error
        if not _SUBJECT.fullmatch(subject):
            raise Unreachable("The folder's marker file is not readable.")
        return Identity(subject=subject, address=str(root), display_name=root.name)

    def reserve(self, count: int) -> Sequence[ObjectId]:  # noqa: ARG002 - the port asks so
        """Return nothing: the name is the id."""
        self._root()
        return []

    def put(
        self,
        name: ShardName,
        shard: Shard,
        object_id: ObjectId | None,  # noqa: ARG002 - ids are not made ahead here
    ) -> StoredObject:
        """Write beside, sync, compare, then give it its name."""
        if shard.length > _TRAITS.largest_object_bytes:
            raise Permanent("A folder takes no object this large.")
        path = self._path(name)
        self._demand_marker()
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._remove_leftovers()
            self._write_new(path, shard.body, shard.sha256)
        except FileExistsError:
            return self._compare(name, shard)
        except OSError as error:
            raise _meaning(error) from error
        return StoredObject(ObjectId(name), name, shard.length, shard.sha256)

    def get(self, object_id: ObjectId, start: int, length: int) -> bytes:
        """Return exactly that range."""
        try:
            with self._open(object_id) as descriptor:
                size = os.fstat(descriptor.fileno).st_size
                if start < 0 or length < 0 or start + length > size:
                    raise BadRange
                return _read_exactly(descriptor.fileno, start, length)
        except OSError as error:
            raise self._missing_or(error) from error

    def stat(self, object_id: ObjectId) -> StoredObject:
        """Return length and checksum of what lies there now."""
        try:
            with self._open(object_id) as descriptor:
                size = os.fstat(descriptor.fileno).st_size
                content = _read_exactly(descriptor.fileno, 0, size)
        except OSError as error:
            raise self._missing_or(error) from error
        return StoredObject(object_id, ShardName(object_id), size, sha256(content))

    def find(self, name: ShardName) -> Sequence[StoredObject]:
        """Return the one object of that name, or none."""
        try:
            return [self.stat(ObjectId(name))]
        except ObjectMissing:
            return []

    def delete(self, object_id: ObjectId) -> None:
        """Remove it; an absent one is fine."""
        try:
            path = self._path(object_id)
        except ObjectMissing:
            return
        self._demand_marker()
        try:
            path.unlink()
            _sync_folder(path.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _meaning(error) from error

    def listing(self) -> Iterator[StoredObject]:
        """Yield every object; one that vanishes meanwhile is left out."""
        root = self._root()
        self._demand_marker()
        try:
            shelves = sorted(path for path in root.iterdir() if len(path.name) == 2)
            for shelf in shelves:
                for path in shelf.iterdir():
                    if _NAME.fullmatch(path.name) and path.name[:2] == shelf.name:
                        yield from self.find(ShardName(path.name))
        except OSError as error:
            raise _meaning(error) from error

    def room(self) -> Room:
        """Return the disk's room: what others use on it is used."""
        self._demand_marker()
        try:
            figures = os.statvfs(self._root())
        except OSError as error:
            raise _meaning(error) from error
        total = figures.f_blocks * figures.f_frsize
        return Room(used=total - figures.f_bavail * figures.f_frsize, total=total)

    def close(self) -> None:
        """Nothing is held; use after this raises all the same."""
        self._is_closed = True

    def _root(self) -> Path:
        if self._is_closed:
            raise ValueError("this account is closed")
        return allowed_path(self._asked, self._roots)

    def _path(self, name: str) -> Path:
        root = self._root()
        if not _NAME.fullmatch(name):
            raise ObjectMissing
        return root / name[:2] / name

    def _demand_marker(self) -> None:
        self.identity()

    def _missing_or(self, error: OSError) -> ProviderError:
        """Tell a lost object from a lost folder."""
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:
            self._demand_marker()
            return ObjectMissing()
        return _meaning(error)

    def _open(self, object_id: str) -> "_Descriptor":
        descriptor = _Descriptor(os.open(self._path(object_id), _READ_FLAGS))
        if not stat.S_ISREG(os.fstat(descriptor.fileno).st_mode):
            descriptor.close()
            raise ObjectMissing
        return descriptor

    def _read_whole(self, path: Path, limit: int) -> bytes:
        with _Descriptor(os.open(path, _READ_FLAGS)) as descriptor:
            return os.read(descriptor.fileno, limit)

    def _write_new(self, path: Path, body: bytes | bytearray | memoryview, *check: bytes) -> None:
        """Write all or nothing; FileExistsError when the name is taken."""
        if path.exists():
            raise FileExistsError(path)
        beside = self._root() / INCOMING / f"{secrets.token_hex(8)}.part"
        try:
            with _Descriptor(os.open(beside, _WRITE_FLAGS, 0o600)) as descriptor:
                _write_all(descriptor.fileno, memoryview(body).cast("B"))
                os.fsync(descriptor.fileno)
                written = _read_exactly(descriptor.fileno, 0, len(body))
            if any(sha256(written) != expected for expected in check):
                raise DamagedInTransit
            os.link(beside, path, follow_symlinks=False)
            _sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        """Remove what killed writers left; once, and by the file system's own clock."""
        if self._is_tidy:
            return
        self._is_tidy = True
        incoming = self._root() / INCOMING
        probe = incoming / f"{secrets.token_hex(8)}.part"
        try:
            probe.touch(mode=0o600, exist_ok=False)
            newest = probe.stat().st_mtime
            for path in incoming.glob("*.part"):
                if newest - path.stat().st_mtime > LEFTOVER_SECONDS:
                    path.unlink()
        except FileNotFoundError:
            return  # another process tidies at the same time
        finally:
            probe.unlink(missing_ok=True)

    def _compare(self, name: ShardName, shard: Shard) -> StoredObject:
        there = self.stat(ObjectId(name))
        if there.length != shard.length or there.checksum != shard.sha256:
            raise ObjectDiffers
        # Its writer may have died between naming it and syncing the folder.
        _sync_folder(self._path(name).parent)
        return there


class _Descriptor:
    """An open file descriptor that closes itself."""

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno

    def __enter__(self) -> "_Descriptor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        os.close(self.fileno)


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]


def _read_exactly(descriptor: int, start: int, length: int) -> bytes:
    pieces = []
    while length:
        piece = os.pread(descriptor, min(length, 1 << 24), start)
        if not piece:
            raise Unreachable("A shard ended before its length.")
        pieces.append(piece)
        start += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _sync_folder(path: Path) -> None:
    with _Descriptor(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
        os.fsync(descriptor.fileno)


def _meaning(error: OSError) -> ProviderError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return AccountFull()
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return AccessRefused("This server may not write to that folder.")
    return Unreachable()
