"""Uploads to Drive: multipart in its dialects, sessions, and the quota."""

import gzip
import hashlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.cloudsim.client import Browser, Drive, drive_of, put_range

pytestmark = pytest.mark.sim
GRANULE = 262_144
CONTENT = bytes(index * 31 % 251 for index in range(3 * GRANULE + 1000))
MIDDLE = GRANULE * 2


def content_of(drive: Drive, file_id: str) -> bytes:
    return drive.send("GET", f"drive/v3/files/{file_id}?alt=media").data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"\r\n",
        b"--frontier",
        b"\r\n--frontie",
        b"\r\n--frontieR--\r\n",
        b"\r\n" * 5000,
        CONTENT,
    ],
)
def test_multipart_keeps_every_byte(drive: Drive, content: bytes) -> None:
    answer = drive.upload({"name": "a"}, content, "&fields=id,size,sha256Checksum")
    assert answer.json["size"] == str(len(content))
    assert answer.json["sha256Checksum"] == hashlib.sha256(content).hexdigest()
    assert content_of(drive, answer.json["id"]) == content


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/related; boundary="frontier"',
        "multipart/form-data; boundary=frontier",
        "Multipart/Related; charset=utf-8; Boundary=frontier",
    ],
)
def test_multipart_is_read_in_each_dialect(drive: Drive, content_type: str) -> None:
    body = (
        b"--frontier\r\nContent-Type: application/json\r\n\r\n"
        b'{"name":"a","mimeType":"text/x-own"}'
        b"\r\n--frontier\r\nContent-Type: text/plain\r\n\r\nhello\r\n--frontier--"
    )
    path = "upload/drive/v3/files?uploadType=multipart&fields=name,mimeType,size"
    answer = drive.send("POST", path, body=body, headers={"Content-Type": content_type})
    assert answer.json == {"name": "a", "mimeType": "text/x-own", "size": "5"}


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_a_quoted_boundary_with_an_equals_sign_is_read(drive: Drive, newline: str) -> None:
    mark = "===============123=="
    body = (
        (
            f"--{mark}\nContent-Type: application/json\nMIME-Version: 1.0\n\n"
            '{"name": "a"}\n'
            f"--{mark}\nContent-Type: application/octet-stream\n\n"
        )
        .replace("\n", newline)
        .encode()
        + b"bytes\r"
        + f"{newline}--{mark}--".encode()
    )
    headers = {"Content-Type": f'multipart/related; boundary="{mark}"'}
    path = "upload/drive/v3/files?uploadType=multipart&fields=size"
    assert drive.send("POST", path, body=body, headers=headers).json == {"size": "6"}


def test_a_chunked_multipart_body_is_read(drive: Drive) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'--f\r\nContent-Type: application/json\r\n\r\n{"name":"a"}\r\n--f\r\n'
        yield b"Content-Type: application/octet-stream\r\n\r\n"
        for start in range(0, len(CONTENT), 50_001):
            yield CONTENT[start : start + 50_001]
        yield b"\r\n--f--\r\n"

    headers = {"Content-Type": "multipart/related; boundary=f"}
    path = "upload/drive/v3/files?uploadType=multipart&fields=sha256Checksum"
    answer = drive.send("POST", path, body=pieces(), headers=headers)
    assert answer.json == {"sha256Checksum": hashlib.sha256(CONTENT).hexdigest()}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--f\r\n\r\n{}\r\n--f--\r\n",
        b"--f\r\n\r\n{}\r\n--f\r\n\r\nno end",
        b"--f\r\n\r\n{bad\r\n--f\r\n\r\nx\r\n--f--\r\n",
    ],
)
def test_a_malformed_multipart_body_leaves_nothing(drive: Drive, body: bytes) -> None:
    headers = {"Content-Type": "multipart/related; boundary=f"}
    path = "upload/drive/v3/files?uploadType=multipart"
    answer = drive.send("POST", path, body=body, headers=headers)
    assert (answer.status, answer.reason) == (400, "badRequest")
    assert drive.names("") == []
    assert drive.quota()["usage"] == "0"


