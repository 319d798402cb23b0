"""What a run leaves to look at: the video keeps the recording's time, the sheet the moments that tell the story."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from edge.decision import Figures
from edge.errors import StateError
from edge.events import EventLog, Record, Timeline, record_of, who
from edge.images import read_image
from edge.recorder import VideoFile, VisitRecorder, caption
from edge.render import GREEN, Label, draw_face, fit, printable, text_size, write
from edge.types import Face, Frame, HeadPose, Match, Observation, Pixels, Quality, TrackedFace

POSE = HeadPose(10.0, -5.0, 2.0)


def seen(at_s: float, index: int, distance: float | None = 0.8, limit: float = 1.0) -> Observation:
    landmarks = np.array([[40, 40], [60, 40], [50, 52], [42, 64], [58, 64]], np.float32)
    face = Face(np.array([30, 25, 70, 75], np.float32), 0.97, np.eye(3, dtype=np.float32), landmarks)
    match = Match("Ada", distance, limit) if distance is not None else None
    tracked = TrackedFace(3, face, 0.5, POSE, Quality(45, 20, 120, POSE), match)
    return Observation(at_s, index, (tracked,), "clip.mp4")


def frame(at_s: float, index: int = 0) -> Frame:
    return Frame(np.full((120, 160, 3), 90, np.uint8), at_s, index, "clip.mp4")


def record(at_s: float = 0.0, index: int = 0, **changes: Any) -> Record:
    made = record_of(seen(at_s, index), "scanning", released=False, events=(), commands=())
    return msgspec.structs.replace(made, **changes)


def test_a_record_names_nobody_who_was_not_accepted() -> None:
    known = record_of(seen(1.0, 0, 0.8), "pulse", released=True, events=(), commands=())
    stranger = record_of(seen(1.0, 0, 1.2), "scanning", released=False, events=(), commands=())
    assert (known.person, known.distance) == ("Ada", 0.8)
    assert (stranger.person, stranger.distance, stranger.distance_max) == (None, 1.2, 1.0)


def test_a_record_goes_through_json_unchanged() -> None:
    made = record(1.25, 7, events=("a -> b",))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Record) == made


def test_the_log_leaves_out_frames_in_which_nothing_is_seen_or_changes(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    empty = Observation(0.0, 0)
    quiet = record_of(empty, "idle", released=False, events=(), commands=())
    for made in (quiet, quiet, quiet, record(1.0)):
        log.add(frame(0.0), empty, made)
    log.finish()
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 2


def drive(path: Path, figures: Sequence[Figures | None], fps: float = 10.0) -> list[Record]:
    """What the log keeps of a drive with ``figures``; None: nobody in the picture."""
    log = EventLog(path)
    for index, one in enumerate(figures):
        at_s = index / fps
        log.add(frame(at_s), seen(at_s, index), record(at_s, index, driver=one, track=None if one is None else 3))
    log.finish()
    return [msgspec.json.decode(line, type=Record) for line in path.read_bytes().splitlines()]


def test_of_a_calm_drive_the_log_keeps_a_frame_a_second_and_the_last(tmp_path: Path) -> None:
    calm = [Figures(level=0, openness=0.9 + 0.001 * (index % 7), yaw_deg=index % 3) for index in range(100)]
    kept = [one.time_s for one in drive(tmp_path / "events.jsonl", calm)]
    assert kept[::2] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert kept[-1] == 9.9
    assert len(kept) <= 20  # with the one before each
    assert (tmp_path / "events.jsonl").stat().st_size < 60 * len(calm)


def test_the_log_keeps_what_moves_and_the_frame_before(tmp_path: Path) -> None:
    still = Figures(level=0, openness=0.95)
    blink = [Figures(level=0, openness=0.4), Figures(level=0, openness=0.95, blink_s=0.1)]
    kept = drive(tmp_path / "events.jsonl", [*[still] * 6, *blink, *[still] * 2])
    assert [(one.time_s, one.driver and one.driver.openness) for one in kept] == [
        (0.0, 0.95), (0.5, 0.95), (0.6, 0.4), (0.7, 0.95), (0.9, 0.95),
    ]  # fmt: skip
    assert kept[3].driver == blink[1]


def test_the_log_tells_when_a_driver_was_last_seen(tmp_path: Path) -> None:
    still = Figures(level=0, openness=0.95)
    kept = drive(tmp_path / "events.jsonl", [*[still] * 5, *[None] * 20, *[still] * 3])
    assert [one.time_s for one in kept] == [0.0, 0.4, 2.5, 2.7]


def test_an_event_is_kept_whatever_the_figures_say(tmp_path: Path) -> None:
    still = record(driver=Figures(level=0))
    log = EventLog(tmp_path / "events.jsonl")
    for index, events in enumerate([(), (), ("attention: attentive -> warned (nodding, warning)",), ()]):
        made = msgspec.structs.replace(still, time_s=index / 10, frame=index, events=events)
        log.add(frame(0.0), seen(0.0, 0), made)
    log.finish()
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=Record).frame for line in lines] == [0, 1, 2, 3]
    assert b"null" not in b"".join(lines)  # what is not known takes no room


def test_the_log_is_continued_not_overwritten(tmp_path: Path) -> None:
    for _ in range(2):
        log = EventLog(tmp_path / "events.jsonl")
        log.add(frame(0.0), seen(0.0, 0), record())
        log.finish()
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 2


def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"events\.jsonl"):
        EventLog(tmp_path / "file" / "events.jsonl")


def test_the_timeline_speaks_only_when_something_changes() -> None:
    said: list[str] = []
    timeline = Timeline(said.append)
    for index in range(5):
        timeline.add(frame(0.0), seen(0.0, 0), record(index / 10, index))
    timeline.add(frame(0.0), seen(0.0, 0), record(0.6, 6, person=None, commands=("lock",)))
    timeline.finish()
    assert [line.split("s  ", 1)[-1].strip() for line in said] == [
        "-- clip.mp4", "Ada", "a stranger", "lock", "the recording is over",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"track": None}, "nobody"),
        ({"faults": ("dark",)}, "a face (dark)"),
        ({"distance": None, "person": None}, "a face"),
        ({"person": None}, "a stranger"),
        ({}, "Ada"),
    ],
)
def test_who_is_said_to_stand_there(changes: dict[str, Any], words: str) -> None:
    assert who(record(**changes)) == words


def test_captions_tell_what_a_moment_shows() -> None:
    assert caption(record(commands=("pulse 3 s (granted)",))) == "pulse 3 s (granted)"
    assert caption(record(person=None, distance=1.3)) == "scanning: unknown at 1.30"
    assert caption(record(track=None, person=None, distance=None)) == "clip.mp4: nobody"


def test_the_video_keeps_the_recordings_time(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoFile(path, fps=25) as video:
        for index in range(31):  # 3 s at 10 fps
            video.write(np.full((120, 160, 3), 90, np.uint8), index / 10)
    played = cv2.VideoCapture(str(path))
    assert played.get(cv2.CAP_PROP_FRAME_COUNT) / played.get(cv2.CAP_PROP_FPS) == pytest.approx(3.0, abs=0.1)
    played.release()


def test_the_sheet_is_written_with_every_kind_of_moment(tmp_path: Path) -> None:
    recorder = VisitRecorder(None, tmp_path / "sheet.png")
    for index in range(40):
        released = 20 <= index < 30
        made = record(index / 10, index, state="pulse" if released else "scanning", released=released)
        if index == 20:
            made = msgspec.structs.replace(made, commands=("pulse 3 s (granted)",))
        recorder.add(frame(index / 10, index), seen(index / 10, index), made)
    recorder.finish()
    sheet = read_image(tmp_path / "sheet.png").pixels
    assert sheet.shape[1] > 1200
    assert (sheet == np.array(GREEN, np.uint8)).all(axis=2).sum() > 2000  # the released door shows on the timeline


def test_a_recorder_that_nobody_asked_for_keeps_nothing() -> None:
    recorder = VisitRecorder()
    recorder.add(frame(0.0), seen(0.0, 0), record())
    recorder.finish()
    assert recorder.records == []


@pytest.mark.parametrize("at", [(-30, -30), (150, 110), (60, 40)])
def test_drawing_near_the_edges_stays_on_the_canvas(at: tuple[int, int]) -> None:
    canvas: Pixels = np.zeros((120, 160, 3), np.uint8)
    tracked = seen(0.0, 0).faces[0].face
    shift = np.array(at, np.float32)
    moved = Face(tracked.box + np.tile(shift, 2), 0.9, tracked.rotation, tracked.landmarks + shift)
    draw_face(canvas, moved, Label("Ada"), POSE)
    assert canvas.any()


def test_text_that_the_font_lacks_becomes_dashes() -> None:
    assert printable("Zoë 李") == "Zo- -"
    assert text_size("Zoë", 0.5) == text_size("Zo-", 0.5)
    canvas: Pixels = np.zeros((40, 200, 3), np.uint8)
    write(canvas, "Zoë", (5, 20), 0.5, (255, 255, 255))
    assert canvas.any()


@pytest.mark.parametrize("size", [(64, 64), (200, 50), (50, 200)])
def test_a_picture_is_fitted_without_being_stretched(size: tuple[int, int]) -> None:
    fitted = fit(np.full((30, 60, 3), 255, np.uint8), *size)
    assert fitted.shape == (size[1], size[0], 3)
    rows, columns = np.nonzero((fitted == 255).all(axis=2))
    assert np.ptp(columns) + 1 == pytest.approx(2 * (np.ptp(rows) + 1), abs=2)
