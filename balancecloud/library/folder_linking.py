"""Linking a folder of this server: below what is allowed, one of each person's own."""

import uuid
from dataclasses import replace
from pathlib import Path

from balancecloud.clouds.folder import allowed_path
from balancecloud.errors import AccessRefused, Invalid, LinkRefused, ProviderError
from balancecloud.library.account_rows import Linked, keep_account
from balancecloud.library.gateway import Gateway
from balancecloud.library.probing import Candidate, try_out

LONGEST_PATH = 1024


def link_folder(gateway: Gateway, user_id: uuid.UUID, path: str) -> Linked:
    """Make the person's own folder below `path`, try it out and link it; Invalid where it fails."""
    place = own_place(gateway, user_id, path)
    candidate = Candidate("folder", None, str(place))
    try:
        found = try_out(gateway.installation, gateway.clock, candidate)
    except (ProviderError, LinkRefused) as error:
        raise Invalid({"path": [error.sentence]}, error.sentence) from error
    # People see the name they gave, never where it lies on this server.
    named = replace(found, identity=replace(found.identity, address=place.parent.name))
    with gateway.sessions.begin() as session:
        return keep_account(session, gateway.keys, user_id, named)


def own_place(gateway: Gateway, user_id: uuid.UUID, path: str) -> Path:
    """Return the person's own folder below an allowed path, so that two people never share one.

    `path` is absolute, or a name below the first allowed folder.
    """
    if not path or len(path) > LONGEST_PATH:
        raise Invalid({"path": ["Enter the path of a folder."]})
    roots = gateway.installation.folder_roots
    # A bare name lies below the first folder that is allowed.
    wanted = Path(path) if Path(path).is_absolute() or not roots else roots[0] / path
    try:
        allowed = allowed_path(wanted, roots)
        return allowed_path(allowed / str(user_id), roots)
    except AccessRefused as error:
        raise Invalid({"path": [error.sentence]}, error.sentence) from error
