"""Making files that only their owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from edge.errors import StateError


def create_private_file(path: Path, content: bytes) -> bool:
    """Write a new file, 0600, whole or not at all, also if the power fails. False where ``path`` was already there.

    Raises StateError.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_through(draft, content)
            os.link(draft, path)  # unlike a rename, never replaces what another process has made meanwhile
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise StateError(f"{path}: cannot be created: {error.strerror}") from error
    return True


def _write_through(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
        _give_to_owner(file.fileno(), path.parent)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _give_to_owner(handle: int, directory: Path) -> None:
    """What root makes by hand in a service's own directory belongs to the service, which could not open it else."""
    if os.geteuid() == 0:
        status = directory.stat()
        os.fchown(handle, status.st_uid, status.st_gid)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
