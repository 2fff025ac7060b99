"""Every published vector, byte for byte, and every listed change refused."""

import hashlib

import pytest

from balancecloud.crypto import (
    chunks,
    names,
    packs,
    recovery_key,
    shards,
    spool_parts,
    wrapping,
)
from balancecloud.crypto.headers import Kind
from balancecloud.crypto.keys import WrappingKey
from balancecloud.crypto.padding import padme
from balancecloud.errors import IntegrityError
from balancecloud.storage import erasure
from tests.crypto import vectors
from tests.crypto.vectors import USER_KEY, VECTORS, Entry

# Sections 9.1 to 9.4, envelopes and the catalog's lines, are not part of the code.
NOT_IMPLEMENTED = {"keyring", "catalog.0.0"}


def chunk_cases() -> list[tuple[str, int]]:
    return [(file["name"], chunk["index"]) for file in VECTORS["files"] for chunk in file["chunks"]]


def test_the_purpose_keys_are_those_of_the_vectors() -> None:
    derived = {
        "label": USER_KEY.label_key,
        "name": USER_KEY.name_key,
        "catalog": USER_KEY.catalog_key,
        "fkwrap": USER_KEY.file_wrapping_key.secret,
        "shardmac": USER_KEY.shard_mac_key,
        "shardlabel": USER_KEY.shard_label_key,
        "keyid": USER_KEY.keyid,
    }

    assert {name: key.hex() for name, key in derived.items()} == VECTORS["purpose_keys"]


@pytest.mark.parametrize(("name", "index"), chunk_cases())
def test_a_chunk_is_sealed_as_in_the_vectors(name: str, index: int) -> None:
    file = vectors.files()[name]
    chunk = file["chunks"][index]
    place = vectors.place(file, index)

    sealed = vectors.sealed_chunk(name, index)

    assert sealed.hex() == chunk["sealed"]
    assert chunks.salt_of(sealed).hex() == chunk["salt"]
    assert place.context().hex() == chunk["ctx"]
    assert (place.plain_len, place.padded_len, place.flags) == (
        chunk["plain_len"],
        chunk["padded_len"],
        chunk["flags"],
    )


@pytest.mark.parametrize(("name", "index"), chunk_cases())
def test_a_chunk_of_the_vectors_opens_with_and_without_an_index(name: str, index: int) -> None:
    file = vectors.files()[name]
    chunk = file["chunks"][index]
    sealed, salt = bytes.fromhex(chunk["sealed"]), bytes.fromhex(chunk["salt"])
    expected = vectors.chunk_plaintext(file, index)
    place = vectors.place(file, index)

    found = chunks.scavenge([USER_KEY], sealed)

    assert chunks.open_whole(place, vectors.file_key(file), USER_KEY, salt, sealed) == expected
    assert (found.plaintext, found.file_key, found.salt) == (expected, vectors.file_key(file), salt)
    assert found.place.context() == place.context()


def test_a_range_of_real_frames_is_that_of_the_vectors() -> None:
    entry = VECTORS["real_frames"]
    wanted = entry["range"]
    place, key, content = vectors.place(entry, 0), vectors.file_key(entry), vectors.plaintext(entry)

    sealed = chunks.seal(place, key, USER_KEY, content)
    span = chunks.frame_span(place, wanted["start"], wanted["end"])
    part = sealed[span.start : span.start + span.length]
    opened = chunks.SpanOpener.of(place, key, USER_KEY, chunks.salt_of(sealed)).open(span, part)

    assert sealed[:192].hex() == entry["header"]
    assert len(sealed) == entry["sealed_len"]
    assert hashlib.sha256(sealed).hexdigest() == entry["sealed_sha256"]
    assert (span.first_frame, span.start, span.length) == (
        wanted["first_frame"],
        wanted["sealed_offset"],
        wanted["sealed_length"],
    )
    assert hashlib.sha256(opened).hexdigest() == wanted["plaintext_sha256"]


