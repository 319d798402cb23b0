"""One TOML file to one typed configuration: unknown keys are refused, ranges checked, each default written once.

The commented example is deploy/vigil.toml; a test holds it to these defaults.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import ConfigError

Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
Pin = Annotated[int, Meta(ge=0, le=53)]  # BCM numbers of a Raspberry Pi
FaceSide = Annotated[int, Meta(ge=20, le=1000)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class CameraConfig(_Section, frozen=True):
    """``source``: picamera, v4l2:/dev/videoN, a video file, or a folder of pictures."""

    source: str = "picamera"
    width: Annotated[int, Meta(ge=96, le=4096)] = 640
    height: Annotated[int, Meta(ge=96, le=4096)] = 480
    fps: Annotated[float, Meta(ge=1, le=120)] = 15.0
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    max_age_s: Annotated[float, Meta(gt=0, le=5)] = 0.5


class RuntimeConfig(_Section, frozen=True):
    """``models_dir``: a folder with its own manifest.toml (default: the shipped one).

    ``precision`` "float32": the float32 twin of each net, where its file is there; templates of the other are refused.
    ``threads`` for each net; 0: as ``vigil doctor --tune`` chose on this device, 1 where it was never run.
    """

    models_dir: str | None = None
    precision: Literal["int8", "float32"] = "int8"
    threads: Annotated[int, Meta(ge=0, le=4)] = 0


class DetectConfig(_Section, frozen=True):
    """Thresholds of the three stages, and how often the whole frame is searched."""

    min_face_px: FaceSide = 60
    interval_s: Annotated[float, Meta(gt=0, le=10)] = 0.5
    scale_step: Annotated[float, Meta(ge=0.5, le=0.9)] = 0.75
    pnet_score_min: Ratio = 0.05
    rnet_score_min: Ratio = 0.05
    fpnet_score_min: Ratio = 0.8


class VerifyConfig(_Section, frozen=True):
    """``fmr``: the false match rate to aim at, for one visitor against the whole gallery.

    ``sharpness_min``: see edge.attributes.quality, which defines the measure and says what the default was chosen by.
    """

    fmr: Annotated[float, Meta(ge=1e-6, le=1e-2)] = 1e-4
    min_face_px: FaceSide = 60
    yaw_max_deg: Annotated[float, Meta(gt=0, le=90)] = 35.0
    pitch_max_deg: Annotated[float, Meta(gt=0, le=90)] = 30.0
    sharpness_min: Annotated[float, Meta(ge=0)] = 3.0
    brightness_min: Annotated[float, Meta(ge=0, le=255)] = 40.0
    brightness_max: Annotated[float, Meta(ge=0, le=255)] = 225.0


class AccessConfig(_Section, frozen=True):
    """The door lock's rules (DESIGN: decisions). Durations are seconds."""

    hands_free: bool = False
    scan_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    no_face_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    pulse_s: Annotated[float, Meta(gt=0, le=10)] = 3.0
    frames_window: Annotated[int, Meta(ge=3, le=30)] = 5
    frames_min: Annotated[int, Meta(ge=3, le=30)] = 3
    failures_before_delay: Annotated[int, Meta(ge=1, le=100)] = 5
    delay_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    failures_before_disable: Annotated[int, Meta(ge=2, le=1000)] = 50
    door_held_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    revisit_s: Annotated[float, Meta(ge=0, le=600)] = 2.0


class GpioConfig(_Section, frozen=True):
    """``backend``: gpiozero (real pins), mock (gpiozero's mock pins), or log (say what would be done).

    ``chip``: N of /dev/gpiochipN, whose lines are then the pins' numbers; by default the header of a Raspberry Pi.
    """

    backend: Literal["gpiozero", "mock", "log"] = "gpiozero"
    chip: Annotated[int, Meta(ge=0, le=31)] | None = None
    relay_pin: Pin = 17
    relay_active_high: bool = True
    request_pin: Pin | None = 27
    exit_pin: Pin | None = 22
    door_pin: Pin | None = None
    pulse_limit_s: Annotated[float, Meta(gt=0, le=10)] = 10.0


