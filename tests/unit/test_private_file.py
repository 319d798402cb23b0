"""Files that only their owner may read: whole or not there, and owned by whom the directory belongs to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.errors import StateError
from edge.private_file import create_private_file


def test_a_new_file_is_for_its_owner_only_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert create_private_file(tmp_path / "key", b"secret")
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    assert create_private_file(tmp_path / "key", b"first")
    assert not create_private_file(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"absent/key: cannot be created"):
        create_private_file(tmp_path / "absent" / "key", b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 23456)
    create_private_file(tmp_path / "key", b"secret")
    status = (tmp_path / "key").stat()
    assert (status.st_uid, status.st_gid) == (12345, 23456)
