"""What people type into forms, as values. The CSRF token was checked before a view runs."""

from flask import request


def text(name: str) -> str:
    """Return a field as typed; empty when it is not there."""
    return request.form.get(name, "")


def line(name: str) -> str:
    """Return a field without the white space around it."""
    return text(name).strip()
