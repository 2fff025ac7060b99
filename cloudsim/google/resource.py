"""A file of Drive as its JSON, its ids, and who may see it."""

import base64
import hashlib
import hmac
import secrets
from typing import Any

from cloudsim.clock import utc_text
from cloudsim.google.fields import Mask, apply_mask, read_mask
from cloudsim.google.refusals import no_scope, not_found, refusal
from cloudsim.routing import Call, Caller
from cloudsim.settings import Services
from cloudsim.store.accounts import Account
from cloudsim.store.grants import BadToken
from cloudsim.store.objects import FOLDER_MIME, Object
from cloudsim.wire.messages import Params, Request

_AUTH = "https://www.googleapis.com/auth/"
_SEE_ALL = frozenset({_AUTH + "drive", _AUTH + "drive.readonly", _AUTH + "drive.metadata.readonly"})
_WRITE_SCOPES = frozenset({_AUTH + "drive", _AUTH + "drive.file", _AUTH + "drive.appdata"})
_DRIVE_SCOPES = _SEE_ALL | _WRITE_SCOPES
ALL_OF_DRIVE = _AUTH + "drive"

SHORT_MASK: Mask = {"kind": {}, "id": {}, "name": {}, "mimeType": {}}
KNOWN_FIELDS = frozenset(
    [
        "kind",
        "id",
        "name",
        "mimeType",
        "description",
        "starred",
        "trashed",
        "explicitlyTrashed",
        "trashingUser",
        "trashedTime",
        "parents",
        "properties",
        "appProperties",
        "spaces",
        "version",
        "webContentLink",
        "webViewLink",
        "iconLink",
        "hasThumbnail",
        "thumbnailLink",
        "thumbnailVersion",
        "viewedByMe",
        "viewedByMeTime",
        "createdTime",
        "modifiedTime",
        "modifiedByMeTime",
        "modifiedByMe",
        "sharedWithMeTime",
        "sharingUser",
        "owners",
        "teamDriveId",
        "driveId",
        "lastModifyingUser",
        "shared",
        "ownedByMe",
        "capabilities",
        "viewersCanCopyContent",
        "copyRequiresWriterPermission",
        "writersCanShare",
        "permissions",
        "permissionIds",
        "hasAugmentedPermissions",
        "folderColorRgb",
        "originalFilename",
        "fullFileExtension",
        "fileExtension",
        "md5Checksum",
        "sha1Checksum",
        "sha256Checksum",
        "size",
        "quotaBytesUsed",
        "headRevisionId",
        "contentHints",
        "imageMediaMetadata",
        "videoMediaMetadata",
        "isAppAuthorized",
        "exportLinks",
        "shortcutDetails",
        "contentRestrictions",
        "labelInfo",
        "resourceKey",
        "linkShareMetadata",
        "inheritedPermissionsDisabled",
        "downloadRestrictions",
    ]
)


def bearer(services: Services, request: Request, query: Params) -> Caller | None:
    """Find whom the access token stands for: the guard of Drive."""
    kind, _, token = request.header("authorization").partition(" ")
    token = token.strip() if kind.lower() == "bearer" else query.get("access_token")
    where = ("header", "Authorization")
    if not token:
        raise refusal(401, "required", "Login Required.", where)
    try:
        granted = services.grants.by_token(token, refresh=False)
    except BadToken as error:
        raise refusal(401, "authError", "Invalid Credentials", where) from error
    account = services.accounts.by_id(granted.account)
    if account is None or account.provider != "google":
        raise refusal(401, "authError", "Invalid Credentials", where)
    if not granted.scopes & _DRIVE_SCOPES:
        raise no_scope()
    return Caller(account, granted.client, granted.scopes)


def must_write(caller: Caller) -> None:
    """Refuse what the granted scopes do not let this caller change."""
    if not caller.scopes & _WRITE_SCOPES:
        raise no_scope()


def sees_all(caller: Caller) -> bool:
    """Whether it sees more than the files its own client made."""
    return bool(caller.scopes & _SEE_ALL)


def visible(call: Call, file_id: str) -> Object:
    """Find the file of this id, if the caller's account owns it and its scope shows it."""
    found = call.services.objects.find(file_id)
    caller = call.known_caller
    if found is None or found.account != caller.account.id:
        raise not_found(file_id)
    if not sees_all(caller) and found.maker != caller.client:
        raise not_found(file_id)
    return found


def new_id(secret: bytes) -> str:
    """Make an id that can be told from an invented one, though no list of ids is kept."""
    random = secrets.token_bytes(15)
    return "1" + base64.urlsafe_b64encode(random + _seal(secret, random)).decode()


def is_our_id(secret: bytes, file_id: str) -> bool:
    """Whether new_id made it."""
    if len(file_id) != 33 or not file_id.startswith("1"):
        return False
    try:
        raw = base64.b64decode(file_id[1:], altchars=b"-_", validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(_seal(secret, raw[:15]), raw[15:])


def _seal(secret: bytes, random: bytes) -> bytes:
    return hmac.digest(secret, b"drive-id:" + random, hashlib.sha256)[:9]


def user_json(account: Account) -> dict[str, Any]:
    return {
        "kind": "drive#user",
        "displayName": account.person.name,
        "me": True,
        "permissionId": account.permission_id,
        "emailAddress": account.person.address,
    }


def file_json(account: Account, file: Object) -> dict[str, Any]:
    """Everything there is to say about a file; a mask picks from it."""
    user = user_json(account)
    created, modified = utc_text(file.created), utc_text(file.modified)
    answer: dict[str, Any] = {
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime,
        "starred": False,
        "trashed": file.trashed,
        "explicitlyTrashed": file.trashed_itself,
        "parents": [file.parent],
        "spaces": ["drive"],
        "version": str(file.version),
        "createdTime": created,
        "modifiedTime": modified,
        "modifiedByMeTime": modified,
        "modifiedByMe": True,
        "viewedByMe": True,
        "owners": [user],
        "lastModifyingUser": user,
        "ownedByMe": True,
        "shared": False,
        "isAppAuthorized": True,
        "quotaBytesUsed": str(file.size),
        "capabilities": {"canDownload": not file.is_folder, "canEdit": True, "canDelete": True},
        **{name: value for name, value in file.details.items() if not name.startswith("_")},
    }
    if not file.is_folder:
        extension = file.name.rpartition(".")[2] if "." in file.name else ""
        answer |= {
            "size": str(file.size),
            "md5Checksum": file.digests.md5,
            "sha1Checksum": file.digests.sha1,
            "sha256Checksum": file.digests.sha256,
            "originalFilename": file.name,
            "fileExtension": extension,
            "fullFileExtension": extension,
            "headRevisionId": f"{file.id}-{file.version}",
        }
    return answer


def root_json(account: Account) -> dict[str, Any]:
    created = utc_text(account.created)
    return {
        "kind": "drive#file",
        "id": account.root_id,
        "name": "My Drive",
        "mimeType": FOLDER_MIME,
        "trashed": False,
        "createdTime": created,
        "modifiedTime": created,
        "owners": [user_json(account)],
        "ownedByMe": True,
        "spaces": ["drive"],
    }


def file_mask(text: str) -> Mask:
    """Read the mask for one file: four fields when none is asked for."""
    return read_mask(text, KNOWN_FIELDS) if text else SHORT_MASK


def masked_file(account: Account, file: Object, fields: str) -> dict[str, Any]:
    answer: dict[str, Any] = apply_mask(file_json(account, file), file_mask(fields))
    return answer
