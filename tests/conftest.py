"""What all tests share: where clips and data come from, a closed network, repeatable property tests."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.media import MediaError, default_directory, fetch_clips

# Deadlines measure the machine, which is shared. CI runs the same examples every time, a person looks for new ones.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

_connect = socket.socket.connect


@pytest.fixture(scope="session")
def clips_dir() -> Path:
    """The folder of recorded clips (tests/media.py), fetched once; skips where they cannot be had."""
    try:
        return fetch_clips(default_directory())
    except MediaError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of data sets named by VIGIL_DATA; skips where there is none."""
    named = os.environ.get("VIGIL_DATA")
    if not named:
        pytest.skip("VIGIL_DATA is not set: no data sets")
    folder = Path(named).resolve()
    if not folder.is_dir():
        pytest.fail(f"VIGIL_DATA={named}: no such folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def closed_network() -> Iterator[None]:
    """Let a test reach this machine only: a connection to anywhere else is an error."""

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to connect to {address}")
        _connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield
