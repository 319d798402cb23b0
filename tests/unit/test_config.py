"""The configuration: the commented file is the defaults, and whatever is wrong is named by file and key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from edge.config import Config, load
from edge.errors import ConfigError, ExitCode

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SECTIONS = {field.name: type(field.default) for field in msgspec.structs.fields(Config)}
# have no value by default, so they stand there as a comment
# have no value by default, so they stand there as a comment
OPTIONAL = {"chip", "door_pin", "key_file", "models_dir", "nmea_file", "shaker_pin", "speed_pin"}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "vigil.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """The message that ``path`` is refused with; it begins with the file's name and is one line."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert caught.value.exit_code is ExitCode.BAD_CONFIG
    return message


def test_the_commented_file_is_the_defaults() -> None:
    assert load(DEPLOY / "vigil.toml") == Config()


def test_the_commented_file_sets_every_key_but_those_without_a_default() -> None:
    table = tomllib.loads((DEPLOY / "vigil.toml").read_text(encoding="utf-8"))
    assert set(table) == set(SECTIONS)
    for name, section in SECTIONS.items():
        fields = {field.name for field in msgspec.structs.fields(section)}
        assert set(table[name]) == fields - OPTIONAL, name


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_has_a_comment_above_it(section: str) -> None:
    text = (DEPLOY / "vigil.toml").read_text(encoding="utf-8")
    body = text.split(f"[{section}]\n")[1].split("\n[")[0]
    for field in msgspec.structs.fields(SECTIONS[section]):
        comment, found, _ = body.partition(f"{field.name} = ")
        assert found, field.name
        assert re.match(r"# \w", comment), field.name


def test_the_optional_keys_in_comments_can_be_switched_on(tmp_path: Path) -> None:
    text = (DEPLOY / "vigil.toml").read_text(encoding="utf-8")
    switched, count = re.subn(rf"^# ({'|'.join(OPTIONAL)}) = ", r"\1 = ", text, flags=re.MULTILINE)
    config = load(written(tmp_path, switched))
    assert count == len(OPTIONAL)
    assert config.gpio.door_pin == 23
    assert config.state.key_file == "/etc/vigil/gallery.key"


def test_the_demo_is_hands_free_and_touches_no_pin_and_no_system_folder() -> None:
    config = load(DEPLOY / "demo.toml")
    assert config.access.hands_free
    assert config.gpio.backend == "mock"
    assert config.state.directory == "demo/state"


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Config()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[camera]\ncolour = 1\n", ("colour", "$.camera")),
        ("[kamera]\nfps = 1\n", ("kamera",)),
        ("fps = 15.0\n", ("fps",)),
        ('[camera]\nfps = "fast"\n', ("float", "str", "$.camera.fps")),
        ("[camera]\nwidth = 640.5\n", ("int", "float", "$.camera.width")),
        ("[access]\nhands_free = 1\n", ("bool", "$.access.hands_free")),
        ("[access]\nscan_s = -1.0\n", ("> 0", "$.access.scan_s")),
        ("[camera]\ntimeout_s = -2.0\n", ("> 0", "$.camera.timeout_s")),
        ("[camera]\ntimeout_s = nan\n", ("$.camera.timeout_s",)),
        ("[camera]\nmax_age_s = inf\n", ("<= 5", "$.camera.max_age_s")),
        ("[access]\npulse_s = 11\n", ("<= 10", "$.access.pulse_s")),
        ("[access]\nframes_min = 1\n", (">= 3", "$.access.frames_min")),
        ("[gpio]\nrelay_pin = 54\n", ("<= 53", "$.gpio.relay_pin")),
        ('[gpio]\nbackend = "usb"\n', ("usb", "$.gpio.backend")),
        ("[verify]\nfmr = 0.1\n", ("<= 0.01", "$.verify.fmr")),
        ("[state]\ndirectory = 7\n", ("str", "$.state.directory")),
    ],
)
def test_a_bad_key_or_value_is_named(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    message = refusal(written(tmp_path, text))
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[access]\nframes_min = 6\n", ("access.frames_min (6)", "frames_window (5)")),
        ("[access]\npulse_s = 4\n[gpio]\npulse_limit_s = 3\n", ("access.pulse_s (4", "gpio.pulse_limit_s (3")),
        ("[access]\nfailures_before_disable = 5\n", ("access.failures_before_disable", "failures_before_delay")),
        ("[verify]\nbrightness_min = 225\n", ("verify.brightness_min", "brightness_max")),
        ("[gpio]\nrequest_pin = 17\n", ("gpio pins", "[17, 17, 22]")),
        ("[gpio]\ndoor_pin = 22\n", ("gpio pins", "[17, 27, 22, 22]")),
    ],
)
def test_values_that_do_not_go_together_are_named(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    message = refusal(written(tmp_path, text))
    assert all(part in message for part in expected), message


def test_values_at_the_ends_of_their_ranges_are_taken(tmp_path: Path) -> None:
    config = load(written(tmp_path, "[access]\npulse_s = 10\nframes_min = 5\n[gpio]\nrelay_pin = 53\n"))
    assert (config.access.pulse_s, config.access.frames_min, config.gpio.relay_pin) == (10.0, 5, 53)


def test_what_is_not_toml_is_named_with_its_line(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "[camera\n"))
    assert "not valid TOML" in message
    assert "line 1" in message


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "vigil.toml"
    path.write_bytes(b'[camera]\nsource = "caf\xe9"\n')
    assert "cannot be read as text" in refusal(path)


def test_a_file_that_is_absent(tmp_path: Path) -> None:
    assert "no such configuration file" in refusal(tmp_path / "absent.toml")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)
