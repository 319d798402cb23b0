"""The report: what a drive's log becomes, and what is no such log."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge.decision import Figures
from edge.errors import InputError
from edge.events import Record
from edge.images import read_image
from edge.report import alerts, read_records, write_report


def drive(n: int = 300) -> list[Record]:
    """30 s at 10 frames a second: eyes shut from 10 to 14 s, unreadable from 20 to 22 s, an alarm at 11.5 s."""
    return [record(index / 10, index) for index in range(n)]


def record(at_s: float, index: int) -> Record:
    shut, blank = 10 <= at_s < 14, 20 <= at_s < 22
    figures = Figures(
        level=3 if 11.5 <= at_s < 14 else 0,
        openness=None if blank else 0.05 if shut else 0.95,
        perclos_60=None if at_s < 5 else 0.01 * at_s,
        perclos_180=None,
        yaw_deg=None if blank else 30.0 if at_s > 25 else 2.0,
        pitch_deg=None if blank else -3.0,
        calibration=1.0,
    )
    events = ("attention: attentive -> alarmed (microsleep, alarm, since 10.00 s)",) if index == 115 else ()
    state = "alarmed" if 11.5 <= at_s < 20 else "attentive"
    return Record(
        time_s=at_s, source="clip", frame=index, state=state, released=False, track=1, events=events, driver=figures
    )


def written(path: Path, records: list[Record]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path


def test_a_log_is_read_back_whole(tmp_path: Path) -> None:
    assert read_records(written(tmp_path / "events.jsonl", drive())) == drive()


def test_the_alerts_are_those_that_were_raised() -> None:
    assert [at_s for at_s, _ in alerts(drive())] == [11.5]


@pytest.mark.parametrize("name", ["drive.html", "deep/drive.svg", "drive.png"])
def test_a_report_is_one_file_that_needs_no_other(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    write_report(drive(), target)
    if target.suffix == ".png":
        picture = read_image(target)
        assert (picture.width, picture.height) >= (1400, 500)
        return
    text = target.read_text(encoding="utf-8")
    for words in ("microsleep", "PERCLOS", "yaw from the road", "attentive", "11.50 s"):
        assert words in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "nan" not in text


def test_a_long_drive_stays_a_small_file(tmp_path: Path) -> None:
    records = [record(index / 10, index) for index in range(36_000)]
    write_report(records, tmp_path / "drive.html")
    assert (tmp_path / "drive.html").stat().st_size < 500_000


def test_one_frame_is_a_report_too(tmp_path: Path) -> None:
    write_report(drive(1), tmp_path / "drive.html")
    assert "nothing was raised" in (tmp_path / "drive.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "expected the log of a drive"),
        (b"{}\n", "line 1 is no record"),
        (b"\xff\xfe\n", "line 1 is no record"),
        (msgspec.json.encode(Record(time_s=0, source="", frame=0, state="idle", released=False)), "1 other records"),
        (b"\n".join(msgspec.json.encode(record(at_s, 0)) for at_s in (2.0, 1.0)), "times that run backwards"),
    ],
)
def test_what_is_no_drive_is_named(tmp_path: Path, text: bytes, words: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(text)
    with pytest.raises(InputError, match=words):
        read_records(path)


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        read_records(tmp_path / "absent")
    with pytest.raises(InputError, match=r"expected a name ending in \.html"):
        write_report(drive(), tmp_path / "drive.pdf")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_report(drive(), tmp_path / "file" / "drive.html")
