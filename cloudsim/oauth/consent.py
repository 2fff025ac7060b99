"""The consent page: who signs in, what is asked for, approve or deny."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudsim.pages import render
from cloudsim.settings import Services
from cloudsim.store.accounts import Provider, is_work
from cloudsim.wire.messages import Params, Response, html_response


@dataclass(frozen=True)
class AskedScope:
    """A scope with its sentence."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Question:
    """What the page asks."""

    provider: Provider
    client: str
    action: str  # where the form goes: the query of the very address that was called
    scopes: Sequence[AskedScope]
    may_untick: bool
    hint: str  # the person to preselect
    kind: str = "any"  # "any", "work" or "personal" people
    problem: str = ""


@dataclass(frozen=True)
class Choice:
    """One person on the page."""

    address: str
    name: str
    usage: str
    chosen: bool


def consent_page(services: Services, question: Question) -> Response:
    """Draw the question with everybody who could answer it."""
    used = {
        account.person.address: account
        for account in services.accounts.all()
        if account.provider == question.provider
    }
    people = [one for one in services.accounts.people() if _fits(question.kind, one.address)]
    addresses = [one.address for one in people]
    chosen = question.hint if question.hint in addresses else "".join(addresses[:1])
    choices = [
        Choice(
            one.address, one.name,
            _usage(used[one.address].used, used[one.address].quota) if one.address in used
            else "no drive yet; 15 GB on first use",
            one.address == chosen,
        )
        for one in people
    ]  # fmt: skip
    return html_response(
        render("consent.html", question=question, choices=choices, name=BRANDS[question.provider]),
        400 if question.problem else 200,
    )


BRANDS = {"google": ("Google Drive", "Google"), "microsoft": ("OneDrive", "Microsoft")}


def problem_page(provider: Provider, code: str, sentence: str) -> Response:
    """Show a misconfiguration at the provider; it is never sent along a redirect."""
    page = render("problem.html", name=BRANDS[provider], code=code, sentence=sentence)
    return html_response(page, 400)


def picked_person(form: Params) -> str:
    """Take the address typed in, else the one picked."""
    return (form.get("new_person").strip() or form.get("person")).lower()


def _fits(kind: str, address: str) -> bool:
    return kind == "any" or (kind == "work") == is_work(address)


def _usage(used: int, quota: int | None) -> str:
    return f"{size_text(used)} used of {'unlimited' if quota is None else size_text(quota)}"


def size_text(size_bytes: int) -> str:
    """Write a size for people, with one decimal above a kilobyte."""
    size = float(size_bytes)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
