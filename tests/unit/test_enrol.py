"""Which views a person is enrolled with, and why the others are refused."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.enrol import VIEWS_MAX, Enrolment, enrol_camera, enrol_images
from edge.errors import EnrolmentError, InputError, NoFaceError
from edge.images import IMAGE_SUFFIXES, read_image
from edge.types import Face, Floats, Frame, HeadPose, Quality

POSE = HeadPose(0.0, 0.0, 0.0)
FACE = Face(np.array([0, 0, 90, 90], np.float32), 1.0, np.eye(3, dtype=np.float32), np.zeros((5, 2), np.float32))


def _unit(*turns: tuple[int, float]) -> Floats:
    """A unit vector (16,) along axis 0, leaning towards other axes by the given weights."""
    vector = np.zeros(16, np.float32)
    vector[0] = 1.0
    for axis, weight in turns:
        vector[axis] += weight
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


class Script:
    """Stands in for the pipeline: the grey level of a frame says which scripted view it is."""

    def __init__(self, *views: Floats | str | int) -> None:
        """A view is an embedding (one good face), faults joined by commas, or how many faces there are."""
        self.views = views

    def pixels(self, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return np.full((64, 64, 3), number, np.uint8)

    def analyse(self, frame: Frame) -> Sequence[tuple[Face, HeadPose, Quality]]:
        view = self._view(frame)
        if isinstance(view, int):
            return [(FACE, POSE, Quality(90, 30, 120, POSE))] * view
        faults = tuple(view.split(", ")) if isinstance(view, str) else ()
        return [(FACE, POSE, Quality(90, 30, 120, POSE, faults))]

    def embed(self, frame: Frame, face: Face) -> Floats:
        assert face is FACE
        view = self._view(frame)
        assert isinstance(view, np.ndarray), "only a good face is worth embedding"
        return view

    def _view(self, frame: Frame) -> Floats | str | int:
        return self.views[int(frame.pixels[0, 0, 0])]

    def photos(self, folder: Path) -> Enrolment:
        folder.mkdir(exist_ok=True)
        for number in range(len(self.views)):
            cv2.imwrite(str(folder / f"{number:02d}.png"), self.pixels(number))
        return enrol_images([folder], self.analyse, self.embed)

    def frames(self, fps: float = 10.0) -> Iterator[Frame]:
        for number in range(len(self.views)):
            yield Frame(self.pixels(number), 100 + number / fps, number)


def _labels(enrolment: Enrolment) -> list[str]:
    return sorted(view.label for view in enrolment.views)


def _reasons(enrolment: Enrolment) -> dict[str, str]:
    return {refusal.label: refusal.reason for refusal in enrolment.refused}


def test_one_photo_is_enough_and_says_so(tmp_path: Path) -> None:
    found = Script(_unit()).photos(tmp_path)
    assert found.one_shot
    assert found.embeddings.shape == (1, 16)
    assert found.summary() == "one-shot: 1 view (00.png); 3 to 5 distinct views work better"


def test_three_distinct_photos_are_all_kept(tmp_path: Path) -> None:
    found = Script(_unit(), _unit((1, 0.5)), _unit((2, 0.5))).photos(tmp_path)
    assert _labels(found) == ["00.png", "01.png", "02.png"]
    assert found.refused == ()
    assert not found.one_shot
    assert found.embeddings.shape == (3, 16)
    assert "better" not in found.summary()


def test_two_photos_are_told_that_more_is_better(tmp_path: Path) -> None:
    assert Script(_unit(), _unit((1, 0.5))).photos(tmp_path).summary().endswith("; 3 to 5 work better")


def test_each_refusal_has_its_reason(tmp_path: Path) -> None:
    found = Script(0, 2, 3, "too small", "blurred, dark", "turned away", _unit()).photos(tmp_path)
    assert _labels(found) == ["06.png"]
    assert _reasons(found) == {
        "00.png": "no face",
        "01.png": "2 faces; expected the person alone",
        "02.png": "3 faces; expected the person alone",
        "03.png": "too small",
        "04.png": "blurred, dark",
        "05.png": "turned away",
    }


def test_the_same_photo_again_adds_nothing(tmp_path: Path) -> None:
    found = Script(_unit(), _unit((1, 0.1)), _unit((1, 0.5))).photos(tmp_path)
    assert _labels(found) == ["00.png", "02.png"]
    assert _reasons(found) == {"01.png": "too like 00.png"}


def test_of_many_photos_the_five_most_spread_are_kept(tmp_path: Path) -> None:
    leans = [_unit((1, 0.3)), _unit((1, -0.3)), _unit((2, 0.9)), _unit((3, 0.9)), _unit((4, 0.9)), _unit((5, 0.9))]
    found = Script(_unit(), *leans).photos(tmp_path)
    assert len(found.views) == VIEWS_MAX
    assert _labels(found) == ["00.png", "03.png", "04.png", "05.png", "06.png"]
    assert set(_reasons(found).values()) == {"not needed beside 5 others"}


STRANGER = _unit((9, 40.0))
ANNAS = (_unit(), _unit((1, 0.5)), _unit((2, 0.5)))


def test_a_stranger_among_the_views_stops_the_enrolment(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match=r"another person than in the other views: 01\.png; enrol"):
        Script(ANNAS[0], STRANGER, *ANNAS[1:]).photos(tmp_path)


def test_two_people_in_one_photo_each(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match=r"another person than in the other views: 00\.png, 01\.png"):
        Script(ANNAS[0], STRANGER).photos(tmp_path)


def test_two_people_in_equal_numbers(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match=r"00\.png, 01\.png, 02\.png, 03\.png"):
        Script(ANNAS[0], STRANGER, ANNAS[1], _unit((9, 40.0), (3, 20.0))).photos(tmp_path)


def test_a_strangers_copy_does_not_make_a_majority(tmp_path: Path) -> None:
    """Three views of a stranger beside two of Anna: Anna's are named, nobody is enrolled."""
    with pytest.raises(EnrolmentError, match=r"00\.png, 01\.png"):
        Script(*ANNAS[:2], STRANGER, STRANGER, STRANGER).photos(tmp_path)


