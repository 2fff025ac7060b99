"""The extensions of tus 1.0.0 that are announced: creation, termination, expiration, checksum."""

import hashlib
import uuid
from email.utils import parsedate_to_datetime

import pytest
from flask import Flask
from sqlalchemy import text

from balancecloud.extensions import db
from balancecloud.library import giving_up
from balancecloud.web.context import KEY
from tests.web.tus.sender import BODY, Sender, encoded, metadata, some_id

pytestmark = pytest.mark.real

CONTENT = b"0123456789"


def let_expire(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("UPDATE resumables SET expires_at = now() - interval '1 second'"))
        db.session.commit()


def sweep(app: Flask) -> None:
    giving_up.sweep(app.extensions[KEY].gateway)


def spooled(app: Flask) -> set[uuid.UUID]:
    """Return the uploads of which something is in the spool."""
    return set(app.extensions[KEY].gateway.spool.uploads())


# --- creation -------------------------------------------------------------------------------


def test_an_upload_is_created_at_a_place_of_its_own(sender: Sender) -> None:
    answers = [sender.create(10, name) for name in ("a", "b")]

    assert [answer.status_code for answer in answers] == [201, 201]
    places = {answer.headers["Location"] for answer in answers}
    assert len(places) == 2
    assert all(sender.offset(place) == 0 for place in places)


def test_an_upload_says_which_job_it_belongs_to(sender: Sender) -> None:
    batch = str(uuid.uuid4())

    jobs = {sender.create(3, name, told={"batch": batch}).headers["Upload-Job"] for name in "ab"}

    assert jobs == {one["job_id"] for one in sender.listed()}
    assert len(jobs) == 1


def test_an_upload_without_a_length_is_refused(sender: Sender) -> None:
    wrong = (None, "", "-1", "+1", "1.5", "x", "1" * 40)

    assert [sender.create(length).status_code for length in wrong] == [400] * len(wrong)
    assert sender.create("9" * 18).status_code == 413
    assert sender.listed() == []


def test_a_length_to_be_said_afterwards_is_not_offered(sender: Sender) -> None:
    for length in (None, 10):
        answer = sender.create(length, **{"Upload-Defer-Length": "1"})
        assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_upload_header")
    assert sender.create(10, **{"Upload-Concat": "partial"}).status_code == 400


def test_what_is_too_large_is_refused_with_the_limit(sender: Sender) -> None:
    answer = sender.create((1 << 40) + 1)

    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert answer.headers["Tus-Max-Size"] == str(1 << 40)


def test_what_the_quota_does_not_hold_is_refused_before_a_byte(app: Flask, sender: Sender) -> None:
    with app.app_context():
        db.session.execute(text("UPDATE users SET quota_bytes = 15"))  # everybody's
        db.session.commit()
    sender.begin(10)

    answer = sender.create(6, "b")

    assert (answer.status_code, answer.get_json()["code"]) == (413, "over_quota")
    assert sender.reserved() == 10
    assert sender.create(5, "b").status_code == 201


def test_an_upload_of_no_bytes_is_a_file_at_once(sender: Sender) -> None:
    path = sender.begin(0, "empty")

    [file] = sender.files()
    assert (file["size"], file["state"]) == (0, "queued")
    assert file["sha256"] == hashlib.sha256(b"").hexdigest()
    assert sender.offset(path) == 0
    assert sender.patch(path, 0, b"").status_code == 204


def test_metadata_that_is_not_as_the_protocol_says_is_refused(sender: Sender) -> None:
    wrong = (
        "filename",
        "filename ***",
        "filename YQ=",
        "filename  YQ==, , ",
        "filename YQ==,filename Yg==",
        " YQ==",
        "filename YQ==,naïve YQ==".encode().decode("latin-1"),
        f"filename {encoded(bytes([0xFF, 0xFE]))}",
        ",".join(f"k{n} YQ==" for n in range(40)),
        f"filename YQ==,lastModified {encoded('yesterday')}",
        f"filename YQ==,lastModified {encoded('9' * 19)}",
    )

    answers = [sender.create(10, **{"Upload-Metadata": told}) for told in wrong]

    assert {answer.status_code for answer in answers} <= {400, 422}
    assert sender.listed() == []


def test_metadata_is_said_again_as_it_came(sender: Sender) -> None:
    told = f"filename {encoded('ä.txt')},is_empty,lastModified {encoded('1700000000123')}"
    path = sender.create(10, **{"Upload-Metadata": told}).headers["Location"]

    assert sender.call("HEAD", path).headers["Upload-Metadata"] == told
    sender.patch(path, 0, CONTENT)
    assert sender.call("HEAD", path).headers["Upload-Metadata"] == told


