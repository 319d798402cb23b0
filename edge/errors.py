"""One error tree. Each leaf is also a builtin, and each carries the exit code that a script sees."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What every ``vigil`` command ends with. Documented in README.md."""

    OK = 0
    DIFFERENT_PERSON = 1
    BAD_INPUT = 2  # click's own usage errors use 2 as well
    NO_FACE = 3
    BAD_CONFIG = 4
    BAD_MODEL = 5
    CAMERA_FAILURE = 6
    STATE_FAILURE = 7
    ACTUATOR_FAILURE = 8
    UPDATE_FAILURE = 9
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h


class VigilError(Exception):
    """Root of everything that Vigil raises on purpose. The message says what was expected and what was got."""

    exit_code = ExitCode.INTERNAL


class InputError(VigilError, ValueError):
    """An argument, a photo or an array is not what was asked for."""

    exit_code = ExitCode.BAD_INPUT


class FrameError(InputError):
    """Pixels have the wrong shape, type, size or memory layout."""


class NoFaceError(VigilError, LookupError):
    """A photo that has to show a face shows none."""

    exit_code = ExitCode.NO_FACE


class EnrolmentError(InputError):
    """No photo, or too few, could be taken into the gallery. The message gives the reason for each view."""


class PersonExistsError(InputError):
    """The name is already in the gallery."""


class PersonUnknownError(InputError, LookupError):
    """The name is not in the gallery."""


class ConfigError(VigilError, ValueError):
    """The configuration file does not parse, holds an unknown key, or a value out of range."""

    exit_code = ExitCode.BAD_CONFIG


class ModelError(VigilError, RuntimeError):
    """A model file is missing, altered, truncated, or not of the shape that the manifest promises."""

    exit_code = ExitCode.BAD_MODEL


class CameraError(VigilError, OSError):
    """The camera or recording cannot be opened, or stopped giving frames."""

    exit_code = ExitCode.CAMERA_FAILURE


class CameraTimeoutError(CameraError, TimeoutError):
    """No frame came within the time allowed."""


class StateError(VigilError, OSError):
    """The state directory, the database or the key cannot be read or written."""

    exit_code = ExitCode.STATE_FAILURE


class TemplateError(StateError):
    """A stored template cannot be used: wrong key, altered, or made by another model."""


class ActuatorError(VigilError, OSError):
    """The relay or an input pin cannot be driven or read."""

    exit_code = ExitCode.ACTUATOR_FAILURE


class UpdateError(VigilError, RuntimeError):
    """A release is not signed, does not work here, or did not hold; the one before it is in use."""

    exit_code = ExitCode.UPDATE_FAILURE


class ClockError(VigilError, ValueError):
    """Time went backwards."""