def test_a_body_that_is_cut_leaves_nothing(browser: Browser, drive: Drive) -> None:
    parts = urlsplit(browser.base)
    head = (
        "POST /google/upload/drive/v3/files?uploadType=media HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {drive.token}\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.sendall(head.encode() + b"x" * 5000)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1000) == b""
    assert drive.names("") == []


def test_a_plain_media_upload_has_no_name_yet(drive: Drive) -> None:
    path = "upload/drive/v3/files?uploadType=media&fields=name,size,mimeType"
    answer = drive.send("POST", path, body=b"abc", headers={"Content-Type": "text/x-own"})
    assert answer.json == {"name": "Untitled", "size": "3", "mimeType": "text/x-own"}


def test_a_files_content_is_replaced_and_its_room_given_back(drive: Drive) -> None:
    file_id = drive.upload({"name": "a"}, CONTENT).json["id"]
    path = f"upload/drive/v3/files/{file_id}?uploadType=media&fields=id,size"
    assert drive.send("PATCH", path, body=b"new").json == {"id": file_id, "size": "3"}
    assert content_of(drive, file_id) == b"new"
    assert drive.quota()["usage"] == "3"


def test_an_unknown_upload_type_is_refused(drive: Drive) -> None:
    assert drive.send("POST", "upload/drive/v3/files?uploadType=pigeon", body=b"x").status == 400


def test_a_session_takes_everything_in_one_put_without_a_token(
    browser: Browser, drive: Drive
) -> None:
    file_id = drive.new_id()
    begun = drive.begin({"id": file_id, "name": "a"}, len(CONTENT), "&fields=id,md5Checksum")
    assert (begun.status, begun.data) == (200, b"")
    answer = browser.send("PUT", begun.location, body=CONTENT)
    assert answer.status == 200
    assert answer.json == {"id": file_id, "md5Checksum": hashlib.md5(CONTENT).hexdigest()}


def test_an_empty_file_goes_through_a_session_without_content_range(
    browser: Browser, drive: Drive
) -> None:
    begun = drive.begin({"name": "a"}, 0, "&fields=size")
    refused = put_range(browser, begun.location, b"", "bytes */0")
    assert refused.status == 400
    assert browser.send("PUT", begun.location, body=b"").json == {"size": "0"}


def test_parts_are_answered_with_308_and_what_was_kept(browser: Browser, drive: Drive) -> None:
    total = len(CONTENT)
    session = drive.begin({"name": "a"}, total, "&fields=sha256Checksum").location
    first = put_range(browser, session, CONTENT[:MIDDLE], f"bytes 0-{MIDDLE - 1}/{total}")
    assert (first.status, first.data) == (308, b"")
    assert first.headers["Range"] == f"bytes=0-{MIDDLE - 1}"
    last = put_range(browser, session, CONTENT[MIDDLE:], f"bytes {MIDDLE}-{total - 1}/{total}")
    assert last.status == 200
    assert last.json == {"sha256Checksum": hashlib.sha256(CONTENT).hexdigest()}


def test_data_may_be_posted(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 5, "&fields=size").location
    assert browser.send("POST", session, body=b"12345").json == {"size": "5"}


def test_the_total_may_stay_unknown_until_the_last_part(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, None, "&fields=size").location
    first = put_range(browser, session, CONTENT[:GRANULE], f"bytes 0-{GRANULE - 1}/*")
    assert first.status == 308
    last = put_range(browser, session, b"end", f"bytes {GRANULE}-{GRANULE + 2}/{GRANULE + 3}")
    assert last.json == {"size": str(GRANULE + 3)}


def test_the_state_of_a_fresh_session_has_no_range(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 10).location
    state = put_range(browser, session, b"", "bytes */10")
    assert state.status == 308
    assert "Range" not in state.headers


def test_the_state_after_a_part_tells_where_to_go_on(browser: Browser, drive: Drive) -> None:
    total = len(CONTENT)
    session = drive.begin({"name": "a"}, total).location
    put_range(browser, session, CONTENT[:GRANULE], f"bytes 0-{GRANULE - 1}/{total}")
    state = put_range(browser, session, b"", f"bytes */{total}")
    assert (state.status, state.headers["Range"]) == (308, f"bytes=0-{GRANULE - 1}")


def test_the_state_of_a_complete_session_is_the_file_again(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 5, "&fields=id,size").location
    made = browser.send("PUT", session, body=b"12345").json
    assert put_range(browser, session, b"", "bytes */5").json == made
    assert drive.names("") == ["a"]


def test_no_308_is_said_otherwise_when_asked(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 10).location
    headers = {"Content-Range": "bytes */10", "X-GUploader-No-308": "yes"}
    answer = browser.send("PUT", session, body=b"", headers=headers)
    assert (answer.status, answer.headers["X-Http-Status-Code-Override"]) == (200, "308")


def test_a_part_that_is_cut_keeps_its_aligned_beginning(browser: Browser, drive: Drive) -> None:
    total = len(CONTENT)
    session = drive.begin({"name": "a"}, total, "&fields=sha256Checksum").location
    parts = urlsplit(session)
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {total}\r\n"
        f"Content-Range: bytes 0-{total - 1}/{total}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.sendall(head.encode() + CONTENT[: GRANULE + 5000])
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1000) == b""
    state = put_range(browser, session, b"", f"bytes */{total}")
    assert state.headers["Range"] == f"bytes=0-{GRANULE - 1}"
    rest = put_range(browser, session, CONTENT[GRANULE:], f"bytes {GRANULE}-{total - 1}/{total}")
    assert rest.json == {"sha256Checksum": hashlib.sha256(CONTENT).hexdigest()}


def test_strictly_a_part_is_a_multiple_of_256_kib(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 1_000_000).location
    assert put_range(browser, session, b"x" * 100, "bytes 0-99/1000000").status == 400