def test_bytes_sent_along_with_the_creation_count(sender: Sender) -> None:
    part = sender.call(
        "POST",
        "/api/uploads",
        b"0123",
        Content_Type=BODY,
        Upload_Length=10,
        Upload_Metadata=metadata(filename="a"),
    )
    whole = sender.call(
        "POST",
        "/api/uploads",
        CONTENT,
        Content_Type=BODY,
        Upload_Length=10,
        Upload_Metadata=metadata(filename="b"),
    )

    assert [(a.status_code, a.headers["Upload-Offset"]) for a in (part, whole)] == [
        (201, "4"),
        (201, "10"),
    ]
    assert sender.patch(part.headers["Location"], 4, b"456789").status_code == 204
    assert [file["state"] for file in sender.files()] == ["queued", "queued"]


def test_a_creation_with_bytes_of_another_type_or_too_many_creates_nothing(sender: Sender) -> None:
    headers = {"Upload_Length": 4, "Upload_Metadata": metadata(filename="a")}
    other = sender.call("POST", "/api/uploads", b"0123", Content_Type="text/plain", **headers)
    longer = sender.call("POST", "/api/uploads", b"01234", Content_Type=BODY, **headers)

    assert (other.status_code, longer.status_code) == (415, 413)
    assert sender.listed() == []


# --- expiration -----------------------------------------------------------------------------


def test_it_is_said_until_when_an_upload_can_go_on(sender: Sender) -> None:
    made = sender.create(10)
    path = made.headers["Location"]
    answers = [made, sender.patch(path, 0, b"0123"), sender.call("HEAD", path)]

    moments = [parsedate_to_datetime(answer.headers["Upload-Expires"]) for answer in answers]
    assert moments == sorted(moments)
    assert all(answer.headers["Upload-Expires"].endswith(" GMT") for answer in answers)
    assert "Upload-Expires" not in sender.patch(path, 4, b"456789").headers


def test_an_expired_upload_is_gone_and_gives_everything_back(app: Flask, sender: Sender) -> None:
    let_expire(app)
    sweep(app)
    before_it = spooled(app)
    path = sender.begin(10)
    sender.patch(path, 0, b"0123")
    let_expire(app)

    before = [sender.call("HEAD", path).status_code, sender.patch(path, 4, b"4").status_code]
    sweep(app)

    assert before == [410, 410]
    assert sender.call("HEAD", path).status_code == 410
    assert (sender.listed(), sender.files(), sender.reserved()) == ([], [], 0)
    [job] = sender.jobs()
    assert (job["state"], job["error"]["code"]) == ("failed", "upload_expired")
    assert spooled(app) == before_it


def test_one_expired_upload_leaves_the_others_of_its_job(app: Flask, sender: Sender) -> None:
    sender.begin(10, "late")
    let_expire(app)
    path = sender.begin(10, "alive")
    sweep(app)

    [job] = sender.jobs()
    assert (job["state"], job["progress"]["files"]["failed"]) == ("running", 1)
    assert sender.patch(path, 0, CONTENT).status_code == 204
    assert [file["name"] for file in sender.files()] == ["alive"]


def test_a_patch_renews_the_time(app: Flask, sender: Sender) -> None:
    path = sender.begin(10)
    with app.app_context():
        db.session.execute(text("UPDATE resumables SET expires_at = now() + interval '1 minute'"))
        db.session.commit()

    before = sender.call("HEAD", path).headers["Upload-Expires"]
    after = sender.patch(path, 0, b"0").headers["Upload-Expires"]

    assert parsedate_to_datetime(after) > parsedate_to_datetime(before)


def test_what_arrived_whole_does_not_expire(app: Flask, sender: Sender) -> None:
    path = sender.begin(10)
    sender.patch(path, 0, CONTENT)
    let_expire(app)
    sweep(app)

    assert sender.offset(path) == 10
    assert [file["state"] for file in sender.files()] == ["queued"]


# --- termination ----------------------------------------------------------------------------


def test_a_terminated_upload_is_gone_and_gives_everything_back(app: Flask, sender: Sender) -> None:
    before_it = spooled(app)
    path = sender.begin(10)
    sender.patch(path, 0, b"0123")

    assert sender.call("DELETE", path).status_code == 204

    later = [sender.call("HEAD", path), sender.patch(path, 4, b"4"), sender.call("DELETE", path)]
    assert {answer.status_code for answer in later} <= {404, 410}
    assert (sender.listed(), sender.files(), sender.reserved()) == ([], [], 0)
    assert sender.jobs()[0]["state"] == "cancelled"
    assert spooled(app) == before_it


