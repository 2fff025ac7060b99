"""Uploads in parts of which the cloud keeps less than it was sent."""

import json
from dataclasses import replace

from cloudsim.google.sessions import GRANULE as GOOGLE_GRANULE
from cloudsim.microsoft.sessions import GRANULE as MICROSOFT_GRANULE
from cloudsim.routing import Call, Route
from cloudsim.weather.effects import KeepLess
from cloudsim.weather.errors import read_object
from cloudsim.weather.routes import upload_id
from cloudsim.wire.messages import Response


def keep_less(route: Route, call: Call, effect: KeepLess, response: Response) -> Response:
    """Let the session truly hold less, and its answer say so; a finished upload stays whole."""
    upload = call.services.uploads.find(upload_id(route, call))
    if response.status not in {202, 308} or upload is None:
        return response
    granule = GOOGLE_GRANULE if route.provider == "google" else MICROSOFT_GRANULE
    kept = 0 if effect.by is None else max(0, upload.received - effect.by)
    kept -= kept % granule
    call.services.uploads.note_received(upload.id, kept, upload.total)
    if response.status == 308:
        headers = [pair for pair in response.headers if pair[0] != "Range"]
        headers += [("Range", f"bytes=0-{kept - 1}")] if kept else []
        return replace(response, headers=tuple(headers))
    told = {**(read_object(response) or {}), "nextExpectedRanges": [f"{kept}-"]}
    return replace(response, body=json.dumps(told).encode())
