"""What a hostile or broken sender may try: refused, and nothing of it stays."""

import pytest

from tests.web.tus.sender import BODY, Sender, encoded, metadata

pytestmark = pytest.mark.real


def test_t_19_names_that_climb_hide_or_break_are_refused(sender: Sender) -> None:
    wrong = (
        "..",
        ".",
        "",
        "../a",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\x1b[2J",
        "C:",
        "CON",
        "a.",
        "x" * 256,
        "a\u202eb",
    )

    answers = [sender.create(1, name) for name in wrong]

    assert [answer.status_code for answer in answers] == [422] * len(wrong)
    assert (sender.listed(), sender.files(), sender.reserved()) == ([], [], 0)


def test_t_19_relative_paths_that_climb_are_refused(sender: Sender) -> None:
    wrong = ("../a", "a/../b", "/a", "a//b", "a/./b", "a\\b", "a/", "/".join("d" * 70), "a/\x07/b")

    answers = [sender.create(1, told={"relativePath": path}) for path in wrong]

    assert [answer.status_code for answer in answers] == [422] * len(wrong)
    assert (sender.listed(), sender.files()) == ([], [])


def test_an_upload_without_a_name_is_refused(sender: Sender) -> None:
    assert sender.create(1, Upload_Metadata=None).status_code == 422
    assert sender.create(1, Upload_Metadata="name YQ==").status_code == 422


def test_the_same_name_in_other_letters_is_one_name(sender: Sender) -> None:
    sender.begin(1, "é.txt")

    assert sender.create(1, "e\u0301.txt", told={"conflict": "fail"}).status_code == 409


def test_metadata_beyond_its_limit_is_refused(sender: Sender) -> None:
    long = f"filename YQ==,note {encoded('x' * 7000)}"

    assert sender.create(1, **{"Upload-Metadata": long}).status_code == 400


def test_t_29_a_compressed_body_is_refused(sender: Sender) -> None:
    path = sender.begin(10)

    answer = sender.patch(path, 0, b"0123", **{"Content-Encoding": "gzip"})

    assert answer.status_code == 415
    assert sender.offset(path) == 0


def test_a_refused_creation_reserves_nothing_and_makes_no_folder(sender: Sender) -> None:
    sender.begin(1, "a")
    before = sender.reserved()

    clash = sender.create(5, told={"relativePath": "New/deep/x", "conflict": "fail"})
    again = sender.create(5, told={"relativePath": "a/x"})  # below a file

    assert (clash.status_code, again.status_code) == (201, 409)
    assert sender.reserved() == before + 5
    assert sorted(file["name"] for file in sender.files()) == ["New", "a"]


def test_more_bytes_than_declared_never_touch_the_disk(sender: Sender) -> None:
    answer = sender.call(
        "POST",
        "/api/uploads",
        b"x" * 100_000,
        Content_Type=BODY,
        Upload_Length=10,
        Upload_Metadata=metadata(filename="a"),
    )

    assert (answer.status_code, sender.listed(), sender.reserved()) == (413, [], 0)


def test_an_id_that_is_none_is_not_found(sender: Sender) -> None:
    for path in ("/api/uploads/x", "/api/uploads/..%2f..%2fetc", "/api/uploads/" + "9" * 400):
        assert sender.call("HEAD", path).status_code == 404