def test_compatibly_an_odd_part_keeps_its_aligned_beginning(compat_browser: Browser) -> None:
    drive = drive_of(compat_browser, "anna@example.com")
    session = drive.begin({"name": "a"}, 1_000_000).location
    odd = put_range(compat_browser, session, b"x" * 300_000, "bytes 0-299999/1000000")
    assert (odd.status, odd.headers["Range"]) == (308, f"bytes=0-{GRANULE - 1}")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"12345", "bytes 0-9/10"),
        (b"12345", "bytes 5-9/10"),
        (b"12345", "bytes 0-4/4"),
        (b"12345", "bytes 4-0/10"),
        (b"12345", "nonsense"),
        (b"1234567890", "bytes 0-9/11"),
        (b"x", "bytes */10"),
    ],
)
def test_a_content_range_that_does_not_fit_is_400(
    browser: Browser, drive: Drive, content: bytes, where: str
) -> None:
    session = drive.begin({"name": "a"}, 10).location
    assert put_range(browser, session, content, where).status == 400
    assert drive.names("") == []


def test_a_part_may_start_again_before_what_was_kept(browser: Browser, drive: Drive) -> None:
    total = len(CONTENT)
    session = drive.begin({"name": "a"}, total, "&fields=sha256Checksum").location
    put_range(browser, session, b"?" * MIDDLE, f"bytes 0-{MIDDLE - 1}/{total}")
    again = put_range(browser, session, CONTENT, f"bytes 0-{total - 1}/{total}")
    assert again.json == {"sha256Checksum": hashlib.sha256(CONTENT).hexdigest()}


def test_a_part_behind_what_was_kept_is_400_and_the_session_lives_on(
    browser: Browser, drive: Drive
) -> None:
    session = drive.begin({"name": "a"}, 10, "&fields=size").location
    assert put_range(browser, session, b"12345", "bytes 5-9/10").status == 400
    assert browser.send("PUT", session, body=b"1234567890").json == {"size": "10"}


def test_a_cancelled_session_is_gone(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 10).location
    assert browser.send("DELETE", session).status == 499
    assert put_range(browser, session, b"", "bytes */10").status == 404


def test_a_session_lives_a_week(browser: Browser, drive: Drive) -> None:
    session = drive.begin({"name": "a"}, 5).location
    browser.control("POST", "clock", {"seconds": 7 * 86400 + 1})
    assert browser.send("PUT", session, body=b"12345").status == 404


def test_a_session_for_a_taken_id_is_refused_at_its_start(drive: Drive) -> None:
    file_id = drive.new_id()
    drive.upload({"id": file_id, "name": "a"}, b"x")
    assert drive.begin({"id": file_id, "name": "a"}, 1).reason == "fileIdInUse"


def test_a_session_whose_id_is_taken_meanwhile_ends_in_409(browser: Browser, drive: Drive) -> None:
    file_id = drive.new_id()
    session = drive.begin({"id": file_id, "name": "a"}, 1).location
    drive.upload({"id": file_id, "name": "a"}, b"x")
    assert browser.send("PUT", session, body=b"x").reason == "fileIdInUse"


def test_an_end_that_is_refused_poisons_the_session(browser: Browser, drive: Drive) -> None:
    parent = drive.folder("gone")
    session = drive.begin({"name": "a", "parents": [parent]}, 1).location
    drive.send("DELETE", f"drive/v3/files/{parent}")
    assert browser.send("PUT", session, body=b"x").status == 404
    assert browser.send("PUT", session, body=b"x").status == 410
    state = browser.send("PUT", session, headers={"Content-Range": "bytes */1"})
    assert state.status == 410


def test_the_quota_is_exact(browser: Browser, drive: Drive) -> None:
    browser.control("PUT", "accounts/google/anna@example.com/quota", {"total": 100})
    assert drive.upload({"name": "a"}, b"x" * 100).status == 200
    refused = drive.upload({"name": "b"}, b"x")
    assert (refused.status, refused.reason) == (403, "storageQuotaExceeded")
    assert drive.upload({"name": "c"}, b"").status == 200
    assert drive.quota()["usage"] == "100"


def test_a_session_beyond_the_quota_is_refused_at_its_start(browser: Browser, drive: Drive) -> None:
    browser.control("PUT", "accounts/google/anna@example.com/quota", {"total": 9})
    assert drive.begin({"name": "a"}, 10).reason == "storageQuotaExceeded"


def test_a_session_that_hid_its_size_is_refused_at_its_end(browser: Browser, drive: Drive) -> None:
    browser.control("PUT", "accounts/google/anna@example.com/quota", {"total": 9})
    session = drive.begin({"name": "a"}).location
    refused = browser.send("PUT", session, body=b"1234567890")
    assert refused.reason == "storageQuotaExceeded"


def test_of_creates_at_once_with_one_id_one_wins(drive: Drive) -> None:
    metadata = {"id": drive.new_id(), "name": "a"}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: drive.upload(metadata, CONTENT), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert drive.quota()["usage"] == str(len(CONTENT))


def test_a_gzipped_body_is_kept_as_it_is(drive: Drive) -> None:
    packed = gzip.compress(json.dumps([1, 2, 3]).encode())
    file_id = drive.upload({"name": "a"}, packed).json["id"]
    assert content_of(drive, file_id) == packed
