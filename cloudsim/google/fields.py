"""The fields parameter: which parts of an answer are wanted."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from cloudsim.google.refusals import refusal

# A mask names fields with the masks below them; an empty one means all that is there.
Mask = Mapping[str, "Mask"]

_TOKEN = re.compile(r"[A-Za-z0-9_]+|[*,/()]")


@lru_cache(maxsize=256)  # a client asks for the same again and again
def read_mask(text: str, known: frozenset[str]) -> Mask:
    """Parse a mask such as `id,files(id,name),user/displayName`; a name nobody knows is refused."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text) or not tokens:
        raise _invalid(text)
    rest = iter([*tokens, ")"])
    try:
        mask = _read_list(rest, text)
    except StopIteration as error:
        raise _invalid(text) from error
    if next(rest, None) is not None:
        raise _invalid(text)
    for name in mask:
        if name != "*" and name not in known:
            raise _invalid(name)
    return mask


def _read_list(tokens: Iterator[str], text: str) -> Mask:
    mask: dict[str, Mask] = {}
    while True:
        name = next(tokens)
        if name in ",/()":
            raise _invalid(text)
        path = [name]
        after = next(tokens)
        while after == "/":
            path.append(next(tokens))
            after = next(tokens)
        below: Mask = {}
        if after == "(":
            below = _read_list(tokens, text)
            after = next(tokens)
        _merge(mask, path, below)
        if after == ")":
            return mask
        if after != ",":
            raise _invalid(text)


def _merge(mask: dict[str, Mask], path: list[str], below: Mask) -> None:
    for name in reversed(path[1:]):
        below = {name: below}
    if path[0] in mask and mask[path[0]] and below:
        below = {**mask[path[0]], **below}
    mask[path[0]] = below


def apply_mask(value: Any, mask: Mask) -> Any:
    """Pick the wanted parts of a JSON value."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [apply_mask(one, mask) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: apply_mask(value[name], below) for name, below in mask.items() if name in value}


def _invalid(what: str) -> Exception:
    return refusal(
        400, "invalidParameter", f"Invalid field selection {what}", ("parameter", "fields")
    )
