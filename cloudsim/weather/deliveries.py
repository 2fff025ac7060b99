"""From an effect on the body to the way its answer leaves."""

from dataclasses import replace

from cloudsim.weather.effects import (
    Effect,
    Endless,
    Flip,
    Garble,
    Lengthen,
    Shorten,
    Trickle,
    Truncate,
)
from cloudsim.wire.delivery import Delivery
from cloudsim.wire.messages import Response


def delivered(response: Response, effect: Effect | None, way: Delivery) -> Response:
    """Give the answer the way it leaves."""
    length = response.length
    if isinstance(effect, Truncate):
        way = replace(way, cut_at=_place(effect.at, length))
    elif isinstance(effect, Lengthen):
        way = replace(way, filler=effect.by, filler_told=effect.told)
    elif isinstance(effect, Endless):
        way = replace(way, endless=True)
    elif isinstance(effect, Flip) and length:
        way = replace(way, flip_at=effect.at % length)
    elif isinstance(effect, Trickle):
        way = replace(way, byte_pause_s=effect.pause_s, slow_head=effect.head)
    elif isinstance(effect, Garble) and effect.form == "huge":
        way = replace(way, filler=effect.size)
    elif isinstance(effect, Shorten):
        response = _shortened(response, _place(effect.at, length))
    return replace(response, delivery=way)


def _place(at: int | None, length: int) -> int:
    """Find a place in the body: half of it unless one is named, below 0 from its end."""
    if at is None:
        return length // 2
    return max(0, min(at if at >= 0 else length + at, length))


def _shortened(response: Response, length: int) -> Response:
    if response.file is None:
        return replace(response, body=response.body[:length])
    return replace(response, file=replace(response.file, length=length))
