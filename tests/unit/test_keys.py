"""Where the gallery key comes from, and which key files are refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge.errors import StateError
from edge.verify.keys import CREDENTIAL, FILE_NAME, KEY_BYTES, load_key

KEY = bytes(range(KEY_BYTES))


def _key_file(path: Path, content: bytes = KEY, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_first_enrolment_makes_a_private_key_and_keeps_it(tmp_path: Path) -> None:
    assert load_key(tmp_path, environ={}) is None
    made = load_key(tmp_path, environ={}, create=True)
    assert made is not None
    assert len(made) == KEY_BYTES
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert load_key(tmp_path, environ={}, create=True) == made
    assert load_key(tmp_path, environ={}) == made
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE_NAME]


def test_two_devices_get_different_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load_key(tmp_path / "a", environ={}, create=True) != load_key(tmp_path / "b", environ={}, create=True)


def test_the_systemd_credential_comes_first(tmp_path: Path) -> None:
    # systemd's ACL for User= shows up as group permission: the mode of a credential is not judged
    _key_file(tmp_path / "credentials" / CREDENTIAL, mode=0o440)
    named = _key_file(tmp_path / "named", bytes(KEY_BYTES))
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert load_key(tmp_path, str(named), environ=environ) == KEY


def test_a_unit_with_other_credentials_only_falls_back(tmp_path: Path) -> None:
    named = _key_file(tmp_path / "named")
    assert load_key(tmp_path, str(named), environ={"CREDENTIALS_DIRECTORY": str(tmp_path / "absent")}) == KEY


def test_a_named_key_that_is_absent_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="usb/key: the gallery key cannot be read: No such file"):
        load_key(tmp_path, str(tmp_path / "usb" / "key"), environ={}, create=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = _key_file(tmp_path / "named", mode=mode)
    with pytest.raises(StateError, match=f"found mode {mode:04o}: run chmod 600 {path}"):
        load_key(tmp_path, str(path), environ={})


@pytest.mark.parametrize(
    ("size", "found"), [(0, "found 0"), (31, "found 31"), (33, "found more than 32"), (4096, "found more")]
)
def test_a_key_of_another_length_is_refused(tmp_path: Path, size: int, found: str) -> None:
    _key_file(tmp_path / FILE_NAME, bytes(size))
    with pytest.raises(StateError, match=rf"{FILE_NAME}: expected a key of exactly 32 bytes, {found}"):
        load_key(tmp_path, environ={}, create=True)


def test_a_key_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StateError, match="cannot be read: Is a directory"):
        load_key(tmp_path, environ={})


def test_a_state_directory_in_which_no_key_can_be_made() -> None:
    with pytest.raises(StateError, match=rf"/proc/self/fdinfo/{FILE_NAME}: cannot be created"):
        load_key(Path("/proc/self/fdinfo"), environ={}, create=True)
