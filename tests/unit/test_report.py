"""The report: what an event log becomes, what is passed over in it, and what is no such log.

To write the golden picture anew, and see what changed: ``python -m tests.unit.test_report && git diff tests/golden``
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from edge.__main__ import run as vigil
from edge.decision import Figures
from edge.errors import ExitCode, InputError, StateError
from edge.events import Record
from edge.images import read_image
from edge.report import STATES, Gathering, Run, read_log, summary, write_report

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "report_drive.svg"
Captured = pytest.CaptureFixture[str]


def drive(n: int = 300, fps: float = 10.0) -> list[Record]:
    """Eyes shut from 10 to 14 s and the alarm at 11.5 s, unreadable from 20 to 22 s, a look aside from 25 s."""
    return [record(index / fps, index, alarm=index == round(11.5 * fps)) for index in range(n)]


def record(at_s: float, index: int, *, alarm: bool = False) -> Record:
    shut, blank = 10 <= at_s < 14, 20 <= at_s < 22
    figures = Figures(
        level=3 if 11.5 <= at_s < 14 else 0,
        openness=None if blank else 0.05 if shut else 0.95,
        perclos_60=None if at_s < 5 else round(min(0.01 * at_s, 0.2), 3),
        yaw_deg=None if blank else 30.0 if at_s > 25 else 2.0,
        pitch_deg=None if blank else -3.0,
        calibration=1.0,
        rate_hz=10.0,
    )
    events = ("attention: attentive -> alarmed (microsleep, alarm, since 10.00 s)",) if alarm else ()
    state = "alarmed" if 11.5 <= at_s < 20 else "attentive"
    return Record(
        time_s=at_s, source="clip.mp4", frame=index, state=state, released=False, track=1, events=events, driver=figures
    )


def visit(at_s: float, index: int, state: str = "idle", *events: str, person: str | None = None) -> Record:
    return Record(
        time_s=at_s,
        source="door",
        frame=index,
        state=state,
        released=state == "pulse",
        track=1,
        person=person,
        distance=0.8 if person else 1.4,
        distance_max=1.08,
        events=events,
    )


VISITS = [
    visit(0.0, 0),
    visit(1.0, 1, "requested", "access: idle -> requested (request)"),
    visit(2.0, 2, "delayed", "access: scanning -> delayed (failed_delayed)"),
    visit(9.0, 9, "delayed", "access: delayed -> delayed (refused_request)"),
    visit(40.0, 40, "pulse", "access: scanning -> pulse (granted)", person="Ada <b>&"),
    visit(44.0, 44, "idle", "door: open -> held (open_too_long)", "door: shut -> forced (opened_while_locked)"),
]


def written(path: Path, records: list[Record], end: bytes = b"") -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records) + end)
    return path


def gathered(records: list[Record]) -> Run:
    gathering = Gathering(records[0])
    for one in records[1:]:
        gathering.add(one)
    return gathering.run()


def svg_of(run: Run, folder: Path, remark: str = "") -> str:
    target = folder / "report.svg"
    write_report(run, target, remark)
    return target.read_text(encoding="utf-8")


def test_a_log_is_read_back_whole(tmp_path: Path) -> None:
    log = read_log(written(tmp_path / "events.jsonl", drive()))
    assert (len(log.runs), log.broken, log.other) == (1, 0, 0)
    run = log.run()
    assert (run.job, run.times.size, run.start_s, run.end_s) == ("driver", 300, 0.0, 29.9)
    assert np.isnan(run.columns["openness"][200:220]).all()
    assert run.columns["yaw_deg"][-1] == 30.0
    assert [(one.at_s, one.kind, one.since_s) for one in run.happenings] == [(11.5, "microsleep", 10.0)]
    assert log.remark(run) == ""


@pytest.mark.parametrize(
    ("end", "broken", "other"),
    [
        (b'{"time_s":31.0,"source":"cl', 1, 0),  # a power cut
        (b"\0" * 4096, 1, 0),  # and what a journalled file system makes of it
        (b"\xff\xfe\n", 1, 0),
        (b'{"time_s":31.0,"temperature_c":61}\n\n[]\n', 0, 2),
        (b'{"a":' * 100_000 + b"\n", 1, 0),
    ],
)
def test_what_is_no_record_is_counted_and_passed_over(tmp_path: Path, end: bytes, broken: int, other: int) -> None:
    log = read_log(written(tmp_path / "events.jsonl", drive(), end))
    assert (log.broken, log.other, log.run().times.size) == (broken, other, 300)
    assert "lines passed over" in log.remark(log.run())
    assert log.remark(log.run()) in svg_of(log.run(), tmp_path, log.remark(log.run()))


def test_a_restart_begins_a_new_run(tmp_path: Path) -> None:
    log = read_log(written(tmp_path / "events.jsonl", [*drive(50), *drive(70), *VISITS]))
    assert [(run.job, run.times.size) for run in log.runs] == [("driver", 50), ("driver", 70), ("door", 6)]
    assert log.run() is log.runs[2]
    assert log.run(2) is log.runs[1]
    assert log.remark(log.run(2)) == "run 2 of 3"
    with pytest.raises(InputError, match="a run from 1 to 3, got 4"):
        log.run(4)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "an empty file"), (b"\n\n", "an empty file"), (b"\x89PNG\r\n\x1a\n", "2 lines that are none")],
)
def test_what_is_no_log_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"events\.jsonl: expected an event log.*found {words}"):
        read_log(path)


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_log(path)
    run = gathered(drive(3))
    with pytest.raises(InputError, match=r"expected a name ending in one of \.html"):
        write_report(run, tmp_path / "drive.pdf")
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be written"):
        write_report(run, tmp_path / "file" / "drive.html")


@pytest.mark.parametrize("records", [drive(), VISITS], ids=["drive", "door"])
def test_a_page_needs_nothing_else_and_runs_nothing(tmp_path: Path, records: list[Record]) -> None:
    target = tmp_path / "deep" / "report.html"
    write_report(gathered(records), target)
    page = target.read_text(encoding="utf-8")
    svg = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    assert {element.tag.rpartition("}")[2] for element in svg.iter()} <= {
        "svg", "title", "style", "rect", "line", "polyline", "path", "text"
    }  # fmt: skip
    assert "//" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "nan" not in page
    assert "prefers-color-scheme:dark" in page


def test_the_picture_and_the_drawing_have_one_layout(tmp_path: Path) -> None:
    for records in (drive(), VISITS):
        width, height = re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg_of(gathered(records), tmp_path))[0]
        write_report(gathered(records), tmp_path / "report.png")
        picture = read_image(tmp_path / "report.png")
        assert (picture.width, picture.height) == (2 * int(width), 2 * int(height))


def test_a_picture_shows_the_alarm_in_its_colour(tmp_path: Path) -> None:
    write_report(gathered(drive()), tmp_path / "report.png")
    pixels = read_image(tmp_path / "report.png").pixels
    alarmed = (pixels == STATES["alarmed"]).all(axis=2)
    lane = np.flatnonzero(alarmed.sum(axis=1) > 500)[:40]  # of states: the first, and 44 px high
    left, right = np.flatnonzero(alarmed[lane].all(axis=0))[[0, -1]]
    span = np.array([11.5, 20.0]) / 29.9 * 1136 + 116
    np.testing.assert_allclose([left, right], 2 * span, atol=4)


def test_a_drive_is_drawn_as_it_was_accepted(tmp_path: Path) -> None:
    assert svg_of(gathered(drive(60, 2.0)), tmp_path) == GOLDEN.read_text(encoding="utf-8")


def test_a_long_drive_stays_small_and_loses_no_short_closure(tmp_path: Path) -> None:
    records = [record(30 + index / 5, index) for index in range(36_000)]
    shut = msgspec.structs.replace(records[20_000], driver=Figures(level=0, openness=0.0, rate_hz=5))
    run = gathered([*records[:20_000], shut, *records[20_001:]])
    text = svg_of(run, tmp_path)
    assert len(text) < 400_000
    lines = re.findall(r'<polyline points="([^"]+)" class="s-range"', text)
    lowest = max(float(point.split(",")[1]) for point in lines[0].split())
    plain = re.findall(r'<polyline points="([^"]+)" class="s-range"', svg_of(gathered(records), tmp_path))
    assert lowest > max(float(point.split(",")[1]) for point in plain[0].split())


@pytest.mark.parametrize("n", [1, 2])
def test_a_frame_or_two_are_a_report_too(tmp_path: Path, n: int) -> None:
    assert "Nothing was raised." in svg_of(gathered(drive(n)), tmp_path)
    write_report(gathered(drive(n)), tmp_path / "report.png")
    assert read_image(tmp_path / "report.png").width > 0


def test_more_marks_than_there_is_room_for_keep_the_loudest(tmp_path: Path) -> None:
    records = drive(300)
    for index in range(0, 300, 2):
        loud = ("warned", "alarm") if index == 200 else ("warned", "notice")
        words = f"attention: attentive -> {loud[0]} (tiring, {loud[1]})"
        records[index] = msgspec.structs.replace(records[index], events=(words,))
    text = svg_of(gathered(records), tmp_path)
    assert "and 111 more" in text
    assert "alarm: tiring" in text


def test_a_door_is_drawn_with_requests_grants_refusals_and_lockouts(tmp_path: Path) -> None:
    run = gathered(VISITS)
    text = svg_of(run, tmp_path)
    told = [
        "asked by the button",
        "not let in: further tries are delayed",
        "asked during a lockout",
        "let in: Ada <b>&",
        "the door is held open",
        "the door was forced",
    ]
    assert [line.strip().partition("  ")[2] for line in summary(run)[1:]] == told
    assert "let in: Ada &lt;b&gt;&amp;" in text
    assert "<b>" not in text


def test_a_face_that_nobody_logged_is_a_gap_and_a_state_is_none() -> None:
    run = gathered([*drive(50), record(15.0, 150), record(15.1, 151)])
    face = [(one.from_s, one.to_s) for one in run.lanes["face"]]
    assert face == [(0.0, 4.9), (15.0, 15.1)]
    assert [(one.from_s, one.to_s, one.name) for one in run.lanes["state"]] == [
        (0.0, 15.0, "attentive"),
        (15.0, 15.1, "alarmed"),
    ]


def test_blindness_lasts_from_event_to_event() -> None:
    records = drive(300)
    for index, words in (
        (100, "sight: seeing -> blind (no_usable_face, notice)"),
        (150, "sight: blind -> seeing (face)"),
        (280, "sight: seeing -> blind (no_usable_face, notice)"),
    ):
        records[index] = msgspec.structs.replace(records[index], events=(words,))
    blind = gathered(records).lanes["blind"]
    assert [(one.from_s, one.to_s) for one in blind] == [(10.0, 15.0), (28.0, 29.9)]


def test_the_command_writes_tells_and_refuses(tmp_path: Path, capsys: Captured) -> None:
    log = written(tmp_path / "events.jsonl", [*drive(), *VISITS], b"{")
    target = tmp_path / "drive.png"
    assert vigil(["report", str(log), str(target), "--run", "1"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "alarm: microsleep" in said
    assert "run 1 of 2, lines passed over: 1 broken" in said
    assert read_image(target).width > 1000
    for arguments, words in (
        ([str(target)], "expected an event log"),
        ([str(log), str(tmp_path / "x.gif")], ".html, .svg, .png"),
        ([str(log), str(target), "--run", "3"], "a run from 1 to 2, got 3"),
    ):
        assert vigil(["report", *arguments]) == ExitCode.BAD_INPUT
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert words in line


if __name__ == "__main__":
    write_report(gathered(drive(60, 2.0)), GOLDEN)
