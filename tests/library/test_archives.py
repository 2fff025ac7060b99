"""ZIPs of the library: whole, safe to unpack, and never silently short."""

import io
import shutil
import subprocess
import tracemalloc
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from balancecloud.config import Config
from balancecloud.errors import NotFound, StateConflict, Unavailable
from balancecloud.library import archives, copying, nodes
from balancecloud.library.archive_names import Names, safe
from balancecloud.library.archives import Archive, Entry, zipped
from balancecloud.library.copying import CopyTo
from balancecloud.library.views import NodeView
from balancecloud.models.library import Version
from balancecloud.models.states import VersionState
from balancecloud.storage.damage import ring_nobody
from tests.storage.world import Person, make_tools

NOW = datetime(2026, 11, 23, 14, 6, 30, tzinfo=UTC)
MIB = 1 << 20


def entry(path: str, size: int = 0) -> Entry:
    return Entry(path, None if path.endswith("/") else uuid.uuid4(), size, NOW)


def nothing(_entry: Entry) -> Iterator[bytes]:
    return iter(())


def opened(pieces: Iterator[bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


# --- names ------------------------------------------------------------------------------------


@given(name=st.text(max_size=90))
def test_a_name_is_one_step_of_a_path_whatever_it_was(name: str) -> None:
    made = safe(name)

    assert made
    assert made not in {".", ".."}
    assert not set(made) & set("/\\:\0")
    assert len(made.encode()) <= 256


@given(names=st.lists(st.sampled_from(["a.txt", "A.TXT", "a (2).txt", "e\u0301", "\u00e9", "b"])))
def test_no_two_paths_are_alike_on_any_system(names: list[str]) -> None:
    taken = Names()

    paths = [taken.take("x/", name) for name in names]

    assert len({unicodedata.normalize("NFC", path).casefold() for path in paths}) == len(names)


@pytest.mark.parametrize("name", ["..", "../../etc/passwd", "/etc/passwd", "C:\\x", "con", "a\0b"])
def test_a_hostile_name_never_leaves_its_folder(name: str, tmp_path: Path) -> None:
    path = Names().take("Photos/", name)

    with opened(zipped([entry(path)], nothing)) as archive:
        archive.extractall(tmp_path)

    (made,) = (tmp_path / "Photos").iterdir()
    assert made.name == path.removeprefix("Photos/")


# --- the format -------------------------------------------------------------------------------


def test_more_entries_than_the_old_format_counts() -> None:
    entries = [*(entry(f"{number}/") for number in range(65_536)), entry("last.txt", 4)]

    with opened(zipped(entries, lambda _: iter([b"last"]))) as archive:
        assert len(archive.namelist()) == len(entries)
        assert archive.read("last.txt") == b"last"


def test_a_large_file_gets_the_64_bit_fields_before_its_first_byte() -> None:
    begun = zipped([entry("big", 5 << 30)], lambda _: iter([b"x" * MIB]))

    header = next(begun)

    assert header.startswith(b"PK\x03\x04")
    assert b"\x01\x00\x10\x00" in header  # the extra field of 64-bit lengths


def test_times_are_told_in_utc() -> None:
    with opened(zipped([entry("a")], nothing)) as archive:
        (info,) = archive.infolist()

    assert info.date_time == (2026, 11, 23, 14, 6, 30)
    assert int.from_bytes(info.extra[5:9], "little") == int(NOW.timestamp())


def test_a_file_that_breaks_off_or_is_short_has_no_end_of_archive() -> None:
    def breaking(_: Entry) -> Iterator[bytes]:
        yield b"x"
        raise Unavailable

    for contents in (breaking, nothing):
        received: list[bytes] = []
        with pytest.raises(Unavailable):
            received.extend(zipped([entry("a", 10)], contents))
        assert b"PK\x05\x06" not in b"".join(received)


def test_nothing_is_handed_on_before_the_first_file_could_be_read() -> None:
    def failing(entry: Entry) -> Iterator[bytes]:
        if entry.size:
            raise Unavailable
        yield b""

    with pytest.raises(Unavailable):
        next(zipped([entry("a", 10)], failing))


def test_a_long_archive_is_not_kept_in_memory() -> None:
    pieces = zipped(
        [entry(f"{n}", 32 * MIB) for n in range(4)],
        lambda _: (bytes(MIB) for _ in range(32)),
    )
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in pieces)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert total > 128 * MIB
    assert peak < 8 * MIB


# --- of the library ---------------------------------------------------------------------------


@pytest.fixture
def person(config: Config, database: sessionmaker[Session]) -> Person:
    return Person.new(*make_tools(config, database), accounts=2)


def folder(person: Person, name: str, parent: uuid.UUID | None = None) -> uuid.UUID:
    with person.tools.sessions.begin() as session:
        return nodes.make_folder(session, person.user_id, name, parent).id


def plan(person: Person, *ids: uuid.UUID) -> Archive:
    with person.tools.sessions() as session:
        return archives.plan(session, person.user_id, ids)


def read(person: Person, *ids: uuid.UUID) -> bytes:
    return b"".join(archives.stream(plan(person, *ids), person.tools, ring_nobody))


@pytest.fixture
def tree(person: Person) -> tuple[uuid.UUID, dict[str, bytes | None]]:
    """A folder of three levels, and what its archive is to hold; None: a folder."""
    top = folder(person, "Photos 🏔️")
    inner = folder(person, "2026", top)
    empty = folder(person, "nothing here", inner)
    contents: dict[str, bytes | None] = {
        "Photos 🏔️/": None,
        "Photos 🏔️/2026/": None,
        "Photos 🏔️/2026/nothing here/": None,
    }
    for place, parent, name, content in (
        ("Photos 🏔️/", top, "zero.txt", b""),
        ("Photos 🏔️/2026/", inner, "día 🚢.bin", bytes(range(256)) * 100),
        ("Photos 🏔️/2026/", inner, "a.txt", b"small"),
        ("Photos 🏔️/2026/nothing here/", empty, "deep.txt", b"deep"),
    ):
        person.upload(content, name=name, parent=parent)
        contents[place + name] = content
    return top, contents


@pytest.mark.real
def test_a_folder_comes_back_byte_for_byte(
    person: Person, tree: tuple[uuid.UUID, dict[str, bytes | None]], tmp_path: Path
) -> None:
    top, contents = tree
    from_spool = read(person, top)
    assert person.work() == []
    from_clouds = read(person, top)

    for whole in (from_spool, from_clouds):
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            assert archive.testzip() is None
            found = {i.filename: None if i.is_dir() else archive.read(i) for i in archive.filelist}
        assert found == contents
    check_with_other_programs(from_clouds, contents, tmp_path)


def check_with_other_programs(
    whole: bytes, contents: dict[str, bytes | None], tmp_path: Path
) -> None:
    """Unpack it with what this system has besides Python."""
    source = tmp_path / "whole.zip"
    source.write_bytes(whole)
    programs: Sequence[tuple[str, list[str]]] = (
        ("unzip", ["unzip", "-q", str(source), "-d"]),
        ("bsdtar", ["bsdtar", "-xf", str(source), "-C"]),
    )
    for name, command in programs:
        if shutil.which(name) is None:
            continue
        target = tmp_path / name
        target.mkdir()
        environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        subprocess.run([*command, str(target)], check=True, env=environment)
        for path, content in contents.items():
            assert (
                (target / path).is_dir()
                if content is None
                else ((target / path).read_bytes() == content)
            )


@pytest.mark.real
def test_what_was_chosen_together_keeps_its_names_and_tells_twins_apart(person: Person) -> None:
    top = folder(person, "top")
    for parent, content in ((top, b"inner"), (None, b"outer")):
        person.upload(content, name="a.txt", parent=parent)
    inner, outer = (
        next(node.id for node in listing(person, place) if node.name == "a.txt")
        for place in (top, None)
    )

    with zipfile.ZipFile(io.BytesIO(read(person, inner, outer))) as archive:
        assert {archive.read(name) for name in archive.namelist()} == {b"inner", b"outer"}
        assert sorted(archive.namelist()) == ["a (2).txt", "a.txt"]
    assert sorted(e.path for e in plan(person, top, inner).entries) == ["top/", "top/a.txt"]
    assert plan(person, top).name == "top.zip"
    assert plan(person, inner, outer).name == "Files.zip"


def listing(person: Person, parent: uuid.UUID | None) -> Sequence[NodeView]:
    with person.tools.sessions() as session:
        return nodes.list_folder(session, person.user_id, parent).nodes


@pytest.mark.real
def test_a_copy_is_in_it_with_its_bytes(person: Person) -> None:
    top = folder(person, "top")
    node = person.upload(b"twice", name="a.txt", parent=top).node_ids[0]
    assert person.work() == []
    with person.tools.sessions.begin() as session:
        copying.copy(session, person.user_id, node, CopyTo(top))

    with zipfile.ZipFile(io.BytesIO(read(person, top))) as archive:
        assert archive.read("top/a (2).txt") == archive.read("top/a.txt") == b"twice"


@pytest.mark.real
@pytest.mark.parametrize("state", [VersionState.LOST, VersionState.UNREADABLE])
def test_what_cannot_be_read_is_said_before_the_first_byte(
    person: Person, state: VersionState
) -> None:
    top = folder(person, "top")
    gone = person.upload(b"gone", name="gone.txt", parent=top)
    person.upload(b"here", name="here.txt", parent=top)
    assert person.work() == []
    with person.tools.sessions.begin() as session:
        session.execute(
            update(Version).where(Version.file_id == gone.node_ids[0]).values(state=state)
        )

    archive = plan(person, top)

    assert archive.unreadable == ("top/gone.txt",)
    with pytest.raises(StateConflict):
        archives.refuse_parts(archive)
    with zipfile.ZipFile(io.BytesIO(read(person, top))) as rest:
        assert rest.namelist() == ["top/", "top/here.txt"]


@pytest.mark.real
def test_a_file_deleted_meanwhile_breaks_the_archive_off(person: Person) -> None:
    top = folder(person, "top")
    kept = person.upload(b"kept", name="a.txt", parent=top)
    gone = person.upload(b"gone", name="b.txt", parent=top)
    assert person.work() == []
    archive = plan(person, top)
    person.delete(gone)

    with pytest.raises(Unavailable):
        list(archives.stream(archive, person.tools, ring_nobody))
    assert kept.node_ids


@pytest.mark.real
def test_strangers_things_are_in_no_archive(person: Person) -> None:
    mine = folder(person, "mine")
    theirs = folder(Person.new(person.tools, person.providers), "theirs")

    for ids in ([theirs], [mine, theirs], []):
        with pytest.raises(NotFound):
            plan(person, *ids)
