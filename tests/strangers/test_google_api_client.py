"""google-api-python-client, with the description of Drive v3 that it is packaged with.

Only the two addresses in that description name the simulator; its sign-in is google-auth's own.
"""

import hashlib
import io
import json
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudsim.google.refusals import refusal
from cloudsim.wire.messages import Response
from tests.cloudsim.client import CLIENT, google_tokens
from tests.strangers.world import ANNA, World

googleapiclient = pytest.importorskip("googleapiclient", reason="no google-api-python-client here")
discovery = pytest.importorskip("googleapiclient.discovery")
errors = pytest.importorskip("googleapiclient.errors")
media = pytest.importorskip("googleapiclient.http")
signed = pytest.importorskip("google_auth_httplib2")
credentials = pytest.importorskip("google.oauth2.credentials")

pytestmark = pytest.mark.sim
PLAIN = "application/octet-stream"
PART = 4 * 262_144
CONTENT = secrets.token_bytes(3_000_001)
MD5 = hashlib.md5(CONTENT).hexdigest()
LIMITED = refusal(403, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits").response
BUSY = Response(503, b"<html>Service Unavailable</html>", (("Content-Type", "text/html"),))


def service(world: World, refresh_token: str, authority: Path | None) -> Any:
    """Build the client as its manual says, from a saved description; the first call refreshes."""
    packaged = Path(googleapiclient.__file__).parent / "discovery_cache/documents/drive.v3.json"
    document = json.loads(packaged.read_text())
    base = f"{world.sim.url}/google/"
    document |= {"rootUrl": base, "baseUrl": f"{base}drive/v3/"}
    http = media.build_http()
    http.ca_certs = str(authority) if authority else None
    known = credentials.Credentials(
        None, refresh_token=refresh_token, token_uri=f"{base}token",
        client_id=CLIENT[0], client_secret=CLIENT[1],
    )  # fmt: skip
    authorized = signed.AuthorizedHttp(known, http)
    return discovery.build_from_document(document, http=authorized)


@pytest.fixture(scope="module")
def drive(strict_world: World) -> Iterator[Any]:
    refresh_token = google_tokens(strict_world.browser, ANNA)["refresh_token"]
    built = service(strict_world, refresh_token, strict_world.authority)
    yield built
    built.close()


def upload(content: bytes, *, resumable: bool) -> Any:
    return media.MediaIoBaseUpload(io.BytesIO(content), PLAIN, chunksize=PART, resumable=resumable)


def created(drive: Any, name: str, content: bytes = CONTENT, *, resumable: bool = False) -> Any:
    body = upload(content, resumable=resumable)
    fields = "id,name,size,md5Checksum,sha256Checksum"
    return drive.files().create(body={"name": name}, media_body=body, fields=fields).execute()


def content_of(drive: Any, file_id: str, part: int) -> bytes:
    taken = io.BytesIO()
    request = media.MediaIoBaseDownload(
        taken, drive.files().get_media(fileId=file_id), chunksize=part
    )
    done = False
    while not done:
        _, done = request.next_chunk()
    return taken.getvalue()


def test_without_the_authority_it_refuses_to_speak(strict_world: World) -> None:
    client = service(strict_world, "token", None)
    with pytest.raises(ssl.SSLCertVerificationError):
        client.about().get(fields="user").execute()
    client.close()


def test_about_tells_user_and_quota(drive: Any) -> None:
    about = drive.about().get(fields="user,storageQuota").execute()
    assert about["user"]["emailAddress"] == ANNA
    assert about["storageQuota"]["limit"] == str(15 * 1024**3)


@pytest.mark.parametrize("resumable", [True, False], ids=["resumable", "multipart"])
@pytest.mark.parametrize("content", [CONTENT, b""], ids=["3MB", "empty"])
def test_what_it_uploads_has_its_hash_and_comes_back(
    drive: Any, content: bytes, resumable: bool
) -> None:
    made = created(drive, "a.bin", content, resumable=resumable)
    assert made["size"] == str(len(content))
    assert made["md5Checksum"] == hashlib.md5(content).hexdigest()
    assert content_of(drive, made["id"], 1_000_000) == content


def test_an_upload_goes_in_parts_as_the_308s_say(strict_world: World, drive: Any) -> None:
    strict_world.browser.control("DELETE", "log")
    body = upload(CONTENT, resumable=True)
    request = drive.files().create(body={"name": "parts"}, media_body=body)
    seen = []
    answer = None
    while answer is None:
        progress, answer = request.next_chunk()
        seen.append(progress.resumable_progress if progress else None)
    assert seen == [PART, 2 * PART, None]
    log = strict_world.browser.control("GET", "log")["requests"]
    assert [one["status"] for one in log if one["route"] == "upload.session"] == [308, 308, 200]


def test_its_own_id_makes_a_file_once(drive: Any) -> None:
    wanted = drive.files().generateIds(count=1).execute()["ids"][0]
    body = {"name": "once", "id": wanted}
    make = drive.files().create(body=body, media_body=upload(b"x", resumable=False))
    assert make.execute()["id"] == wanted
    again = drive.files().create(body=body, media_body=upload(b"x", resumable=False))
    with pytest.raises(errors.HttpError) as refused:
        again.execute()
    assert (refused.value.resp.status, refused.value.error_details[0]["reason"]) == (
        409, "fileIdInUse",
    )  # fmt: skip


def test_its_pages_hold_every_file_once(drive: Any) -> None:
    folder = {"name": "many", "mimeType": "application/vnd.google-apps.folder"}
    parent = drive.files().create(body=folder).execute()["id"]
    for number in range(5):
        drive.files().create(body={"name": f"n{number}", "parents": [parent]}).execute()
    query = f"'{parent}' in parents and trashed = false"
    request = drive.files().list(q=query, pageSize=2, orderBy="name desc")
    names = []
    while request is not None:
        page = request.execute()
        names += [file["name"] for file in page["files"]]
        request = drive.files().list_next(request, page)
    assert names == ["n4", "n3", "n2", "n1", "n0"]


def test_renaming_binning_and_deleting_are_understood(drive: Any) -> None:
    made = created(drive, "old", b"x")["id"]
    body = {"name": "new", "trashed": True}
    changed = drive.files().update(fileId=made, body=body, fields="name,trashed").execute()
    assert changed == {"name": "new", "trashed": True}
    assert drive.files().delete(fileId=made).execute() == ""
    with pytest.raises(errors.HttpError) as missing:
        drive.files().get(fileId=made).execute()
    assert missing.value.reason == f"File not found: {made}."


@pytest.mark.parametrize("answer", [BUSY, LIMITED], ids=["503 in HTML", "403 rateLimitExceeded"])
def test_a_refused_call_is_made_again(strict_world: World, drive: Any, answer: Response) -> None:
    strict_world.trouble.refuse("about.get", answer, answer)
    request = drive.about().get(fields="user")
    waits: list[float] = []
    request._sleep = waits.append  # where its own tests take the waiting out
    assert request.execute(num_retries=3)["user"]["me"] is True
    assert len(waits) == 2


def test_a_refusal_for_good_is_not_repeated(strict_world: World, drive: Any) -> None:
    full = refusal(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")
    strict_world.trouble.refuse("about.get", full.response)
    with pytest.raises(errors.HttpError) as refused:
        drive.about().get(fields="user").execute(num_retries=3)
    assert refused.value.error_details[0]["reason"] == "storageQuotaExceeded"


def test_a_part_whose_answer_was_lost_is_not_kept_twice(strict_world: World, drive: Any) -> None:
    strict_world.trouble.lose("upload.session", BUSY)
    body = upload(CONTENT, resumable=True)
    fields = "size,md5Checksum"
    request = drive.files().create(body={"name": "lost"}, media_body=body, fields=fields)
    with pytest.raises(errors.HttpError, match="503"):
        request.next_chunk()
    answer = None
    while answer is None:
        _, answer = request.next_chunk()  # after an error it first asks what was kept
    assert answer == {"size": str(len(CONTENT)), "md5Checksum": MD5}


def test_an_expired_token_is_renewed_by_the_way(strict_world: World, drive: Any) -> None:
    drive.about().get(fields="user").execute()
    strict_world.browser.control("POST", f"accounts/google/{ANNA}/expire")
    assert drive.about().get(fields="user").execute()["user"]["me"] is True
