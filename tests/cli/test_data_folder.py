"""The data folder: made once, for one launcher, and no secret of it is ever replaced."""

import stat
from pathlib import Path

import pytest

from balancecloud.cli.embedded.data_folder import (
    PASSWORDS,
    SECRETS,
    make_secrets,
    open_data_folder,
    write_whole,
)
from balancecloud.cli.embedded.processes import CannotStart
from balancecloud.cli.embedded.sockets import LONGEST_FOLDER, socket_folder


def test_secrets_are_made_once(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "data")
    make_secrets(folder)
    before = {name: folder.secret(name).read_bytes() for name in (*SECRETS, *PASSWORDS)}

    make_secrets(folder)

    assert {name: folder.secret(name).read_bytes() for name in before} == before
    folder.release()


def test_a_first_start_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = open_data_folder(tmp_path / "data")
    write_whole(folder.secret("pepper"), b"made before the cut")

    make_secrets(folder)

    assert folder.secret("pepper").read_bytes() == b"made before the cut"
    assert all(folder.secret(name).exists() for name in SECRETS)
    folder.release()


@pytest.mark.parametrize("name", SECRETS)
def test_a_lost_secret_is_told_though_the_database_is_elsewhere(tmp_path: Path, name: str) -> None:
    folder = open_data_folder(tmp_path / "data")
    make_secrets(folder)
    folder.secret(name).unlink()

    with pytest.raises(CannotStart, match=f"{name} is missing"):
        make_secrets(folder)

    folder.release()


@pytest.mark.parametrize("name", ["master_keys", "pepper", "database_password"])
def test_a_lost_secret_is_told_rather_than_replaced(tmp_path: Path, name: str) -> None:
    folder = open_data_folder(tmp_path / "data")
    make_secrets(folder)
    folder.cluster.mkdir()  # there is data that needs it
    folder.secret(name).unlink()

    with pytest.raises(CannotStart, match=f"{name} is missing"):
        make_secrets(folder)

    assert not folder.secret(name).exists()
    folder.release()


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first = open_data_folder(tmp_path / "data")

    with pytest.raises(CannotStart, match="already runs"):
        open_data_folder(tmp_path / "data")

    first.release()
    open_data_folder(tmp_path / "data").release()


def test_f_44_a_secret_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"half of an earlier")

    write_whole(tmp_path / "key", b"whole")

    assert (tmp_path / "key").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert not (tmp_path / "key.new").exists()


def test_a_folder_that_was_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    open_data_folder(tmp_path / "data").release()
    (tmp_path / "data" / "secrets").chmod(0o755)

    open_data_folder(tmp_path / "data").release()

    assert stat.S_IMODE((tmp_path / "data" / "secrets").stat().st_mode) == 0o700


def test_sockets_of_a_deep_folder_lie_at_a_short_path_of_their_own(tmp_path: Path) -> None:
    one, two = tmp_path / ("a" * 90), tmp_path / ("b" * 90)

    folders = [socket_folder(one), socket_folder(two), socket_folder(one)]

    assert max(len(str(folder)) for folder in folders) <= LONGEST_FOLDER
    assert folders[0] == folders[2] != folders[1]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    for folder in {*folders}:
        folder.rmdir()


def test_a_socket_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("c" * 90)
    folder = socket_folder(deep)
    folder.rmdir()
    folder.symlink_to(tmp_path)

    with pytest.raises(CannotStart, match="belongs to somebody else"):
        socket_folder(deep)

    folder.unlink()
