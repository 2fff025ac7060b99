"""Ids of items, in the form each kind of account uses."""

import base64
import secrets

from cloudsim.store.accounts import Account


def new_item_id(account: Account) -> str:
    """Make an id nobody can guess; a personal one carries its drive and a `!`."""
    if account.is_work:
        return "01" + base64.b32encode(secrets.token_bytes(20)).decode()
    return f"{account.drive_id.upper()}!s{secrets.token_hex(16)}"
