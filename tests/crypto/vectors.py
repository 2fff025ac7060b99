"""The published vectors of docs/format.md, as values of ours."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from balancecloud.crypto import chunks
from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.places import Place
from balancecloud.crypto.shards import Layout
from balancecloud.crypto.spool_parts import PartPlace, PartRecord, PartState

Entry = dict[str, Any]

VECTORS: Entry = json.loads(Path(__file__).with_name("format-vectors.json").read_bytes())
USER_KEY = UserKey(bytes.fromhex(VECTORS["user"]), VECTORS["epoch"], bytes.fromhex(VECTORS["uk"]))
UPLOAD_KEY = bytes.fromhex(VECTORS["spool"]["upload_key"])


def plaintext(entry: Entry) -> bytes:
    """The bytes that the rule in a vector describes."""
    rule = entry["plaintext"]
    a, b, length = rule["a"], rule["b"], rule["len"]
    return bytes((a * i + b + i // 251) % 256 for i in range(length))


def place(file: Entry, index: int) -> Place:
    return Place(
        user=USER_KEY.user,
        file=bytes.fromhex(file["file"]),
        version=file["version"],
        index=index,
        file_size=file["size"],
        chunk_size=file["chunk_size"],
        frame_log2=file["frame_log2"],
        pad=bool(file["pad"]),
    )


def files() -> dict[str, Entry]:
    return {file["name"]: file for file in VECTORS["files"]}


def file_key(file: Entry) -> bytes:
    return bytes.fromhex(file["fk"])


def chunk_plaintext(file: Entry, index: int) -> bytes:
    start = index * file["chunk_size"]
    return plaintext(file)[start : start + file["chunk_size"]]


@cache
def sealed_chunk(name: str, index: int) -> bytes:
    """A chunk sealed by our code."""
    file = files()[name]
    made = chunks.seal(place(file, index), file_key(file), USER_KEY, chunk_plaintext(file, index))
    return bytes(made)


def packs() -> dict[str, Entry]:
    return {pack["name"]: pack for pack in VECTORS["packs"]}


def pack_bytes(pack: Entry) -> bytes:
    return b"".join(sealed_chunk(name, index) for name, index in pack["members"])


def layouts() -> list[tuple[Entry, Entry, Layout]]:
    """Every pack with each of its layouts."""
    return [
        (pack, entry, layout(pack, entry)) for pack in VECTORS["packs"] for entry in pack["layouts"]
    ]


def layout(pack: Entry, entry: Entry) -> Layout:
    return Layout(
        pack_id=bytes.fromhex(entry["pack_id"]),
        pack_length=pack["length"],
        k=entry["k"],
        m=entry["m"],
        digest=bytes.fromhex(pack["digest"]),
    )


def part_record(entry: Entry) -> PartRecord:
    upload = bytes.fromhex(VECTORS["spool"]["upload"])
    where = PartPlace(USER_KEY.user, upload, entry["part"], entry["offset"])
    salt = bytes.fromhex(entry["salt"])
    return PartRecord(where, salt, entry["size"], PartState(entry["state"]))