def test_a_terminated_upload_leaves_the_others_of_its_job(sender: Sender) -> None:
    batch = "0b2f6c1e-0000-4000-8000-000000000001"
    whole, path = sender.begin(10, "a", batch=batch), sender.begin(10, "b", batch=batch)
    sender.patch(whole, 0, CONTENT)
    sender.call("DELETE", path)

    [job] = sender.jobs()
    assert job["progress"]["files"]["total"] == 1
    assert [file["name"] for file in sender.files()] == ["a"]


def test_terminating_what_arrived_keeps_the_file(sender: Sender) -> None:
    path = sender.begin(10)
    sender.patch(path, 0, CONTENT)

    assert sender.call("DELETE", path).status_code == 204
    assert sender.call("HEAD", path).status_code == 404
    assert [file["state"] for file in sender.files()] == ["queued"]


# --- checksum -------------------------------------------------------------------------------


def test_a_checksum_that_fits_lets_the_bytes_in(sender: Sender) -> None:
    path = sender.begin(10)
    sha1 = f"sha1 {encoded(hashlib.sha1(CONTENT[:5]).digest())}"
    sha256 = f"sha256 {encoded(hashlib.sha256(CONTENT[5:]).digest())}"

    assert sender.patch(path, 0, CONTENT[:5], **{"Upload-Checksum": sha1}).status_code == 204
    assert sender.patch(path, 5, CONTENT[5:], **{"Upload-Checksum": sha256}).status_code == 204
    assert sender.files()[0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_t_27_bytes_that_do_not_fit_are_not_kept(app: Flask, sender: Sender) -> None:
    path = sender.begin(10)
    sender.patch(path, 0, b"0123")
    wrong = f"sha256 {encoded(hashlib.sha256(b'else').digest())}"
    spool = app.extensions[KEY].config.spool_dir
    before = sorted(spool.rglob("*.part"))

    answer = sender.patch(path, 4, b"456789", **{"Upload-Checksum": wrong})

    assert (answer.status_code, answer.get_json()["code"]) == (460, "checksum_mismatch")
    assert sender.offset(path) == 4
    assert sorted(spool.rglob("*.part")) == before
    assert sender.patch(path, 4, b"456789").status_code == 204
    assert sender.files()[0]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_a_checksum_of_another_kind_is_refused(sender: Sender) -> None:
    path = sender.begin(10)
    wrong = ("md5 YQ==", "sha256", "sha256 YQ==", "sha1 ***", "", "SHA1 " + "A" * 28, "sha256  ")

    answers = [sender.patch(path, 0, CONTENT, **{"Upload-Checksum": told}) for told in wrong]

    assert [answer.status_code for answer in answers] == [400] * len(wrong)
    assert sender.offset(path) == 0


def test_a_checksum_without_bytes_has_nothing_to_check(sender: Sender) -> None:
    answer = sender.create(
        10,
        **{"Content-Type": BODY, "Upload-Checksum": f"sha1 {encoded(b'x' * 20)}"},
    )

    assert answer.status_code == 201
    assert [one["offset"] for one in sender.listed()] == [0]


def send_damaged(sender: Sender, name: str, **told: str) -> int:
    answer = sender.call(
        "POST",
        "/api/uploads",
        CONTENT,
        Content_Type=BODY,
        Upload_Length=10,
        Upload_Checksum=f"sha1 {encoded(b'x' * 20)}",
        Upload_Metadata=metadata(filename=name, **told),
    )
    return answer.status_code


def test_a_creation_whose_bytes_are_damaged_leaves_nothing(sender: Sender) -> None:
    assert send_damaged(sender, "a") == 460

    assert (sender.listed(), sender.files(), sender.jobs(), sender.reserved()) == ([], [], [], 0)


def test_a_batch_goes_on_after_a_creation_that_failed(sender: Sender) -> None:
    batch = some_id()
    assert send_damaged(sender, "a", batch=batch) == 460
    first = sender.begin(10, "a", batch=batch)
    assert send_damaged(sender, "b", batch=batch) == 460
    second = sender.begin(10, "b", batch=batch)

    assert [sender.patch(path, 0, CONTENT).status_code for path in (first, second)] == [204, 204]
    [job] = sender.jobs()
    files = job["progress"]["files"]
    assert (files["total"], files["failed"], job["error"]) == (2, 0, None)
