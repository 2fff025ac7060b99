"""The pages of cloud accounts with realistic values."""

import uuid
from dataclasses import replace
from typing import Final

from balancecloud.library.account_rows import Met, OtherAccount
from balancecloud.library.views import LinkProposal, ProviderOffer, UnlinkEffect
from tests.web.pages import account_samples as states
from tests.web.pages import samples

GOOGLE = ProviderOffer(
    "google_drive", "Google Drive", True, True, "We ask Google for access to files we make.", True
)
ONEDRIVE = ProviderOffer(
    "onedrive", "OneDrive", True, False, "We ask Microsoft.", False, "No client is set up here."
)
FOLDER = ProviderOffer("folder", "Folder", False, False, "Shards are kept in a folder.", True)
PROPOSAL = LinkProposal(
    uuid.uuid4(), "google_drive", "Google Drive", "anna@gmail.example", "Anna", None
)
OTHER = OtherAccount(states.WORK.id, Met("ben@gmail.example", None), "anna@gmail.example")
OTHER_LINKED = OtherAccount(states.WORK.id, Met(None, "Google Drive 2"), None)
STATES_USAGE = replace(samples.USAGE, accounts=states.EVERY)
NOTHING: dict[str, object] = {"usage": samples.NO_USAGE, "running_jobs": ()}

EFFECT = UnlinkEffect(states.GOOGLE, 402, ("/Photos/Travel/a.jpg", "/notes.md"), 25, 130)

ACCOUNT_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "clouds": (
        "clouds/list.html",
        {"accounts": states.ACCOUNTS, "offers": (GOOGLE, ONEDRIVE, FOLDER)},
    ),
    "clouds-none": (
        "clouds/list.html",
        {"accounts": (), "offers": (GOOGLE, FOLDER), "simulated": False, **NOTHING},
    ),
    "clouds-states": (
        "clouds/list.html",
        {"accounts": states.EVERY, "offers": (GOOGLE, FOLDER), "usage": STATES_USAGE},
    ),
    "clouds-full": (
        "clouds/list.html",
        {"accounts": (states.FULL_ALONE,), "offers": (GOOGLE, FOLDER)},
    ),
    "account-sign-in": ("clouds/sign_in.html", {"account": states.WORK, "offer": GOOGLE}),
    "account-sign-in-early": ("clouds/sign_in.html", {"account": states.ENDING, "offer": GOOGLE}),
    "account-other-wrong": ("clouds/other_account.html", {"offer": GOOGLE, "refused": OTHER}),
    "account-other-linked-wrong": (
        "clouds/other_account.html",
        {"offer": GOOGLE, "refused": OTHER_LINKED},
    ),
    "account-continue": (
        "clouds/continue.html",
        {"offer": GOOGLE, "account": states.WORK, "oauth_url": "http://localhost:9/o?state=x"},
    ),
    "link": ("clouds/link.html", {"offer": GOOGLE, "errors": {}, "values": {}, "folder_roots": ()}),
    "link-folder": (
        "clouds/link.html",
        {
            "offer": FOLDER,
            "errors": {},
            "values": {"path": ""},
            "folder_roots": ("/srv/shards", "/mnt"),
        },
    ),
    "link-folder-wrong": (
        "clouds/link.html",
        {
            "offer": FOLDER,
            "errors": {"path": ["Not allowed."]},
            "values": {"path": "/etc"},
            "folder_roots": ("/srv",),
        },
    ),
    "link-refused": (
        "clouds/link.html",
        {"offer": GOOGLE, "errors": {"provider": ["Not now."]}, "values": {}, "folder_roots": ()},
    ),
    "continue": (
        "clouds/continue.html",
        {"offer": GOOGLE, "oauth_url": "http://localhost:9/o?state=x&y=z"},
    ),
    "confirm": ("clouds/confirm.html", {"proposal": PROPOSAL}),
    "confirm-again": ("clouds/confirm.html", {"proposal": replace(PROPOSAL, relinks=states.WORK)}),
    "confirm-same": (
        "clouds/confirm.html",
        {"proposal": replace(PROPOSAL, relinks=states.WORK, signs_in=True)},
    ),
    "link-failed": (
        "clouds/link_failed.html",
        {"offer": GOOGLE, "reason": "You did not allow what we ask for."},
    ),
    "unlink": ("clouds/unlink.html", {"effect": EFFECT, "errors": {}}),
    "unlink-wrong": (
        "clouds/unlink.html",
        {"effect": EFFECT, "errors": {"confirm": ["That is not its name."]}},
    ),
    "unlink-empty": ("clouds/unlink.html", {"effect": replace(EFFECT, shards=0), "errors": {}}),
}