@pytest.mark.parametrize("name", [pack["name"] for pack in VECTORS["packs"]])
def test_a_pack_has_the_digest_and_the_members_of_the_vectors(name: str) -> None:
    entry = vectors.packs()[name]
    pack = vectors.pack_bytes(entry)

    found = packs.walk(pack)

    assert hashlib.sha256(pack).hexdigest() == entry["sha256"]
    assert [list(extent) for extent in found] == entry["offsets"]
    assert packs.digest(pack[offset : offset + 192] for offset, _ in found).hex() == entry["digest"]
    packs.check_digest(pack, bytes.fromhex(entry["digest"]))


@pytest.mark.parametrize(("pack", "entry", "layout"), vectors.layouts())
def test_the_shards_of_a_layout_are_those_of_the_vectors(
    pack: Entry, entry: Entry, layout: shards.Layout
) -> None:
    pieces = erasure.encode(vectors.pack_bytes(pack), layout.k, layout.m)

    assert layout.piece_length == entry["piece_len"]
    assert len(pieces) == len(entry["shards"])
    for expected, piece in zip(entry["shards"], pieces, strict=True):
        made = shards.seal_shard(USER_KEY, layout, expected["index"], piece)
        name = names.shard_name(USER_KEY, layout.pack_id, layout.k, layout.m, expected["index"])
        assert made.body[:144].hex() == expected["header"]
        assert made.body[-32:].hex() == expected["mac"]
        assert made.body.hex() == expected.get("object", made.body.hex())
        assert len(made.body) == expected["length"] == layout.object_length
        assert made.sha256.hex() == expected["sha256"]
        assert hashlib.sha256(made.body).digest() == made.sha256
        assert name == expected["name"]


def test_parity_is_that_of_the_vectors() -> None:
    entry = VECTORS["pq"]
    data = b"".join(bytes.fromhex(piece) for piece in entry["data"])

    pieces = erasure.encode(data, entry["k"], 2)

    assert [bytes(piece).hex() for piece in pieces] == [*entry["data"], entry["p"], entry["q"]]


@pytest.mark.parametrize("entry", VECTORS["wraps"], ids=lambda entry: entry["purpose"])
def test_a_wrapped_secret_is_that_of_the_vectors(entry: Entry) -> None:
    row = wrapping.Row(entry["purpose"].encode(), bytes.fromhex(entry["row"]))
    key = WrappingKey(entry["key_version"], bytes.fromhex(entry["key"]))
    secret, blob = bytes.fromhex(entry["secret"]), bytes.fromhex(entry["blob"])

    made = wrapping.wrap_with_salt(key, row, secret, bytes.fromhex(entry["salt"]))

    assert made == blob
    assert wrapping.unwrap(key, row, blob) == secret


def test_the_rows_are_built_as_in_the_vectors() -> None:
    user = USER_KEY.user
    entries = {entry["purpose"]: bytes.fromhex(entry["row"]) for entry in VECTORS["wraps"]}
    account, seed = entries["oauth-token"][16:32], entries["totp-seed"][16:]
    upload, file = entries["upload-key"][16:], entries["file-key"][16:32]
    version = int.from_bytes(entries["file-key"][32:])
    name = hashlib.sha256(b"abcdefghijklmnopqrstuvwxyz234567").digest()

    rows = [
        wrapping.user_key_row(user, 3),
        wrapping.oauth_token_row(user, account, wrapping.ProviderCode.GOOGLE_DRIVE, 5),
        wrapping.totp_seed_row(user, seed),
        wrapping.recovery_sealing_row(user, 1),
        wrapping.file_key_row(user, file, version),
        wrapping.upload_key_row(user, upload),
        wrapping.upload_session_row(user, account, name),
    ]

    assert {row.purpose.decode(): row.fields for row in rows} == entries


def test_padme_is_that_of_the_vectors() -> None:
    expected = {int(length): padded for length, padded in VECTORS["padme"].items()}

    assert {length: padme(length) for length in expected} == expected


def test_the_recovery_key_is_that_of_the_vectors() -> None:
    entry = VECTORS["recovery_key"]
    key = bytes.fromhex(entry["rk"])
    sealing = recovery_key.sealing_key(key)
    identifier = recovery_key.identifier(sealing)

    assert recovery_key.to_text(key) == entry["text"]
    assert recovery_key.from_text(entry["text"]) == key
    assert (sealing.hex(), identifier.hex()) == (entry["k_rk"], entry["rkid"])
    assert names.keyring_name(identifier, 1) == entry["keyring_name_seq_1"]


