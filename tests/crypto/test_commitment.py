"""C-10: a ciphertext made to open under two keys, which AES-GCM alone cannot notice."""

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from balancecloud.crypto import chunks
from balancecloud.crypto.frames import FrameCipher
from balancecloud.crypto.primitives import Gcm, hkdf
from tests.crypto.refusals import refused
from tests.crypto.samples import FILE_KEY, OTHER_FILE_KEY, USER_KEY, place

PLACE = place(32, pad=False)
SALT = bytes(range(32))
NONCE_TAIL = bytes(4) + b"\1"  # frame 0, and the last
REDUCTION = 0xE1 << 120


def times(one: int, other: int) -> int:
    """Multiply in the field of GHASH, whose bits run from the left."""
    product = 0
    for shift in range(127, -1, -1):
        if other >> shift & 1:
            product ^= one
        one = (one >> 1) ^ (REDUCTION if one & 1 else 0)
    return product


def inverse(value: int) -> int:
    """Raise to the power 2^128 - 2."""
    result = 1 << 127
    for _ in range(127):
        value = times(value, value)
        result = times(result, value)
    return result


def frame_secret(file_key: bytes) -> bytes:
    bind = PLACE.common(USER_KEY.epoch).encode() + USER_KEY.keyid
    return hkdf(file_key, SALT, b"chunk" + bind + PLACE.context(), 71)


def hash_key(secret: bytes) -> int:
    encryptor = Cipher(AES(secret[:32]), ECB()).encryptor()
    return int.from_bytes(encryptor.update(bytes(16)))


def tag_of(secret: bytes, associated: bytes, ciphertext: bytes) -> bytes:
    """The tag that makes this ciphertext valid under this key."""
    cipher, nonce = Gcm(secret[:32]), secret[32:39] + NONCE_TAIL
    keystream = cipher.encrypt(nonce, b"", bytes(len(ciphertext)))[: len(ciphertext)]
    plaintext = bytes(a ^ b for a, b in zip(keystream, ciphertext, strict=True))
    return cipher.encrypt(nonce, associated, plaintext)[-16:]


def collide(one: bytes, other: bytes, associated: bytes) -> bytes:
    """Two blocks and a tag that are valid under both keys.

    The second block enters the tag as its product with the square of the hash key, so one linear
    equation makes both tags equal.
    """
    first = b"any first block."
    differing = int.from_bytes(tag_of(one, associated, first + bytes(16))) ^ int.from_bytes(
        tag_of(other, associated, first + bytes(16))
    )
    squares = [times(key, key) for key in (hash_key(one), hash_key(other))]
    second = times(differing, inverse(squares[0] ^ squares[1])).to_bytes(16)
    return first + second + tag_of(one, associated, first + second)


def test_c_10_a_frame_that_opens_under_two_keys_is_refused_by_the_commitment() -> None:
    one, other = frame_secret(FILE_KEY), frame_secret(OTHER_FILE_KEY)
    header = chunks._derive(PLACE, FILE_KEY, USER_KEY, SALT).header
    associated = header + PLACE.context()
    body = collide(one, other, associated)
    opened = [
        FrameCipher(secret[:39], associated, 8).open_run(0, body, ends=True)
        for secret in (one, other)
    ]

    chunk = header + body

    assert opened[0] != opened[1]  # the attack works on frames alone
    assert chunks.open_whole(PLACE, FILE_KEY, USER_KEY, SALT, chunk) == opened[0]
    with refused("commitment"):
        chunks.open_whole(PLACE, OTHER_FILE_KEY, USER_KEY, SALT, chunk)
