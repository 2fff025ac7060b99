"""What may lie in a trash."""

import uuid
from dataclasses import replace

from balancecloud.library.past_views import TrashEntry, TrashPage
from tests.web.pages.account_samples import at
from tests.web.pages.samples import MIB


def trashed(number: int, name: str, folder: str, **values: object) -> TrashEntry:
    entry = TrashEntry(
        uuid.UUID(int=700 + number),
        name,
        is_folder=False,
        mime_type="image/jpeg",
        size=3 * MIB,
        folder=folder,
        trashed_at=at(days=number),
        removed_at=at(days=number - 30),
    )
    return replace(entry, **values)  # type: ignore[arg-type]


TRASH = TrashPage(
    (
        trashed(0, "Lisbon 2019", "/Photos/Travel", is_folder=True, mime_type=None, size=0),
        trashed(1, "ferry.jpg", "/Photos/Travel"),
        trashed(
            3,
            "scan-of-a-letter-that-somebody-once-wrote-about-the-house-by-the-sea.pdf",
            "/",
            mime_type="application/pdf",
        ),
    ),
    3,
    1,
    100,
)
NO_TRASH = TrashPage((), 0, 1, 100)
