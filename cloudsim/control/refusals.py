"""Errors of the control interface."""

from cloudsim.routing import Refusal
from cloudsim.wire.messages import json_response


def refused(status: int, sentence: str) -> Refusal:
    return Refusal(json_response({"error": sentence}, status))
