"""Google Drive and OneDrive, personal and work, held to everything, at the simulator."""

import pytest

from balancecloud.clouds.google_drive import GoogleDrive
from balancecloud.clouds.google_uploads import DriveLimits
from balancecloud.clouds.http import Deadlines, HostRules, HttpClient
from balancecloud.clouds.oauth import HeldTokens
from balancecloud.clouds.onedrive import OneDrive
from balancecloud.clouds.onedrive_uploads import OneDriveLimits
from balancecloud.clouds.pause import Pause
from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.clouds.registry import (
    GOOGLE_SUFFIXES,
    MICROSOFT_SUFFIXES,
    Installation,
    PlacedProvider,
)
from balancecloud.clouds.stack import Known, stacked
from cloudsim.app import Running
from cloudsim.weather.effects import Answer, Drop, Truncate
from tests.clouds.at_sim import AtSim
from tests.clouds.simulated import CLIENT, FaultyWay, grant, grants_at, new_person
from tests.clouds.wire_suite import WireSuite
from tests.fakes.manual_clock import ManualClock

HASTY = Deadlines(0.4, 0.2, 0.4, 1e9)


class SimSuite(WireSuite):
    """An account of one person, on a way that damages a body when told to."""

    kind: str
    person = "person"
    rate_reason: str
    refused_reason: str
    way: FaultyWay
    shared: Installation
    tokens: HeldTokens
    place: str

    @pytest.fixture
    def provider(self, sim: Running, shared: Installation) -> Provider:
        address = new_person(self.person)
        self.cloud = AtSim(sim, self.kind, address)
        grants = grants_at(self.registered_as, shared)
        self.shared, self.tokens = shared, HeldTokens(grant(grants, address), grants, shared.clock)
        self.way = FaultyWay(self.rules(), shared.clock)
        self.place = self.account(self.way, None).ensure_place()
        return self.wrapped(self.account(self.way, self.place))

    def account(self, http: HttpClient, place: str | None) -> PlacedProvider:
        raise NotImplementedError

    def rules(self) -> HostRules:
        raise NotImplementedError

    def wrapped(self, provider: PlacedProvider) -> Provider:
        return provider

    def hasty(self) -> Provider:
        return self.account(HttpClient(self.rules(), self.shared.clock, HASTY), self.place)

    def secrets_of(self, provider: Provider) -> list[str]:
        tokens = self.tokens.tokens
        return [tokens.access_token, tokens.refresh_token, CLIENT.client_secret]

    def lose_next_answer(self, provider: Provider) -> None:
        self.cloud.rule(Drop("after"), self.put_route)

    def cut_next_put(self, provider: Provider) -> None:
        self.cloud.rule(Drop("before"), self.put_route, times=self.attempts)

    def damage_next_put(self, provider: Provider) -> None:
        self.way.planned += ["damage"] * self.attempts

    def fill_up(self, provider: Provider) -> None:
        self.cloud.fill_up()

    def throttle_next(self, provider: Provider, seconds: int) -> None:
        self.cloud.rule(Answer(429, self.rate_reason, retry_after_s=seconds), times=self.attempts)

    def busy_next(self, provider: Provider, seconds: int) -> None:
        self.cloud.rule(Answer(503, retry_after_s=seconds), times=self.attempts)

    def revoke(self, provider: Provider) -> None:
        self.cloud.revoke()

    def narrow(self, provider: Provider) -> None:
        self.cloud.rule(Answer(403, self.refused_reason), self.put_route)

    def take_away(self, provider: Provider) -> None:
        self.cloud.stand(outage="hangup")

    def bring_back(self, provider: Provider) -> None:
        self.cloud.clear()

    def remove_behind(self, provider: Provider, object_id: ObjectId) -> None:
        self.cloud.remove(object_id)

    def cut_next_get(self, provider: Provider) -> None:
        self.cloud.rule(Truncate(), self.content_route, times=self.attempts)

    def list_late(self, provider: Provider, seconds: float) -> None:
        self.cloud.stand(list_lag_s=seconds)

    def let_pass(self, provider: Provider, seconds: float) -> None:
        self.cloud.let_pass(seconds)


@pytest.mark.sim
class TestGoogleDrive(SimSuite):
    registered_as = "google_drive"
    kind = "google"
    put_route = "upload.multipart"
    stat_route = "files.get"
    content_route = "files.get.media"
    list_route = "files.list"
    listed_host = "doc-0s.googleusercontent.com"
    rate_reason = "rateLimitExceeded"
    unauthorized = "authError"
    refused_reason = "insufficientPermissions"

    def rules(self) -> HostRules:
        return HostRules.of((self.shared.google.api,), GOOGLE_SUFFIXES)

    def account(self, http: HttpClient, place: str | None) -> PlacedProvider:
        return GoogleDrive(
            self.shared.google,
            self.tokens,
            place,
            http,
            clock=ManualClock(),
            limits=DriveLimits(multipart_bytes=16 << 20, files_per_page=5),
        )


class OneDriveSuite(SimSuite):
    registered_as = "onedrive"
    kind = "microsoft"
    put_route = "item.put"
    stat_route = "item.get"
    content_route = "content.download"
    list_route = "item.children"
    listed_host = "public.dm.files.1drv.com"
    rate_reason = "activityLimitReached"
    unauthorized = "InvalidAuthenticationToken"
    refused_reason = "accessDenied"

    def rules(self) -> HostRules:
        return HostRules.of((self.shared.microsoft.graph,), MICROSOFT_SUFFIXES)

    def account(self, http: HttpClient, place: str | None) -> PlacedProvider:
        return OneDrive(
            self.shared.microsoft,
            self.tokens,
            place,
            http,
            clock=ManualClock(),
            limits=OneDriveLimits(items_per_page=5),
        )


@pytest.mark.sim
class TestOneDrivePersonal(OneDriveSuite):
    pass


@pytest.mark.sim
class TestOneDriveWork(OneDriveSuite):
    person = "work"


@pytest.mark.sim
class TestStackAroundGoogleDrive(TestGoogleDrive):
    """As an account is opened: what passes by itself is asked again, and only then told."""

    attempts = 3

    def wrapped(self, provider: PlacedProvider) -> Provider:
        self.clock = ManualClock()
        pause = Pause(self.clock, lambda: 0.5)
        return stacked(provider, self.clock, pause, Known(), lambda: 0.5).provider

    def settle(self, provider: Provider) -> None:
        self.clock.advance(3600.0)
