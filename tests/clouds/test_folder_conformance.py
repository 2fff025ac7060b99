"""A folder is held to everything that can happen to one."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from balancecloud.clouds.folder import Folder
from balancecloud.clouds.provider import ObjectId, Provider
from balancecloud.errors import SignInAgain, Throttled
from tests.clouds.provider_suite import new_shard, store
from tests.clouds.test_folder import linked_folder
from tests.clouds.trouble_suite import TroubleSuite


class TestFolder(TroubleSuite):
    """Its faults are those of the disk: a call of the operating system that says no."""

    registered_as = "folder"
    never = frozenset({Throttled, SignInAgain})
    place: Path
    patch: pytest.MonkeyPatch

    @pytest.fixture
    def provider(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
        self.place, self.patch = tmp_path / "account", monkeypatch
        return linked_folder(self.place)

    def once(self, where: Any, name: str, instead: Callable[..., Any]) -> None:
        """Let the next call of this function be another; it is handed the real one."""
        real = getattr(where, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.patch.setattr(where, name, real)
            return instead(real, *arguments, **named)

        self.patch.setattr(where, name, call)

    def lose_next_answer(self, provider: Provider) -> None:
        def named_and_lost(real: Callable[..., None], *arguments: Any, **named: Any) -> None:
            real(*arguments, **named)
            raise OSError(errno.EIO, "the disk says no")

        self.once(os, "link", named_and_lost)

    def cut_next_put(self, provider: Provider) -> None:
        def half(real: Callable[..., int], descriptor: int, view: memoryview) -> int:
            real(descriptor, view[: len(view) // 2])
            raise OSError(errno.EIO, "the disk says no")

        self.once(os, "write", half)

    def damage_next_put(self, provider: Provider) -> None:
        def turned(real: Callable[..., int], descriptor: int, view: memoryview) -> int:
            return real(descriptor, bytes([view[0] ^ 1]) + bytes(view[1:]))

        self.once(os, "write", turned)

    def fill_up(self, provider: Provider) -> None:
        self.patch.setattr(os, "write", _refusal(errno.ENOSPC))

    def busy_next(self, provider: Provider, seconds: int) -> None:
        self.once(os, "statvfs", _refusal(errno.EIO))

    def narrow(self, provider: Provider) -> None:
        self.once(os, "write", _refusal(errno.EACCES))

    def take_away(self, provider: Provider) -> None:
        self.place.rename(self.place.with_name("unmounted"))
        self.place.mkdir()

    def bring_back(self, provider: Provider) -> None:
        self.place.rmdir()
        self.place.with_name("unmounted").rename(self.place)

    def remove_behind(self, provider: Provider, object_id: ObjectId) -> None:
        (self.place / object_id[:2] / object_id).unlink()

    def cut_next_get(self, provider: Provider) -> None:
        self.once(os, "pread", _refusal(errno.EIO))

    def list_late(self, provider: Provider, seconds: float) -> None:
        raise AssertionError("a folder's listing does not lag")

    def let_pass(self, provider: Provider, seconds: float) -> None:
        assert seconds == 0


def _refusal(number: int) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, "the disk says no")

    return refuse


def test_a_folder_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is why it is not held to what comes over HTTP."""
    monkeypatch.setattr(socket, "socket", None)
    account = linked_folder(tmp_path / "a")
    shard = new_shard(10)
    _, stored = store(account, shard)
    assert account.get(stored.object_id, 0, 10) == shard.body
    assert list(account.listing()) == [stored]
    account.delete(stored.object_id)