@pytest.mark.parametrize("text", VECTORS["reject_recovery_text"])
def test_a_listed_wrong_recovery_key_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError):
        recovery_key.from_text(text)


@pytest.mark.parametrize("entry", VECTORS["catalog"], ids=lambda entry: entry["generation"])
def test_the_names_of_the_catalog_are_those_of_the_vectors(entry: Entry) -> None:
    kind = Kind[entry["type"].upper()]

    made = [
        names.catalog_name(USER_KEY, kind, entry["generation"], part)
        for part in range(len(entry["names"]))
    ]

    assert made == entry["names"]


@pytest.mark.parametrize("entry", VECTORS["spool"]["parts"], ids=lambda entry: entry["part"])
@pytest.mark.parametrize("step", [1009, 65_536, 70_000, 10**6])
def test_a_spool_part_is_that_of_the_vectors(entry: Entry, step: int) -> None:
    record, content = vectors.part_record(entry), vectors.plaintext(entry)
    sealer = spool_parts.PartSealer(vectors.UPLOAD_KEY, record.place, record.salt)
    sealed = bytearray(sealer.header)
    for start in range(0, len(content), step):
        sealed += sealer.update(content[start : start + step])

    # An open part gives its last full frame away only when another byte arrives.
    sealed += sealer.close() if record.is_closed else sealer.update(b"?")

    assert len(sealed) == entry["sealed_len"] == record.sealed_length
    assert sealed.hex() == entry.get("sealed", sealed.hex())
    assert hashlib.sha256(sealed).hexdigest() == entry["sealed_sha256"]
    assert spool_parts.open_part(vectors.UPLOAD_KEY, record, sealed) == content


def reject_cases() -> list[tuple[str, int, int]]:
    return [
        (what, offset, mask)
        for what, offset, mask in VECTORS["reject"]
        if what not in NOT_IMPLEMENTED
    ]


def test_every_listed_change_is_tried_or_left_out_by_name() -> None:
    left_out = [what for what, _, _ in VECTORS["reject"] if what in NOT_IMPLEMENTED]

    assert len(reject_cases()) + len(left_out) == len(VECTORS["reject"]) == 121
    assert len(reject_cases()) == 79


@pytest.mark.parametrize(("what", "offset", "mask"), reject_cases())
def test_a_listed_change_is_refused(what: str, offset: int, mask: int) -> None:
    kind, _, rest = what.partition(".")
    if kind == "files":
        refuse_changed_chunk(rest.partition(".")[0], offset, mask)
    elif kind == "packs":
        refuse_changed_shard(offset, mask)
    else:
        refuse_changed_wrap(offset, mask)


def changed(stored: str, offset: int, mask: int) -> bytearray:
    made = bytearray.fromhex(stored)
    made[offset] ^= mask
    return made


def refuse_changed_chunk(name: str, offset: int, mask: int) -> None:
    file = vectors.files()[name]
    chunk = file["chunks"][0]
    wrong, salt = changed(chunk["sealed"], offset, mask), bytes.fromhex(chunk["salt"])
    with pytest.raises(IntegrityError):
        chunks.open_whole(vectors.place(file, 0), vectors.file_key(file), USER_KEY, salt, wrong)
    with pytest.raises(IntegrityError):
        chunks.scavenge([USER_KEY], wrong)


def refuse_changed_shard(offset: int, mask: int) -> None:
    pack, entry, layout = vectors.layouts()[0]
    assert pack["name"] == "two_chunks"
    wrong = changed(entry["shards"][2]["object"], offset, mask)
    with pytest.raises(IntegrityError):
        shards.check_whole(USER_KEY, layout, 2, wrong)
    with pytest.raises(IntegrityError):
        shards.scrub(USER_KEY, wrong)


def refuse_changed_wrap(offset: int, mask: int) -> None:
    entry = VECTORS["wraps"][0]
    row = wrapping.Row(entry["purpose"].encode(), bytes.fromhex(entry["row"]))
    key = WrappingKey(entry["key_version"], bytes.fromhex(entry["key"]))
    with pytest.raises(IntegrityError):
        wrapping.unwrap(key, row, changed(entry["blob"], offset, mask))
