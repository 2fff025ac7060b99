"""Places, keys and contents for properties: small frames, so that each case has many of them."""

from hypothesis import strategies as st

from balancecloud.crypto.keys import UserKey
from balancecloud.crypto.places import Place

USER, OTHER_USER = bytes(range(16)), bytes(range(16, 32))
FILE, OTHER_FILE = bytes(range(32, 48)), bytes(range(48, 64))
FILE_KEY, OTHER_FILE_KEY = bytes([7]) * 32, bytes([8]) * 32
USER_KEY = UserKey(USER, 1, bytes([1]) * 32)
NEXT_USER_KEY = UserKey(USER, 2, bytes([2]) * 32)
OTHER_USER_KEY = UserKey(OTHER_USER, 1, bytes([3]) * 32)


def place(file_size: int, index: int = 0, chunk_size: int = 1024, *, pad: bool = True) -> Place:
    return Place(USER, FILE, 1, index, file_size, chunk_size, 8, pad)


def content(length: int) -> bytes:
    """Bytes that count, so that a wrong offset shows."""
    return b"".join(number.to_bytes(4) for number in range(length // 4 + 1))[:length]


@st.composite
def places(draw: st.DrawFn) -> Place:
    """Any possible place of a small file."""
    chunk_size = 256 * draw(st.integers(1, 6))
    file_size = draw(st.integers(0, 4000))
    total = max(1, -(-file_size // chunk_size))
    index = draw(st.integers(0, total - 1))
    version = draw(st.integers(1, 2**63 - 1))
    return Place(USER, FILE, version, index, file_size, chunk_size, 8, draw(st.booleans()))
