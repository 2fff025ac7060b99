"""The known answers of the start: given by a sound library, missed by a broken one."""

import pytest

from balancecloud.crypto import primitives, selftest
from balancecloud.crypto.primitives import Buffer, Gcm
from tests.crypto.refusals import refused


def test_a_sound_library_passes() -> None:
    selftest.run()


def test_a_wrong_hash_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primitives, "NAMESPACE", b"balancecloud/v2/")

    with refused("self test"):
        selftest.run()


def test_a_cipher_that_accepts_every_tag_fails_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(cipher: Gcm, nonce: bytes, associated: bytes, sealed: Buffer, cause: str) -> bytes:
        return cipher.encrypt(nonce, b"", bytes(sealed[:-16]))[:-16]  # counter mode, tag ignored

    monkeypatch.setattr(Gcm, "decrypt", careless)

    with refused("self test"):
        selftest.run()