class StateConfig(_Section, frozen=True):
    """``directory`` holds the database; ``key_file`` the gallery key (default: systemd credential, else beside it)."""

    directory: str = "/var/lib/vigil"
    key_file: str | None = None


class ModeConfig(_Section, frozen=True):
    """What ``vigil run`` watches: a door, or a driver."""

    job: Literal["door", "driver"] = "door"


class DriverConfig(_Section, frozen=True):
    """What may be set of the driver's judgement; its limits stand in edge.policy.attention_limits, with sources."""

    calibration_s: Annotated[float, Meta(ge=5, le=600)] = 60.0
    mute_below_kmh: Annotated[float, Meta(ge=0, le=130)] = 20.0


class CabinConfig(_Section, frozen=True):
    """Pins of the driver mode, driven by ``gpio.backend``. ``buzzer_hz`` 0: a buzzer that sounds by itself.

    ``speed_pin``: pulses of the car's speed sensor; ``nmea_file``: a GPS receiver's device, or a file that grows.
    """

    buzzer_pin: Pin = 18
    buzzer_hz: Annotated[float, Meta(ge=0, le=20000)] = 2700.0
    led_pin: Pin = 24
    shaker_pin: Pin | None = None
    shaker_from: Literal["warning", "alarm", "unresponsive"] = "alarm"
    button_pin: Pin | None = 5
    speed_pin: Pin | None = None
    pulses_per_km: Annotated[float, Meta(gt=0, le=1e6)] = 2548.0
    nmea_file: str | None = None


class Config(_Section, frozen=True):
    """Everything that ``vigil run`` can be told."""

    mode: ModeConfig = ModeConfig()
    camera: CameraConfig = CameraConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    detect: DetectConfig = DetectConfig()
    verify: VerifyConfig = VerifyConfig()
    access: AccessConfig = AccessConfig()
    gpio: GpioConfig = GpioConfig()
    driver: DriverConfig = DriverConfig()
    cabin: CabinConfig = CabinConfig()
    state: StateConfig = StateConfig()


def load(path: Path) -> Config:
    """Read the TOML file at ``path``. Raises ConfigError naming the file, the key and what was expected."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such configuration file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        config = msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
    _check_together(path, config)
    return config


def _check_together(path: Path, config: Config) -> None:
    access, gpio = config.access, config.gpio
    if access.frames_min > access.frames_window:
        raise ConfigError(
            f"{path}: access.frames_min ({access.frames_min}) must not exceed frames_window ({access.frames_window})"
        )
    if access.pulse_s > gpio.pulse_limit_s:
        raise ConfigError(
            f"{path}: access.pulse_s ({access.pulse_s}) must not exceed gpio.pulse_limit_s ({gpio.pulse_limit_s})"
        )
    if access.failures_before_disable <= access.failures_before_delay:
        raise ConfigError(f"{path}: access.failures_before_disable must exceed failures_before_delay")
    if config.verify.brightness_min >= config.verify.brightness_max:
        raise ConfigError(f"{path}: verify.brightness_min must be below brightness_max")
    cabin = config.cabin
    _check_pins(path, "gpio", (gpio.relay_pin, gpio.request_pin, gpio.exit_pin, gpio.door_pin))
    _check_pins(path, "cabin", (cabin.buzzer_pin, cabin.led_pin, cabin.shaker_pin, cabin.button_pin, cabin.speed_pin))


def _check_pins(path: Path, section: str, numbers: tuple[int | None, ...]) -> None:
    pins = [number for number in numbers if number is not None]
    if len(set(pins)) != len(pins):
        raise ConfigError(f"{path}: {section} pins must differ, got {pins}")
