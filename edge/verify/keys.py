"""The key that seals the gallery: 32 random bytes, from a systemd credential, a named file, or the state directory."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from edge.errors import StateError
from edge.private_file import create_private_file

KEY_BYTES = 32  # AES-256
CREDENTIAL = "gallery-key"  # LoadCredential=gallery-key:... in the unit
FILE_NAME = "gallery.key"


def load_key(
    directory: Path,
    key_file: str | None = None,
    *,
    create: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> bytes | None:
    """The gallery key (32 bytes), from the first of: systemd credential, ``key_file``, ``directory/gallery.key``.

    Only the last is ever made by Vigil: with ``create``, where it is absent; without, None is returned then. A
    ``key_file`` that is named but absent is an error: it may lie on a disk that is not mounted. Raises StateError.
    """
    credential = _credential(environ)
    if credential is not None:
        # systemd owns the directory's protection. With User= it grants access by an ACL, whose mask shows up as group
        # permission, so the mode says nothing here.
        return _read(credential, private=False)
    if key_file is not None:
        return _read(Path(key_file), private=True)
    path = directory.absolute() / FILE_NAME
    if create:
        create_private_file(path, secrets.token_bytes(KEY_BYTES))
    return _read(path, private=True) if create or _is_there(path) else None


def _credential(environ: Mapping[str, str]) -> Path | None:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    path = Path(directory) / CREDENTIAL
    return path if _is_there(path) else None  # the unit may carry other credentials only


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StateError(f"{path}: the gallery key cannot be read: {error.strerror}") from error
    return True


def _read(path: Path, *, private: bool) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(KEY_BYTES + 1)
    except OSError as error:
        raise StateError(f"{path}: the gallery key cannot be read: {error.strerror}") from error
    if private and mode & 0o077:
        raise StateError(
            f"{path}: expected a key that only its owner can read, found mode {mode:04o}: run chmod 600 {path}"
        )
    if len(content) != KEY_BYTES:
        found = f"{len(content)}" if len(content) < KEY_BYTES else f"more than {KEY_BYTES}"
        raise StateError(f"{path}: expected a key of exactly {KEY_BYTES} bytes, found {found}")
    return content
