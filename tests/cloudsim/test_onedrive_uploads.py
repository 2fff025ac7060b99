"""Uploads to OneDrive: the simple PUT, sessions, and the quota."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudsim.hashes import QuickXor
from tests.cloudsim.client import Answer, Browser, OneDrive, onedrive_of, put_range

pytestmark = pytest.mark.sim
GRANULE = 327_680
CONTENT = bytes(index * 31 % 251 for index in range(2 * GRANULE + 777))
TOTAL = len(CONTENT)
LAST = f"bytes {2 * GRANULE}-{TOTAL - 1}/{TOTAL}"
FIRST = f"bytes 0-{2 * GRANULE - 1}/{TOTAL}"


def quick_xor(content: bytes) -> str:
    hashed = QuickXor()
    hashed.update(memoryview(content))
    return hashed.base64()


def session(onedrive: OneDrive, behaviour: str = "fail", path: str = "box/a.bin") -> str:
    answer = onedrive.begin(path, behaviour=behaviour, fileSize=TOTAL)
    assert answer.status == 200, answer
    return str(answer.json["uploadUrl"])


def test_a_put_makes_missing_folders_and_answers_with_the_item(onedrive: OneDrive) -> None:
    answer = onedrive.put("box/deep/a.bin", CONTENT)
    assert answer.status == 201
    assert answer.json["size"] == TOTAL
    assert answer.json["file"]["hashes"]["quickXorHash"] == quick_xor(CONTENT)


def test_a_put_under_fail_leaves_what_is_there(onedrive: OneDrive) -> None:
    item = onedrive.put("a.bin", b"old").json
    again = onedrive.put("A.bin", b"new")
    assert (again.status, again.reason) == (409, "nameAlreadyExists")
    kept = onedrive.send("GET", f"me/drive/items/{item['id']}").json
    assert kept["file"]["hashes"]["quickXorHash"] == quick_xor(b"old")


def test_a_put_under_replace_keeps_the_id_and_gives_the_room_back(onedrive: OneDrive) -> None:
    first = onedrive.put("a.bin", CONTENT).json
    answer = onedrive.put("a.bin", b"new", "replace")
    assert (answer.status, answer.json["id"]) == (200, first["id"])
    assert answer.json["eTag"] != first["eTag"]
    assert onedrive.quota()["used"] == 3


def test_a_put_under_rename_numbers_the_name(onedrive: OneDrive) -> None:
    names = [onedrive.put("a.bin", b"x", "rename").json["name"] for _ in range(3)]
    assert names == ["a.bin", "a 1.bin", "a 2.bin"]


def test_a_put_replaces_by_default(onedrive: OneDrive) -> None:
    statuses = [
        onedrive.send("PUT", "me/drive/root:/a.bin:/content", body=b"x").status for _ in "ab"
    ]
    assert statuses == [201, 200]


def test_a_put_by_id_replaces_the_content(onedrive: OneDrive) -> None:
    item_id = onedrive.put("a.bin", b"old").json["id"]
    answer = onedrive.send("PUT", f"me/drive/items/{item_id}/content", body=b"newer")
    assert (answer.status, answer.json["size"]) == (200, 5)


@pytest.mark.parametrize("behaviour", ["fail", "replace"])
def test_a_folder_is_not_overwritten_by_a_file(onedrive: OneDrive, behaviour: str) -> None:
    onedrive.put("box/a.bin", b"x")
    assert onedrive.put("box", b"x", behaviour).reason == "nameAlreadyExists"


def test_a_file_is_no_folder_on_the_way(onedrive: OneDrive) -> None:
    onedrive.put("box", b"x")
    assert onedrive.put("box/a.bin", b"x").status == 400


def test_a_content_range_on_a_simple_put_is_refused(onedrive: OneDrive) -> None:
    headers = {"Content-Range": "bytes 0-0/1"}
    path = "me/drive/root:/a.bin:/content"
    assert onedrive.send("PUT", path, body=b"x", headers=headers).status == 400


def test_an_unknown_conflict_behaviour_is_refused(onedrive: OneDrive) -> None:
    assert onedrive.put("a.bin", b"x", "perhaps").status == 400


def test_of_two_puts_at_once_under_fail_one_wins(onedrive: OneDrive) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: onedrive.put("a.bin", CONTENT), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert onedrive.quota()["used"] == TOTAL


def test_the_quota_is_exact(browser: Browser, onedrive: OneDrive) -> None:
    browser.control("PUT", "accounts/microsoft/anna@example.com/quota", {"total": 100})
    assert onedrive.put("a.bin", b"x" * 100).status == 201
    refused = onedrive.put("b.bin", b"x")
    assert (refused.status, refused.reason) == (507, "quotaLimitReached")
    assert onedrive.quota()["state"] == "exceeded"
    assert onedrive.put("a.bin", b"y" * 100, "replace").status == 200


@pytest.mark.parametrize(("used", "state"), [(50, "normal"), (91, "nearing"), (995, "critical")])
def test_the_quota_has_its_states(
    browser: Browser, onedrive: OneDrive, used: int, state: str
) -> None:
    total = 1000 if used == 995 else 100
    browser.control("PUT", "accounts/microsoft/anna@example.com/quota", {"total": total})
    onedrive.put("a.bin", b"x" * used)
    assert onedrive.quota()["state"] == state


def test_puts_at_once_never_exceed_the_quota(browser: Browser, onedrive: OneDrive) -> None:
    browser.control("PUT", "accounts/microsoft/anna@example.com/quota", {"total": 2500})
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: onedrive.put(f"{n}", b"x" * 1000), range(8)))
    assert sorted(answer.status for answer in answers) == [201] * 2 + [507] * 6
    assert onedrive.quota()["used"] == 2000


def test_a_session_takes_fragments_in_order(onedrive: OneDrive) -> None:
    begun = onedrive.begin("box/a.bin", behaviour="fail", name="a.bin", fileSize=TOTAL).json
    assert begun["nextExpectedRanges"] == ["0-"]
    address, browser = begun["uploadUrl"], onedrive.browser
    first = put_range(browser, address, CONTENT[: 2 * GRANULE], FIRST)
    assert (first.status, first.json["nextExpectedRanges"]) == (202, [f"{2 * GRANULE}-"])
    last = put_range(browser, address, CONTENT[2 * GRANULE :], LAST)
    assert last.status == 201
    assert last.json["file"]["hashes"]["quickXorHash"] == quick_xor(CONTENT)


def test_the_state_of_a_session_tells_where_to_go_on(onedrive: OneDrive) -> None:
    address = session(onedrive)
    put_range(onedrive.browser, address, CONTENT[: 2 * GRANULE], FIRST)
    state = onedrive.browser.send("GET", address).json
    assert state["nextExpectedRanges"] == [f"{2 * GRANULE}-"]


@pytest.mark.parametrize(
    ("where", "length", "status", "inner"),
    [
        (FIRST, 2 * GRANULE, 416, "fragmentOverlap"),
        (f"bytes {2 * GRANULE + 1}-{TOTAL - 1}/{TOTAL}", 776, 416, "fragmentOutOfOrder"),
        (LAST, 700, 416, "fragmentLengthMismatch"),
        (f"bytes {2 * GRANULE}-{TOTAL}/{TOTAL + 1}", 778, 400, None),
        ("nonsense", 777, 400, None),
    ],
)
def test_a_fragment_that_does_not_fit_is_refused(
    onedrive: OneDrive, where: str, length: int, status: int, inner: str | None
) -> None:
    address = session(onedrive)
    put_range(onedrive.browser, address, CONTENT[: 2 * GRANULE], FIRST)
    answer = put_range(onedrive.browser, address, b"x" * length, where)
    assert answer.status == status
    error = answer.json["error"]
    assert error.get("innererror", {}).get("code") == inner
    assert onedrive.browser.send("GET", address).json["nextExpectedRanges"] == [f"{2 * GRANULE}-"]


def test_strictly_a_fragment_is_a_multiple_of_320_kib(onedrive: OneDrive) -> None:
    odd = put_range(onedrive.browser, session(onedrive), b"x" * 1000, f"bytes 0-999/{TOTAL}")
    assert odd.status == 400


def test_compatibly_an_odd_fragment_is_taken(compat_browser: Browser) -> None:
    onedrive = onedrive_of(compat_browser, "anna@example.com")
    odd = put_range(compat_browser, session(onedrive), b"x" * 1000, f"bytes 0-999/{TOTAL}")
    assert (odd.status, odd.json["nextExpectedRanges"]) == (202, ["1000-"])


def test_strictly_a_token_at_the_upload_address_is_401(onedrive: OneDrive) -> None:
    headers = {"Authorization": f"Bearer {onedrive.token}", "Content-Range": FIRST}
    address = session(onedrive)
    answer = onedrive.browser.send("PUT", address, body=CONTENT[: 2 * GRANULE], headers=headers)
    assert answer.status == 401


def test_a_completed_session_is_not_found(onedrive: OneDrive) -> None:
    address = session(onedrive)
    whole = f"bytes 0-{TOTAL - 1}/{TOTAL}"
    assert put_range(onedrive.browser, address, CONTENT, whole).status == 201
    again = put_range(onedrive.browser, address, CONTENT, whole)
    assert (again.status, again.reason) == (404, "itemNotFound")


def test_a_cancelled_session_is_not_found(onedrive: OneDrive) -> None:
    address = session(onedrive)
    assert onedrive.browser.send("DELETE", address).status == 204
    assert onedrive.browser.send("GET", address).status == 404


def test_a_session_expires(browser: Browser, onedrive: OneDrive) -> None:
    address = session(onedrive)
    browser.control("POST", "clock", {"seconds": 86_401})
    assert browser.send("GET", address).status == 404


def test_a_session_over_quota_is_507_at_once(browser: Browser, onedrive: OneDrive) -> None:
    browser.control("PUT", "accounts/microsoft/anna@example.com/quota", {"total": 10})
    answer = onedrive.begin("a.bin", behaviour="fail", fileSize=11)
    assert (answer.status, answer.reason) == (507, "quotaLimitReached")


def test_a_session_for_a_taken_name_is_refused_under_fail(onedrive: OneDrive) -> None:
    onedrive.put("a.bin", b"x")
    assert onedrive.begin("a.bin", behaviour="fail", fileSize=1).reason == "nameAlreadyExists"


def test_after_a_conflict_at_the_end_the_session_lives_on(onedrive: OneDrive) -> None:
    address = session(onedrive, path="a.bin")
    rival = onedrive.put("a.bin", b"x").json["id"]
    whole = f"bytes 0-{TOTAL - 1}/{TOTAL}"
    refused = put_range(onedrive.browser, address, CONTENT, whole)
    assert refused.reason == "nameAlreadyExists"
    assert onedrive.browser.send("GET", address).status == 200
    assert onedrive.send("GET", "me/drive/root:/a.bin").json["id"] == rival


def test_a_session_under_replace_replaces(onedrive: OneDrive) -> None:
    item_id = onedrive.put("a.bin", b"x").json["id"]
    address = session(onedrive, "replace", "a.bin")
    answer = put_range(onedrive.browser, address, CONTENT, f"bytes 0-{TOTAL - 1}/{TOTAL}")
    assert (answer.status, answer.json["id"]) == (200, item_id)


def test_a_pending_session_blocks_its_name_on_work_accounts(work_drive: OneDrive) -> None:
    session(work_drive)
    second = work_drive.begin("box/A.bin", behaviour="replace", fileSize=1)
    assert (second.status, second.reason) == (409, "nameAlreadyExists")


def test_a_known_hash_comes_out_over_http(onedrive: OneDrive) -> None:
    answer = onedrive.put("a.bin", base64.b64decode("tbQ="))
    assert answer.json["file"]["hashes"]["quickXorHash"] == "taAFAAAAAAAAAAAAAgAAAAAAAAA="


def test_a_session_keeps_the_times_it_was_begun_with(onedrive: OneDrive) -> None:
    moment = "2020-02-02T02:02:02.000Z"
    times = {"createdDateTime": moment, "lastModifiedDateTime": moment}
    address = onedrive.begin("a", fileSystemInfo=times).json["uploadUrl"]
    made = put_range(onedrive.browser, address, b"hello", "bytes 0-4/5").json
    assert made["fileSystemInfo"] == times

    address = onedrive.begin("a", fileSystemInfo={"lastModifiedDateTime": "soon"})
    assert (address.status, address.reason) == (400, "invalidRequest")


def committed(onedrive: OneDrive, path: str, address: str, behaviour: str = "fail") -> Answer:
    sent = {"@microsoft.graph.sourceUrl": address, "@microsoft.graph.conflictBehavior": behaviour}
    return onedrive.send("PUT", f"me/drive/root:/{path}:", json=sent)


def test_after_a_conflict_a_session_is_committed_elsewhere(onedrive: OneDrive) -> None:
    address = onedrive.begin("a", behaviour="fail").json["uploadUrl"]
    onedrive.put("a", b"first")
    late = put_range(onedrive.browser, address, b"hello", "bytes 0-4/5")
    assert late.reason == "nameAlreadyExists"

    assert committed(onedrive, "a", address).reason == "nameAlreadyExists"
    made = committed(onedrive, "b", address)
    assert (made.status, made.json["name"], made.json["size"]) == (201, "b", 5)
    assert committed(onedrive, "c", address).status == 404


def test_a_session_is_committed_into_a_folder_by_name(onedrive: OneDrive) -> None:
    onedrive.put("folder/x", b"x")
    address = onedrive.begin("a", behaviour="fail").json["uploadUrl"]
    onedrive.put("a", b"first")
    put_range(onedrive.browser, address, b"hello", "bytes 0-4/5")
    sent = {"@microsoft.graph.sourceUrl": address, "name": "b"}
    made = onedrive.send("PUT", "me/drive/root:/folder", json=sent).json
    assert made["parentReference"]["path"] == "/drive/root:/folder"


def test_an_unfinished_session_is_not_committed(browser: Browser, onedrive: OneDrive) -> None:
    address = onedrive.begin("a").json["uploadUrl"]
    assert committed(onedrive, "b", address).reason == "invalidRequest"
    stranger = onedrive_of(browser, "ben@example.com")
    assert committed(stranger, "b", address).status == 404


def test_versions_count_on_work_accounts(work_drive: OneDrive, onedrive: OneDrive) -> None:
    for drive, used in ((work_drive, 30), (onedrive, 20)):
        made = drive.put("a", b"x" * 10).json["id"]
        drive.put("a", b"x" * 20, "replace")
        assert drive.quota()["used"] == used
        versions = drive.send("GET", f"me/drive/items/{made}/versions").json["value"]
        assert sum(version["size"] for version in versions) == used


def test_new_times_are_a_version_on_work_accounts(work_drive: OneDrive) -> None:
    made = work_drive.put("a", b"x" * 10).json["id"]
    times = {"fileSystemInfo": {"lastModifiedDateTime": "2020-02-02T02:02:02Z"}}
    work_drive.send("PATCH", f"me/drive/items/{made}", json=times)
    assert work_drive.quota()["used"] == 20
    work_drive.send("POST", f"me/drive/items/{made}/permanentDelete")
    assert work_drive.quota()["used"] == 0


def test_no_version_is_made_without_room_for_it(browser: Browser, work_drive: OneDrive) -> None:
    work_drive.put("a", b"x" * 10)
    address = "accounts/microsoft/work.anna@example.com/quota"
    browser.control("PUT", address, {"total": 15})
    assert work_drive.put("a", b"x" * 10, "replace").status == 507
    assert work_drive.quota()["used"] == 10
