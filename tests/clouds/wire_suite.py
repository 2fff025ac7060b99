"""What comes over HTTP, and what every provider that speaks it makes of it."""

import logging
import socket
import traceback
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from balancecloud.clouds.provider import Provider
from balancecloud.errors import (
    BadReply,
    DamagedInTransit,
    ProviderError,
    SignInAgain,
    Temporary,
    Unreachable,
)
from cloudsim.weather.effects import (
    Act,
    Answer,
    Endless,
    Garble,
    Lie,
    Pages,
    Redirect,
    Repeat,
    Shorten,
    Trickle,
    Truncate,
)
from tests.clouds.at_sim import AtSim
from tests.clouds.provider_suite import (
    at_once,
    new_id,
    new_name,
    new_shard,
    store,
    stored_ids,
)
from tests.clouds.trouble_suite import TroubleSuite

MEMORY_BYTES = 12 << 20  # an answer of 4 MiB once, joined, and what Python needs besides
PRIVATE = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "https://10.1.2.3/x",
    "https://192.168.0.1/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fe80::1]/",
    "https://0.0.0.0/",
    "https://localhost/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
]


class WireSuite(TroubleSuite):
    """For providers behind HTTP, at the simulator under its weather."""

    cloud: AtSim
    put_route: str
    stat_route: str
    content_route: str  # where the bytes of an object come from
    list_route: str
    listed_host: str  # a host of the provider's list
    unauthorized: str  # the reason of a 401
    attempts = 1  # how often a wrapper around the account tries

    def hasty(self) -> Provider:
        """Return the same account through a client that waits no longer than 0.4 s."""
        raise NotImplementedError

    def secrets_of(self, provider: Provider) -> list[str]:
        """Return what must show nowhere: tokens, the client's secret."""
        raise NotImplementedError

    # 7

    def test_a_listing_comes_in_pages(self, provider: Provider) -> None:
        stored = [store(provider, new_shard(3))[1] for _ in range(12)]
        asked = len(self.cloud.asked(self.list_route))
        assert sorted(stored_ids(provider)) == sorted(one.object_id for one in stored)
        assert len(self.cloud.asked(self.list_route)) - asked >= 3

    def test_a_listing_that_is_stopped_asks_for_no_further_page(self, provider: Provider) -> None:
        for _ in range(12):
            store(provider, new_shard(3))
        before = len(self.cloud.asked(self.list_route))
        next(provider.listing())
        assert len(self.cloud.asked(self.list_route)) - before <= 2

    def test_an_entry_that_comes_twice_is_yielded_once(self, provider: Provider) -> None:
        stored = [store(provider, new_shard(3))[1] for _ in range(7)]
        self.cloud.rule(Repeat(), self.list_route, times=None)
        assert sorted(stored_ids(provider)) == sorted(one.object_id for one in stored)

    def test_pages_that_lead_nowhere_end(self, provider: Provider) -> None:
        store(provider, new_shard(3))
        for pages in (Pages("malformed"), Pages("loop"), Pages("elsewhere")):
            before = len(self.cloud.asked())
            with self.cloud.under(pages, self.list_route):
                try:
                    assert len(stored_ids(provider)) == 1  # a token that is none may be left
                except ProviderError as error:
                    assert isinstance(error, BadReply), pages  # noqa: PT017 - or it is refused
            assert len(self.cloud.asked()) - before <= 6

    # 8

    def test_c16_a_hash_that_is_a_lie_is_damage(self, provider: Provider) -> None:
        self.cloud.rule(Lie("hash"), self.put_route, times=self.attempts)
        with pytest.raises(DamagedInTransit):
            store(provider, new_shard(100))
        assert stored_ids(provider) == []

    def test_c16_a_size_that_is_a_lie_is_damage(self, provider: Provider) -> None:
        self.cloud.rule(Lie("size"), self.put_route, times=self.attempts)
        with pytest.raises(DamagedInTransit):
            store(provider, new_shard(100))
        assert stored_ids(provider) == []

    def test_a_hash_that_comes_later_is_asked_for(self, provider: Provider) -> None:
        self.cloud.rule(Lie("no_hash"), self.put_route)
        self.cloud.rule(Lie("no_hash"), self.stat_route)
        _, stored = store(provider, new_shard(100))
        assert stored.checksum is not None
        assert len(self.cloud.asked(self.stat_route)) >= 2

    def test_c16_what_never_tells_a_hash_is_not_stored(self, provider: Provider) -> None:
        shard, name, object_id = new_shard(100), new_name(), new_id(provider)
        self.cloud.stand(hashes_missing_s=3600.0)
        for _ in range(2):
            self.raises(provider, BadReply, lambda: provider.put(name, shard, object_id))
        self.cloud.clear()
        self.settle(provider)
        stored = provider.put(name, shard, object_id)
        assert stored_ids(provider) == [stored.object_id]

    # 9

    def test_an_expired_token_is_one_refresh(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        self.cloud.rule(Act("expire_access"), self.stat_route)
        assert provider.stat(stored.object_id).length == 10
        assert len(self.cloud.asked("oauth.token")) == 1

    def test_f28_a_401_after_the_refresh_asks_for_the_person(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        self.cloud.rule(Answer(401, self.unauthorized), self.stat_route, times=None)
        with pytest.raises(SignInAgain):
            provider.stat(stored.object_id)
        assert len(self.cloud.asked("oauth.token")) == 1

    # 10

    def test_a_reply_that_makes_no_sense_is_a_bad_reply(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        forms: tuple[Any, ...] = ("garbage", "empty", "array", "nulls", "deep")
        for form in forms:
            with self.cloud.under(Garble(form), self.stat_route):
                self.raises(provider, BadReply, lambda: provider.stat(stored.object_id), form)

    def test_c08_a_reply_without_end_is_refused_in_bounded_memory(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        for effect in (Garble("huge", 16 << 20), Endless()):
            with self.cloud.under(effect, self.stat_route):
                peak = peak_of(
                    lambda: self.raises(provider, BadReply, lambda: provider.stat(stored.object_id))
                )
            assert peak < MEMORY_BYTES, effect

    def test_c08_content_without_end_is_cut_or_refused_in_bounded_memory(
        self, provider: Provider
    ) -> None:
        shard = new_shard(1000)
        _, stored = store(provider, shard)

        def read() -> None:
            try:
                assert provider.get(stored.object_id, 0, 1000) == shard.body
            except ProviderError as error:
                assert isinstance(error, Temporary)  # noqa: PT017 - either will do

        for effect in (Garble("huge", 16 << 20), Endless()):
            with self.cloud.under(effect, self.content_route):
                assert peak_of(read) < MEMORY_BYTES, effect

    def test_c08_a_short_content_is_never_a_success(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(1000))
        for effect in (Shorten(), Truncate(10), Truncate(-1)):
            with self.cloud.under(effect, self.content_route):
                self.raises(
                    provider, Temporary, lambda: provider.get(stored.object_id, 0, 1000), effect
                )

    def test_a_server_error_in_html_is_unreachable(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        for status in (500, 502, 503, 504):
            for body in ("<html>Bad Gateway</html>", ""):
                with self.cloud.under(Answer(status, body=body)):
                    self.raises(
                        provider, Unreachable, lambda: provider.stat(stored.object_id), status
                    )

    # 11

    def test_a_redirect_into_the_inside_network_is_refused(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        for place in PRIVATE:
            with self.cloud.under(Redirect(place)):
                # And the guard of the tests lets nothing be connected to.
                self.raises(
                    provider, BadReply, lambda: provider.get(stored.object_id, 0, 10), place
                )

    def test_a_name_of_the_providers_that_leads_inside_is_refused(
        self, provider: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, stored = store(provider, new_shard(10))
        with self.cloud.under(Redirect(f"https://{self.listed_host}/x")):
            for address in ("10.0.0.7", "169.254.169.254", "::ffff:192.168.1.1", "::1", "fd00::1"):
                with monkeypatch.context() as patched:
                    resolve_as(patched, self.listed_host, address)
                    self.raises(
                        provider, BadReply, lambda: provider.get(stored.object_id, 0, 10), address
                    )

    def test_another_port_of_the_same_host_is_another_place(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.cloud.rule(Redirect(f"http://127.0.0.1:{port}/"), "*", times=None)
            with pytest.raises(BadReply):
                provider.get(stored.object_id, 0, 10)
            other.settimeout(0.0)
            with pytest.raises(BlockingIOError):
                other.accept()

    # 12

    def test_l01_no_secret_shows(
        self, provider: Provider, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        shown = [repr(provider), str(vars(provider))]
        _, stored = store(provider, new_shard(2000))
        provider.get(stored.object_id, 0, 10)
        self.cloud.rule(Truncate(10), self.content_route, times=self.attempts)
        shown += failure_of(lambda: provider.get(stored.object_id, 0, 2000))
        self.cloud.rule(Garble("garbage"), self.stat_route, times=None)
        shown += failure_of(lambda: provider.stat(stored.object_id))
        self.cloud.revoke()
        shown += failure_of(lambda: provider.put(new_name(), new_shard(10), None))
        everything = "\n".join([*shown, caplog.text])
        for secret in self.secrets_of(provider):
            assert len(secret) >= 8
            assert secret not in everything

    # 13

    def test_refreshes_at_once_become_one(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        self.cloud.expire()
        assert at_once(6, lambda: provider.stat(stored.object_id).length) == [10] * 6
        assert len(self.cloud.asked("oauth.token")) == 1

    def test_f22_a_silent_service_meets_the_time_limit(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        self.cloud.stand(outage="silence")
        hasty = self.hasty()
        try:
            with pytest.raises(Unreachable):
                hasty.stat(stored.object_id)
        finally:
            self.cloud.clear()

    def test_f22_an_answer_that_drips_meets_the_time_limit(self, provider: Provider) -> None:
        _, stored = store(provider, new_shard(10))
        hasty = self.hasty()
        for effect in (Trickle(0.05), Trickle(0.05, head=True)):
            with self.cloud.under(effect, self.stat_route):
                self.raises(hasty, Unreachable, lambda: hasty.stat(stored.object_id), effect)

    def raises(
        self,
        provider: Provider,
        error: type[ProviderError],
        call: Callable[[], object],
        because: object = "",
    ) -> None:
        """Check the error of one of several calls, as if those before it were long ago."""
        self.settle(provider)
        try:
            call()
        except error:
            return
        raise AssertionError(f"{error.__name__} was not raised: {because}")


def peak_of(call: Callable[[], object]) -> int:
    """Return how much memory the call had at its most, beyond what was there."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def failure_of(call: Callable[[], object]) -> list[str]:
    """Return all that an error shows of itself."""
    with pytest.raises(ProviderError) as caught:
        call()
    error = caught.value
    return [repr(error), str(error), *traceback.format_exception(error), str(vars(error))]


def resolve_as(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    """Let the name have this address; all others stay."""
    real = socket.getaddrinfo

    def resolve(asked: Any, *arguments: Any, **named: Any) -> Any:
        return real(address if asked == host else asked, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
