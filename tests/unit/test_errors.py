"""One error tree: each leaf is also a builtin, and each ends a command with its own documented code."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest

from edge import errors
from edge.errors import ExitCode, VigilError

README = Path(__file__).resolve().parents[2] / "README.md"
ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, VigilError)]
LEAVES = [error for error in ERRORS if error is not VigilError]


@pytest.mark.parametrize("error", LEAVES)
def test_each_error_is_also_a_builtin(error: type[VigilError]) -> None:
    builtin = {parent for parent in error.__mro__ if vars(builtins).get(parent.__name__) is parent}
    assert builtin - {Exception, BaseException, object}


@pytest.mark.parametrize("error", LEAVES)
def test_each_error_has_a_code_that_is_neither_success_nor_a_verdict(error: type[VigilError]) -> None:
    assert error.exit_code not in (ExitCode.OK, ExitCode.DIFFERENT_PERSON)


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_keeps_its_message_and_says_what_it_is(error: type[VigilError]) -> None:
    assert str(error("visit.mp4: expected a video, found 12 bytes")) == "visit.mp4: expected a video, found 12 bytes"
    assert error.__doc__


def test_only_a_fault_of_vigils_own_ends_as_internal() -> None:
    assert [error for error in LEAVES if error.exit_code is ExitCode.INTERNAL] == [errors.ClockError]


def test_an_error_caught_as_its_builtin_is_still_vigils() -> None:
    with pytest.raises(TimeoutError) as caught:
        raise errors.CameraTimeoutError("no frame within 2 s")
    assert isinstance(caught.value, errors.CameraError)
    assert caught.value.exit_code is ExitCode.CAMERA_FAILURE


def test_the_readme_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in ExitCode]
