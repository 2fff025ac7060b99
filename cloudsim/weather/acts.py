"""What happens to accounts and objects behind everybody's back."""

from typing import BinaryIO

from cloudsim.routing import Call, Route
from cloudsim.settings import Services
from cloudsim.store.accounts import Account
from cloudsim.store.blobs import Source
from cloudsim.store.objects import Change, NewObject, Object
from cloudsim.weather.effects import Act
from cloudsim.weather.routes import upload_id

_NO_LIMIT = 5 * 1024**4


def happen(act: Act, route: Route, call: Call, account: Account | None) -> None:
    """Do what a rule says to the account, session or object of this call."""
    services = call.services
    if act.act == "forget_session":
        services.uploads.forget(upload_id(route, call))
        services.blobs.discard_upload(upload_id(route, call))
    elif act.act in {"delete", "trash"}:
        _to_object(act, call)
    elif account is not None:
        _to_tokens(act, services, account)


def _to_tokens(act: Act, services: Services, account: Account) -> None:
    if act.act == "expire_access":
        services.grants.expire_access(account.id)
    elif act.act == "revoke":
        services.grants.revoke_all(account.id)
    else:
        rotate_away(services, account)


def _to_object(act: Act, call: Call) -> None:
    found = call.services.objects.find(object_id(call))
    if found is None:
        return
    if act.act == "trash":
        call.services.objects.set_trashed(found.id, trashed=True)
    else:
        call.services.blobs.discard(call.services.objects.remove(found.id))


def object_id(call: Call) -> str:
    """Give the id of the object that a path names by it."""
    return call.path.get("id") or call.path.get("base", "").removeprefix("items/")


def rotate_away(services: Services, account: Account) -> None:
    """Let every refresh token the account's clients hold be worth nothing; access goes on."""
    with services.database.changing() as rows:
        rows.execute(
            "DELETE FROM tokens WHERE refresh AND grant_id IN"
            " (SELECT id FROM grants WHERE account = ?)",
            (account.id,),
        )


def give_zero_drive_id(services: Services, account: Account) -> None:
    """Let a personal drive's id begin with a zero, which providers at times leave out."""
    with services.database.changing() as rows:
        rows.execute(
            "UPDATE accounts SET drive_id = '0' || substr(drive_id, 2) WHERE id = ?", (account.id,)
        )


def move(services: Services, found: Object, name: str, parent: str) -> Object:
    """Rename an object or put it elsewhere, as its owner could in the browser."""
    change = Change(name, parent, found.mime, services.clock.now(), found.details)
    return services.objects.change(found.id, change)


def overwrite(services: Services, account: Account, found: Object, source: Source) -> Object:
    """Give an object other bytes, honestly hashed: an earlier content, or a stranger's."""
    content = services.blobs.receive(source, account.provider, _NO_LIMIT)
    new, nobodys = services.objects.replace_content(found.id, content, found.mime)
    if nobodys:
        services.blobs.discard([nobodys])
    return new


def swap(services: Services, one: Object, other: Object, *, honest: bool) -> None:
    """Exchange the contents of two objects; unless honest, the reported hashes stay behind."""
    columns = ["blob", "size"] + (["md5", "sha1", "sha256", "quick_xor"] if honest else [])
    text = f"UPDATE objects SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?"  # noqa: S608 - fixed names
    with services.database.changing() as rows:
        found = {
            row["id"]: [row[name] for name in columns]
            for row in rows.execute("SELECT * FROM objects WHERE id IN (?, ?)", (one.id, other.id))
        }
        rows.execute(text, (*found[other.id], one.id))
        rows.execute(text, (*found[one.id], other.id))


def make_twin(services: Services, account: Account, found: Object, new_id: str) -> Object:
    """Make the same object once more under another id."""
    content = None
    if found.blob is not None:
        with services.blobs.open(found.blob) as file:
            content = services.blobs.receive(_File(file), account.provider, _NO_LIMIT)
    twin = NewObject(
        new_id, account, found.parent, found.name, found.mime, found.maker, content,
        is_folder=found.is_folder, details=found.details,
    )  # fmt: skip
    return services.objects.add(twin)


class _File:
    """A file as a source of bytes."""

    length: int | None = None

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readinto(self, buffer: memoryview) -> int:
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
