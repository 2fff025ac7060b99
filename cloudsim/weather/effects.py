"""What a rule does to the call it hits: one of these values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """Another answer: a provider's error by its reason, or any body; after: what was sent is done.

    Without a body, the error is in the provider's own envelope; an empty reason leaves it empty.
    """

    status: int
    reason: str = ""
    message: str = ""
    inner: str = ""  # the detail inside some of Microsoft's errors
    body: str | None = None
    content_type: str = "text/html; charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None
    retry_after_as_date: bool = False
    when: Literal["before", "after"] = "before"


@dataclass(frozen=True)
class Delay:
    """The call waits before anything is done."""

    seconds: float
    jitter_s: float = 0.0


@dataclass(frozen=True)
class Drop:
    """The connection ends without an answer.

    at_once: before the body is read; before: after it was read, and nothing is kept;
    after: all is done, and only the answer is lost.
    """

    when: Literal["at_once", "before", "after"] = "before"


@dataclass(frozen=True)
class CutUpload:
    """The request's body breaks off, as when a connection is lost while sending."""

    at: int  # bytes that arrive; what the protocol keeps of them is kept


@dataclass(frozen=True)
class Truncate:
    """The connection is cut within the body; its announced length was right."""

    at: int | None = (
        None  # bytes that still come; None is half of them, below 0 counts from the end
    )


@dataclass(frozen=True)
class Shorten:
    """The body ends early, and the announced length says so too."""

    at: int | None = None


@dataclass(frozen=True)
class Lengthen:
    """More bytes than there are; told: the announced length counts them."""

    by: int = 1
    told: bool = True


@dataclass(frozen=True)
class Endless:
    """A body without an announced length that never ends."""


@dataclass(frozen=True)
class Flip:
    """One bit of the body is another on the way; what is stored stays right."""

    at: int = 0


@dataclass(frozen=True)
class Trickle:
    """The answer comes byte by byte."""

    pause_s: float = 1.0
    head: bool = False  # its head too


@dataclass(frozen=True)
class Garble:
    """A body that is not what it should be; the call is done."""

    form: Literal["garbage", "empty", "array", "nulls", "deep", "huge"] = "garbage"
    size: int = 64 << 20  # of a huge one


@dataclass(frozen=True)
class KeepLess:
    """Of a part of an upload the cloud keeps less than was sent; None: nothing of the upload."""

    by: int | None = None


@dataclass(frozen=True)
class Pages:
    """A list's next page cannot be had: its token is no token, too old, loops, leads elsewhere."""

    form: Literal["malformed", "expired", "loop", "elsewhere"] = "malformed"
    to: str = "http://192.0.2.1/"


@dataclass(frozen=True)
class Redirect:
    """Addresses in the answer lead somewhere else; an answer without one becomes a redirect."""

    to: str
    status: int = 302


@dataclass(frozen=True)
class Lie:
    """The answer says something false of an object."""

    about: Literal["hash", "no_hash", "size"] = "hash"


@dataclass(frozen=True)
class Damage:
    """The object just made is damaged where it lies, and its reported hashes look right."""

    at: int = 0


@dataclass(frozen=True)
class Twin:
    """The object just made at Google exists twice, under two ids."""


@dataclass(frozen=True)
class Repeat:
    """Every entry of a list comes twice."""


@dataclass(frozen=True)
class Act:
    """Something happens behind the caller's back just before the call is looked at."""

    act: Literal["expire_access", "revoke", "rotate_away", "forget_session", "delete", "trash"]


Effect = (
    Answer | Delay | Drop | CutUpload | Truncate | Shorten | Lengthen | Endless | Flip | Trickle
    | Garble | KeepLess | Pages | Redirect | Lie | Damage | Twin | Repeat | Act
)  # fmt: skip

KINDS: Mapping[str, type[Effect]] = {
    "answer": Answer,
    "delay": Delay,
    "drop": Drop,
    "cut_upload": CutUpload,
    "truncate": Truncate,
    "shorten": Shorten,
    "lengthen": Lengthen,
    "endless": Endless,
    "flip": Flip,
    "trickle": Trickle,
    "garble": Garble,
    "keep_less": KeepLess,
    "pages": Pages,
    "redirect": Redirect,
    "lie": Lie,
    "damage": Damage,
    "twin": Twin,
    "repeat": Repeat,
    "act": Act,
}
NAMES: Mapping[type[Effect], str] = {kind: name for name, kind in KINDS.items()}
