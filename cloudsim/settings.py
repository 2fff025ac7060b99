"""How one simulator runs, and the parts all routes share."""

from dataclasses import dataclass, field
from pathlib import Path

from cloudsim.clock import Clock
from cloudsim.store.accounts import Accounts
from cloudsim.store.blobs import Blobs
from cloudsim.store.database import Database
from cloudsim.store.grants import Grants
from cloudsim.store.history import History
from cloudsim.store.objects import Objects
from cloudsim.store.small import SmallContents
from cloudsim.store.uploads import Uploads

DEMO_CLIENT = ("balancecloud-demo", "simulated-not-secret")


@dataclass(frozen=True)
class Settings:
    """What the command line, or a test, decides."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = ""  # what clients see in front of it; empty is the address it listens on
    control: bool = False
    strict: bool = True  # False bears with what old clients do wrong
    keeps_bytes: bool = True  # False counts and hashes bodies; they read as zeros afterwards
    tls: bool = False  # answer HTTPS too, by an authority of our own
    clients: tuple[tuple[str, str], ...] = field(default=(DEMO_CLIENT,), repr=False)


@dataclass(frozen=True)
class Services:
    """The one simulated world, as every route sees it."""

    settings: Settings
    base_url: str
    clock: Clock
    database: Database
    accounts: Accounts
    grants: Grants
    objects: Objects
    history: History
    uploads: Uploads
    blobs: Blobs


def open_services(settings: Settings, base_url: str) -> Services:
    """Open the data folder, clear what a kill left half done, and give the world its people."""
    clock = Clock()
    database = Database(settings.data / "cloudsim.sqlite3", clock)
    blobs = Blobs(settings.data, SmallContents(database), keeps_bytes=settings.keeps_bytes)
    services = Services(
        settings, base_url, clock, database, Accounts(database, clock), Grants(database, clock),
        Objects(database, clock), History(database), Uploads(database, clock), blobs,
    )  # fmt: skip
    services.uploads.forget_expired()
    services.blobs.sweep(services.objects.blobs_in_use(), services.uploads.unfinished())
    services.accounts.settle_first_people()
    return services
