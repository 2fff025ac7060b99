"""Values as real pages would show them, for rendering every template in every state."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from balancecloud.library.past_views import VersionView
from balancecloud.library.rearranging import Places
from balancecloud.library.usage_views import Usage
from balancecloud.library.views import (
    AccountShare,
    AccountView,
    ChunkCounts,
    ChunkMap,
    Crumb,
    FileCounts,
    FolderPage,
    Happening,
    JobDetail,
    JobError,
    JobFile,
    JobView,
    Lane,
    LaneCell,
    LaneProgress,
    NodeView,
    Progress,
    ShardCounts,
    SpeedSample,
    Stages,
)
from tests.web.pages import where_samples
from tests.web.pages.account_samples import (
    ACCOUNTS,
    FOLDER,
    GIB,
    GOOGLE,
    NOW,
    ONEDRIVE,
    WORK,
    at,
)

USER = uuid.UUID(int=1)
MIB = 1 << 20


def share(account: AccountView, count: int) -> AccountShare:
    return AccountShare(account.id, account.label, account.provider, account.color, count)


def node(number: int, name: str, **values: object) -> NodeView:
    made = NodeView(
        id=uuid.UUID(int=200 + number),
        user_id=USER,
        name=name,
        path=f"/Photos/Travel/{name}",
        size=0,
        mime_type=None,
        is_folder=False,
        parent_id=uuid.UUID(int=298),
        state="stored",
        version=1,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        created_at=at(days=8),
        updated_at=at(minutes=12),
    )
    return replace(made, **values)  # type: ignore[arg-type]


TRAVEL = node(98, "Travel", path="/Photos/Travel", is_folder=True, version=None, sha256=None)
PANORAMA = node(
    4,
    "harbour-panorama.tif",
    size=218 * MIB,
    mime_type="image/tiff",
    updated_at=at(minutes=8),
    shares=(share(GOOGLE, 120), share(WORK, 140)),
)
NODES = (
    node(
        1,
        "Lisbon 2026",
        is_folder=True,
        version=None,
        item_count=142,
        shares=(share(GOOGLE, 30), share(ONEDRIVE, 30), share(WORK, 31)),
    ),
    node(2, "Contracts", is_folder=True, version=None, item_count=1, updated_at=at(days=1)),
    node(
        3,
        "ferry-crossing.mov",
        size=1_524_713_390,
        mime_type="video/quicktime",
        version=2,
        state="storing",
        updated_at=at(minutes=1),
        shares=(share(GOOGLE, 28), share(ONEDRIVE, 24), share(WORK, 26), share(FOLDER, 22)),
    ),
    PANORAMA,
    node(
        5,
        "site-backup-2026-11-16-with-a-very-long-name-nobody-would-ever-read.tar.zst",
        size=8_632_000_000,
        mime_type="application/zstd",
        state="degraded",
        updated_at=at(days=6),
        shares=(share(GOOGLE, 3), share(FOLDER, 4)),
    ),
    node(
        6,
        "tax-return-2025.pdf",
        size=1_887_436,
        mime_type="application/pdf",
        version=5,
        updated_at=datetime(2026, 11, 3, 9, 0, tzinfo=UTC),
        shares=(share(ONEDRIVE, 1), share(FOLDER, 1)),
    ),
    node(
        7,
        "field-notes.md",
        size=14_336,
        mime_type="text/markdown",
        version=12,
        state="waiting",
        updated_at=datetime(2026, 10, 28, 9, 0, tzinfo=UTC),
    ),
    node(8, "broken.iso", size=700 * MIB, state="failed", error_code="object_differs"),
    node(9, "empty.txt", size=0, mime_type="text/plain"),
)
CRUMBS = (Crumb(uuid.UUID(int=297), "Photos"), Crumb(TRAVEL.id, "Travel"))
VERSIONS = tuple(
    VersionView(
        number=number,
        size=218 * MIB - number,
        state=state,
        mime_type="image/tiff",
        sha256=None,
        created_at=at(days=5 - number),
        is_current=number == 3,
        can_be_current=number < 3,
        can_be_deleted=number < 3,
    )
    for number, state in ((4, "storing"), (3, "stored"), (2, "stored"), (1, "degraded"))
)
PLACES = Places(
    (replace(PANORAMA, parent_id=None),),
    TRAVEL,
    CRUMBS,
    tuple(
        Crumb(uuid.UUID(int=300 + number), name)
        for number, name in enumerate(
            (
                "Contracts",
                "Lisbon 2026",
                "Scans-of-everything-that-came-by-post-in-the-last-ten-years",
            )
        )
    ),
)
NO_PLACES = Places((PANORAMA,), TRAVEL, CRUMBS, ())
SEVERAL_PLACES = replace(PLACES, nodes=(NODES[1], PANORAMA, NODES[6]))
FOLDER_PAGE = FolderPage(TRAVEL, CRUMBS, NODES, len(NODES), 1, 100)
EMPTY_ROOT = FolderPage(None, (), (), 0, 1, 100)
EMPTY_FOLDER = FolderPage(TRAVEL, CRUMBS, (), 0, 1, 100)
HUNDRED = tuple(
    replace(NODES[2 + number % 4], id=uuid.UUID(int=1000 + number), name=f"picture {number}.raw")
    for number in range(100)
)
FULL_PAGE = FolderPage(TRAVEL, CRUMBS, HUNDRED, 342, 2, 100)


USAGE = Usage(44_882_000_000, 1_000_000_000, 100 * GIB, 1204, ACCOUNTS, 0, 1)
LESS_PROTECTED = replace(
    USAGE, less_protected=12, total_bytes=None, repair_job_id=uuid.UUID(int=77)
)
NO_USAGE = Usage(0, 0, None, 0, (), 0)


# --- jobs -------------------------------------------------------------------------------------


def progress(stages: Stages, **values: object) -> Progress:
    made = Progress(
        run="k3",
        seq=412,
        bytes=stages,
        files=FileCounts(5, 2, 0, 0),
        shards=ShardCounts(489, 310, 306, 3),
        accounts=(
            LaneProgress(GOOGLE.id, "healthy", None, 96, 123, 8_283_750),
            LaneProgress(ONEDRIVE.id, "slowed", at(seconds=-12), 50, 122, 0),
            LaneProgress(WORK.id, "healthy", None, 84, 122, 5_452_595),
            LaneProgress(FOLDER.id, "healthy", None, 80, 122, 3_250_585),
        ),
        rate_in=25_270_681,
        rate_out=16_986_931,
        eta_seconds=118,
        eta_kind="estimate",
        chunks=ChunkCounts(163, 121),
    )
    return replace(made, **values)  # type: ignore[arg-type]


STAGES = Stages(2_222_981_120, 1_845_074_329, 1_645_006_028, 1_400_478_105)
RUNNING = JobView(
    id=uuid.UUID(int=700),
    kind="store",
    title="Uploading 5 files to Travel",
    state="running",
    source="web",
    created_at=at(minutes=3),
    started_at=at(minutes=3),
    finished_at=None,
    error=None,
    progress=progress(STAGES),
)
WHOLE = Stages(STAGES.total, STAGES.total, STAGES.total, STAGES.total)
DONE = replace(
    RUNNING,
    id=uuid.UUID(int=701),
    state="done",
    finished_at=at(seconds=10),
    progress=progress(
        WHOLE,
        files=FileCounts(5, 5, 0, 0),
        shards=ShardCounts(489, 489, 489, 3),
        chunks=ChunkCounts(163, 163),
        accounts=tuple(
            LaneProgress(account.id, "healthy", None, count, count, 0)
            for account, count in ((GOOGLE, 123), (ONEDRIVE, 122), (WORK, 122), (FOLDER, 122))
        ),
        eta_seconds=None,
        rate_in=0,
        rate_out=0,
    ),
)
PARTLY = replace(
    DONE,
    id=uuid.UUID(int=702),
    progress=replace(
        DONE.progress,
        # Of broken.iso 300 of 700 MiB were sealed, and 120 stored.
        bytes=replace(WHOLE, sealed=WHOLE.total - 400 * MIB, stored=WHOLE.total - 580 * MIB),
        files=FileCounts(5, 4, 1, 0),
        shards=ShardCounts(489, 315, 315, 3),
        chunks=ChunkCounts(163, 123),
    ),
)
WAITING = replace(
    RUNNING,
    id=uuid.UUID(int=703),
    title="Uploading notes.txt to All files",
    state="queued",
    started_at=None,
    progress=progress(
        Stages(14_336, 14_336, 0, 0),
        files=FileCounts(1, 0, 0, 0),
        shards=ShardCounts(),
        chunks=ChunkCounts(1, 0),
        accounts=(),
        eta_seconds=None,
        eta_kind="waiting",
        rate_in=0,
        rate_out=0,
    ),
)
FAILED = replace(
    RUNNING,
    id=uuid.UUID(int=704),
    title="Uploading broken.iso to Travel",
    state="failed",
    finished_at=at(minutes=1),
    error=JobError("object_differs", "Other bytes lie where a shard should be."),
)
DELETING = replace(
    WAITING,
    id=uuid.UUID(int=705),
    kind="delete",
    title="Deleting Lisbon 2025",
    state="running",
    progress=progress(
        Stages(),
        files=FileCounts(),
        shards=ShardCounts(48, 12, 0, 0),
        accounts=(),
        eta_seconds=None,
    ),
)
RETRYING = replace(RUNNING, id=uuid.UUID(int=706), state="retrying")
PAUSED = replace(RUNNING, id=uuid.UUID(int=710), state="paused")
CANCELLED = replace(RUNNING, id=uuid.UUID(int=707), state="cancelled", finished_at=at(minutes=1))


def job_file(number: int, name: str, state: str, stages: Stages) -> JobFile:
    error = JobError("object_differs", "Other bytes lie where a shard should be.")
    return JobFile(
        node_id=uuid.UUID(int=200 + number),
        version_id=uuid.UUID(int=800 + number),
        name=name,
        size=stages.total,
        state=state,
        stages=stages,
        error=error if state == "failed" else None,
        can_cancel=state not in {"stored", "cancelled"},
        can_retry=state == "failed",
    )


FERRY = job_file(
    3,
    "ferry-crossing.mov",
    "storing",
    Stages(1_524_713_390, 1_524_713_390, 1_250_264_979, 930_075_167),
)
FILES = (
    job_file(8, "broken.iso", "failed", Stages(700 * MIB, 700 * MIB, 300 * MIB, 120 * MIB)),
    FERRY,
    job_file(9, "raw-scans.zip", "receiving", Stages(612 * MIB, 269 * MIB, 0, 0)),
    job_file(10, "notes.md", "queued", Stages(212 << 10, 212 << 10, 0, 0)),
    job_file(1, "DSC_0412.NEF", "stored", Stages(40_265_318, 40_265_318, 40_265_318, 40_265_318)),
    job_file(2, "empty.txt", "stored", Stages()),
)


def chunk_map(columns: int, chunks: int, stored: int) -> ChunkMap:
    """Return a map in the middle of its work: stored, then sealed, then planned, one failed."""

    def state(column: int, lane: int) -> str:
        reached = stored - 6 * lane
        if column == reached - 2 and lane == 2:
            return "failed"
        return "stored" if column < reached else "sealed" if column < reached + 9 else "planned"

    return ChunkMap(
        file=FERRY,
        chunks=chunks,
        chunks_per_column=-(-chunks // columns),
        columns=columns,
        k=2,
        m=1,
        lanes=tuple(
            Lane(
                account,
                tuple(
                    LaneCell(column, state(column, lane))
                    for column in range(columns)
                    if (column + lane) % 4 != 3
                ),
            )
            for lane, account in enumerate(ACCOUNTS)
        ),
    )


HAPPENINGS = (
    Happening(at(seconds=0), "warn", "OneDrive asked us to slow down. Next try in 12 s."),
    Happening(at(seconds=19), "warn", "A shard failed its check on Work Drive. Sent again."),
    Happening(
        at(seconds=33), "info", "DSC_0412.NEF is stored. All 3 shards of each chunk checked."
    ),
    Happening(at(seconds=51), "info", "5 files received."),
)
SPEEDS = tuple(
    SpeedSample(118 - 2 * step, (25 + step % 7) * MIB, (9 + step * 5 % 13) * MIB)
    for step in range(60)
)
DETAIL = JobDetail(
    job=RUNNING,
    protection=1,
    folder_id=TRAVEL.id,
    files=FILES,
    files_hidden=0,
    accounts=ACCOUNTS,
    chunk_map=chunk_map(73, 146, 58),
    chunk_lines=where_samples.LINES,
    happenings=HAPPENINGS,
    can_cancel=True,
    can_pause=True,
    speeds=SPEEDS,
    waits_for=(ONEDRIVE,),
    as_of=NOW,
)
