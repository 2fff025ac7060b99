"""The pages for people, drawn from the templates beside this file."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent / "templates"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def render(template: str, **values: object) -> str:
    """Fill the template with its values, escaped for HTML."""
    return _ENVIRONMENT.get_template(template).render(values)


def stylesheet() -> bytes:
    return (_FOLDER / "style.css").read_bytes()
