"""The storage pages with realistic values: usage, map, what if, less protected, where."""

import uuid
from dataclasses import replace
from typing import Final

from balancecloud.library.shortfalls import Plan, Shortfall, Shortfalls
from balancecloud.library.storage_map import MapRow, StorageMap
from balancecloud.library.version_names import Called
from balancecloud.library.views import NodeView
from balancecloud.library.what_if import Fates, Harmed, Tally, WhatIf
from balancecloud.library.whereabouts import ChunkLine, ShardLine, Whereabouts
from tests.web.pages import account_samples as states
from tests.web.pages import samples
from tests.web.pages.account_pages import NOTHING, STATES_USAGE

GB: Final = 10**9
LONG: Final = "/Photos/Travel/a-very-long-name-without-any-place-to-break-it-in-two-pieces.tar.zst"


def map_row(number: int, node: NodeView) -> MapRow:
    """Return a row whose shares differ from account to account, one of them without any."""
    shares = {one.id: (number + place) % 4 * GB for place, one in enumerate(states.ACCOUNTS)}
    return MapRow(node, number != 3, number * 12, number * GB, shares)


def called(path: str, number: int | None = None, *, is_trashed: bool = False) -> Called:
    return Called(uuid.UUID(int=98), path, number, is_trashed)


def short(path: str, plan: Plan, survives: int = 0, job_id: uuid.UUID | None = None) -> Shortfall:
    return Shortfall(called(path), 1_887_436, survives, plan, ("Work Drive",), job_id, None)


SHORT: Final = Shortfalls(
    2,
    1,
    (
        short("/Photos/a.jpg", "lost"),
        short("/Photos/b.jpg", "away", 1),
        short(LONG, "repairing", 1, uuid.UUID(int=77)),
        short("/notes.md", "given_up"),
        short("/tax-return-2025.pdf", "few_accounts"),
        short("/song.mp3", "soon"),
    ),
    142,
    1,
)
MAP: Final = StorageMap(
    samples.FOLDER_PAGE,
    states.ACCOUNTS,
    tuple(map_row(number, node) for number, node in enumerate(samples.NODES)),
)
ASKED: Final = WhatIf(states.ACCOUNTS, (), ((states.GOOGLE, states.FOLDER),))
LOSING: Final = replace(
    ASKED,
    chosen=(states.GOOGLE, states.ONEDRIVE),
    files=Fates(Tally(900, 40 * GB), Tally(280, 3 * GB), Tally(24, GB)),
    old=Fates(Tally(12, GB), Tally(3, GB), Tally(1, GB)),
    trash=Fates(Tally(4, GB)),
    on_server=Tally(2, GB),
    gone_already=Tally(1, GB),
    harmed=(
        Harmed(called(LONG), 1_887_436),
        Harmed(called("/notes.md", 2), 14_336),
        Harmed(called("/old.txt", is_trashed=True), 12),
    ),
    harmed_count=132,
)
KEEPING: Final = replace(
    ASKED,
    chosen=(states.ONEDRIVE,),
    files=Fates(Tally(1204, 44 * GB)),
    fate="less",
)
LINES: Final = tuple(
    ChunkLine(
        index,
        10 << 20,
        2,
        1,
        7 if index == 3 else 0,
        tuple(
            ShardLine(
                one.label,
                one.color,
                place != 2,
                "stored" if place else "failed",
                3 - place,
                states.at(hours=3) if place else None,
                states.at(hours=1) if place == 1 else None,
            )
            for place, one in enumerate(states.ACCOUNTS[:3])
        ),
    )
    for index in range(50)
)
WHERE: Final = Whereabouts(
    1, 1, 0, samples.PANORAMA.size, "stored", samples.chunk_map(73, 146, 200), states.NOW, 146,
    LINES, 1,
)  # fmt: skip
SEALED: Final = replace(
    WHERE, survives=0, chunk_map=None, checked_at=None, placed=0, lines=(), state="waiting"
)


def where(found: Whereabouts) -> tuple[str, dict[str, object]]:
    return "storage/where.html", {
        "node": samples.PANORAMA,
        "found": found,
        "crumbs": samples.CRUMBS,
    }


STORAGE_PAGES: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "storage": ("storage/usage.html", {"usage": samples.USAGE}),
    "storage-less": ("storage/usage.html", {"usage": samples.LESS_PROTECTED}),
    "storage-none": ("storage/usage.html", NOTHING),
    "storage-states": ("storage/usage.html", {"usage": STATES_USAGE}),
    "map": ("storage/map.html", {"map": MAP}),
    "map-none": ("storage/map.html", {"map": StorageMap(samples.EMPTY_ROOT, (), ())}),
    "what-if": ("storage/what_if.html", {"found": ASKED}),
    "what-if-none": ("storage/what_if.html", {"found": WhatIf((), (), ())}),
    "what-if-keeping": ("storage/what_if.html", {"found": KEEPING}),
    "what-if-large": ("storage/what_if.html", {"found": replace(KEEPING, is_too_large=True)}),
    "what-if-losing": ("storage/what_if.html", {"found": LOSING}),
    "less-none": ("storage/less_protected.html", {"found": Shortfalls(1, 1, (), 0, 1)}),
    "less": ("storage/less_protected.html", {"found": SHORT}),
    "where-less": where(replace(WHERE, protection=2, unreadable=0)),
    "where-unreadable": where(replace(WHERE, unreadable=3, state="unreadable")),
    "where-sealed": where(SEALED),
    "where-open": where(replace(WHERE, page=2)),
    "where": where(WHERE),
}