def test_no_usable_view_lists_each_reason(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError) as caught:
        Script(0, 2, "blurred").photos(tmp_path)
    assert str(caught.value) == (
        "no view could be used: 00.png: no face; 01.png: 2 faces; expected the person alone; 02.png: blurred"
    )


def test_no_face_in_any_view_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(NoFaceError, match=r"no face found: 00\.png, 01\.png"):
        Script(0, 0).photos(tmp_path)


def test_a_broken_file_in_a_folder_is_refused_and_the_rest_enrolled(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("not even meant to be one")
    found = Script(_unit()).photos(tmp_path)
    assert _labels(found) == ["00.png"]
    assert set(_reasons(found)) == {"broken.jpg", "empty.png"}
    assert _reasons(found)["empty.png"].endswith("found an empty file")


def test_a_broken_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_text("not a picture")
    script = Script(_unit())
    with pytest.raises(InputError, match=rf"{path}: expected a picture \(\.jpg"):
        enrol_images([path], script.analyse, script.embed)


def test_files_and_folders_together(tmp_path: Path) -> None:
    script = Script(*ANNAS)
    script.photos(tmp_path / "folder")
    single = tmp_path / "single.png"
    (tmp_path / "folder" / "02.png").rename(single)
    found = enrol_images([single, tmp_path / "folder"], script.analyse, script.embed)
    assert _labels(found) == ["00.png", "01.png", "single.png"]


@pytest.mark.parametrize(("files", "what"), [([], "an empty folder"), (["a.txt", "b.mp4"], "2 other files")])
def test_a_folder_without_photos_is_named_with_what_would_do(tmp_path: Path, files: list[str], what: str) -> None:
    for name in files:
        (tmp_path / name).touch()
    script = Script(_unit())
    with pytest.raises(InputError, match=f"{tmp_path}: expected pictures .*, found {what}") as caught:
        enrol_images([tmp_path], script.analyse, script.embed)
    assert " ".join(IMAGE_SUFFIXES) in str(caught.value)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    script = Script(_unit())
    with pytest.raises(InputError, match=rf"{tmp_path}/absent: no such photo or folder"):
        enrol_images([tmp_path / "absent"], script.analyse, script.embed)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/inner: cannot be read: Not a directory"):
        enrol_images([tmp_path / "file" / "inner"], script.analyse, script.embed)


def test_nothing_named_is_an_error() -> None:
    script = Script(_unit())
    with pytest.raises(InputError, match="expected a photo or a folder of photos, got none"):
        enrol_images([], script.analyse, script.embed)


def _jpeg_lying_on_its_side(orientation: int) -> bytes:
    """A 96x64 JPEG, white at the top left, with an EXIF orientation (TIFF tag 0x0112)."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :32] = 255
    body = cv2.imencode(".jpg", pixels)[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return body[:2] + b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff + body[2:]


@pytest.mark.parametrize(
    ("orientation", "size", "white"), [(1, (96, 64), (0, 0)), (3, (96, 64), (1, 1)), (6, (64, 96), (1, 0))]
)
def test_photos_are_turned_upright(
    tmp_path: Path, orientation: int, size: tuple[int, int], white: tuple[int, int]
) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(_jpeg_lying_on_its_side(orientation))
    frame = read_image(path)
    assert (frame.width, frame.height) == size
    corners = frame.pixels[8 :: frame.height - 17, 8 :: frame.width - 17, 0] > 128
    assert [tuple(int(i) for i in place[::-1]) for place in np.argwhere(corners)] == [white]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_and_transparent_photos_are_read(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.full((64, 80, channels), 90, np.uint8))
    assert read_image(path).pixels.shape == (64, 80, 3)


def test_a_photo_that_is_too_small_is_named(tmp_path: Path) -> None:
    path = tmp_path / "icon.png"
    cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(InputError, match=rf"{path}: expected sides of 48"):
        read_image(path)


def test_the_camera_takes_distinct_views_until_it_has_enough() -> None:
    script = Script(0, "blurred", _unit(), _unit((1, 0.1)), _unit((1, 0.5)), _unit((2, 0.5)), 2)
    lines: list[str] = []
    found = enrol_camera(script.frames(), script.analyse, script.embed, wanted=3, report=lines.append)
    assert _labels(found) == ["frame 2", "frame 4", "frame 5"]
    assert lines == [
        "no face",
        "blurred",
        "view 1 of 3: turn the head a little",
        "too like frame 2",
        "view 2 of 3: turn the head a little",
        "view 3 of 3: turn the head a little",
    ]


def test_the_camera_counts_refusals_by_reason() -> None:
    script = Script(0, 0, "blurred", 0, _unit())
    found = enrol_camera(script.frames(), script.analyse, script.embed)
    assert _reasons(found) == {"3 frames": "no face", "1 frames": "blurred"}


def test_the_camera_stops_when_the_time_is_up() -> None:
    script = Script(_unit(), *[0] * 25, _unit((1, 0.5)))
    found = enrol_camera(script.frames(fps=1.25), script.analyse, script.embed)  # the last frame is 20.8 s on
    assert found.one_shot
    assert _reasons(found) == {"25 frames": "no face"}
    in_time = enrol_camera(script.frames(fps=1.3), script.analyse, script.embed)  # the last frame is 20.0 s on
    assert len(in_time.views) == 2


def test_somebody_else_before_the_camera_stops_the_enrolment() -> None:
    script = Script(*ANNAS, STRANGER)
    with pytest.raises(EnrolmentError, match="another person than in the other views: frame 3"):
        enrol_camera(script.frames(), script.analyse, script.embed)


def test_a_camera_that_sees_nobody_or_nothing() -> None:
    script = Script(0, 0)
    with pytest.raises(NoFaceError, match="no face found: 2 frames"):
        enrol_camera(script.frames(), script.analyse, script.embed)
    with pytest.raises(EnrolmentError, match="the camera gave no frame"):
        enrol_camera([], script.analyse, script.embed)


@pytest.mark.parametrize("wanted", [0, 6])
def test_a_number_of_views_out_of_range_is_refused(wanted: int) -> None:
    script = Script(_unit())
    with pytest.raises(InputError, match=rf"expected 1\.\.5 views, got {wanted}"):
        enrol_camera(script.frames(), script.analyse, script.embed, wanted=wanted)
