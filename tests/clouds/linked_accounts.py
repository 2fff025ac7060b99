"""Accounts at the simulator that are opened again and again, as by several processes."""

from typing import Any

from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.google_uploads import DriveLimits
from balancecloud.clouds.http import Deadlines, HostRules, HttpClient
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.onedrive_uploads import OneDriveLimits
from balancecloud.clouds.registry import GOOGLE_SUFFIXES, MICROSOFT_SUFFIXES, Installation
from balancecloud.clouds.upload_sessions import HeldUploadSessions
from cloudsim.app import Running
from tests.clouds.at_sim import AtSim
from tests.clouds.simulated import grant, grants_at, new_person
from tests.fakes.cut_line import CutLine

# Long enough for a request of the simulator's, short enough for a test of its end.
HASTY = Deadlines(0.4, 0.2, 0.4, 1e9)


class LinkedAccount:
    """What lasts of an account: its grant, its folder, its unfinished uploads."""

    name: str
    kind: str

    def __init__(self, sim: Running, shared: Installation, person: str = "person") -> None:
        address = new_person(person)
        self.cloud = AtSim(sim, self.kind, address)
        self.shared = shared
        grants = grants_at(self.name, shared)
        self.tokens = HeldTokens(grant(grants, address), grants, shared.clock)
        self.sessions = HeldUploadSessions()

    @property
    def rules(self) -> HostRules:
        """Where its client may go."""
        raise NotImplementedError

    def client(self, deadlines: Deadlines | None = None) -> HttpClient:
        """Return a client of its own."""
        return HttpClient(self.rules, self.shared.clock, deadlines)

    def cut_line(self, *cuts: int) -> CutLine:
        """Return a client whose next large bodies break off after so many bytes."""
        return CutLine(self.rules, self.shared.clock, *cuts)


class LinkedDrive(LinkedAccount):
    """A Google account."""

    name = "google_drive"
    kind = "google"
    place: str | None = None

    @property
    def rules(self) -> HostRules:
        return HostRules.of((self.shared.google.api,), GOOGLE_SUFFIXES)

    def open(self, http: HttpClient | None = None, **limits: Any) -> GoogleDrive:
        """Open it as another process would."""
        drive = GoogleDrive(
            self.shared.google,
            self.tokens,
            self.place,
            http or self.client(),
            sessions=self.sessions,
            clock=self.shared.clock,
            limits=DriveLimits(**limits),
        )
        self.place = self.place or drive.ensure_place()
        return drive


class LinkedOneDrive(LinkedAccount):
    """A Microsoft account, of a person or, by its address, of work."""

    name = "onedrive"
    kind = "microsoft"
    place: str | None = None

    @property
    def rules(self) -> HostRules:
        return HostRules.of((self.shared.microsoft.graph,), MICROSOFT_SUFFIXES)

    def open(self, http: HttpClient | None = None, **limits: Any) -> OneDrive:
        """Open it as another process would."""
        drive = OneDrive(
            self.shared.microsoft,
            self.tokens,
            self.place,
            http or self.client(),
            sessions=self.sessions,
            clock=self.shared.clock,
            limits=OneDriveLimits(**limits),
        )
        self.place = self.place or drive.ensure_place()
        return drive
