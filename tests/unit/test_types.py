"""Value types: every frame a camera may give is taken or refused with a reason; empty has the shape of full."""

from __future__ import annotations

import numpy as np
import pytest

from edge.errors import FrameError, InputError
from edge.types import Eyes, Face, Faces, Frame, HeadPose, Match, Observation, PixelLayout, Pixels, Quality, TrackedFace


def picture(height: int = 96, width: int = 128, channels: int = 3) -> Pixels:
    """Random pixels ``(height, width, channels)``: no two channels alike."""
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), dtype=np.uint8)


def padded(height: int = 96, width: int = 100, channels: int = 3, stride: int = 448) -> Pixels:
    """A view as cameras give it: rows of ``stride`` bytes, longer than their pixels."""
    buffer = np.random.default_rng(8).integers(0, 256, (height, stride), dtype=np.uint8)
    return np.lib.stride_tricks.as_strided(buffer, (height, width, channels), (stride, channels, 1))


class TestFrame:
    def test_bgr_is_taken_as_it_is(self) -> None:
        pixels = picture()
        frame = Frame.from_pixels(pixels, 1.5, 3, source="door")
        assert np.array_equal(frame.pixels, pixels)
        assert (frame.width, frame.height, frame.captured_s, frame.index, frame.source) == (128, 96, 1.5, 3, "door")

    @pytest.mark.parametrize("shape", [(96, 128), (96, 128, 1)])
    def test_grey_fills_all_three_channels(self, shape: tuple[int, ...]) -> None:
        grey = picture(channels=1)
        frame = Frame.from_pixels(grey.reshape(shape), 0)
        assert all(np.array_equal(frame.pixels[:, :, channel], grey[:, :, 0]) for channel in range(3))

    @pytest.mark.parametrize(
        ("layout", "channels", "order"),
        [
            (None, 3, [0, 1, 2]),
            ("bgr", 3, [0, 1, 2]),
            ("rgb", 3, [2, 1, 0]),
            (None, 4, [2, 1, 0]),
            ("rgba", 4, [2, 1, 0]),
            ("bgra", 4, [0, 1, 2]),
        ],
    )
    def test_channels_come_out_as_bgr(self, layout: PixelLayout | None, channels: int, order: list[int]) -> None:
        pixels = picture(channels=channels)
        frame = Frame.from_pixels(pixels, 0, layout=layout)
        assert np.array_equal(frame.pixels, pixels[:, :, order])
        assert frame.pixels.flags.c_contiguous

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_padded_rows_are_packed(self, channels: int) -> None:
        view = padded(channels=channels)
        assert not view.flags.c_contiguous
        frame = Frame.from_pixels(view, 0)
        assert frame.pixels.shape == (96, 100, 3)
        assert np.array_equal(frame.pixels, Frame.from_pixels(view.copy(), 0).pixels)

    def test_a_cut_out_of_a_larger_frame_is_taken(self) -> None:
        whole = picture(200, 200)
        assert np.array_equal(Frame.from_pixels(whole[50:150, 20:120], 0).pixels, whole[50:150, 20:120])

    @pytest.mark.parametrize("size", [(96, 96), (48, 48), (97, 131), (2160, 3840)])
    def test_sizes_from_the_smallest_to_4k_are_taken(self, size: tuple[int, int]) -> None:
        frame = Frame.from_pixels(np.zeros((*size, 3), np.uint8), 0)
        assert (frame.height, frame.width) == size

    @pytest.mark.parametrize("size", [(0, 0), (0, 128), (96, 0), (47, 128), (96, 47), (48, 16385)])
    def test_a_side_too_small_or_too_large_is_refused(self, size: tuple[int, int]) -> None:
        with pytest.raises(FrameError, match=rf"expected sides of 48\.\.16384 px, got {size[1]}x{size[0]}"):
            Frame.from_pixels(np.zeros((*size, 3), np.uint8), 0)

    @pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64, np.float32, np.float64, np.bool_])
    def test_any_other_type_of_pixel_is_refused(self, kind: type[np.generic]) -> None:
        with pytest.raises(FrameError, match=f"expected uint8 pixels, got {np.dtype(kind)}$"):
            Frame.from_pixels(picture().astype(kind), 0)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite_are_said_so(self, value: float) -> None:
        pixels = picture().astype(np.float32)
        pixels[5, 5] = value
        with pytest.raises(FrameError, match="float32 with values that are not finite"):
            Frame.from_pixels(pixels, 0)

    @pytest.mark.parametrize("pixels", [np.zeros(96, np.uint8), np.zeros((1, 96, 96, 3), np.uint8)])
    def test_arrays_that_are_no_picture_are_refused(self, pixels: Pixels) -> None:
        with pytest.raises(FrameError, match=r"expected .*height, width.*, got shape"):
            Frame.from_pixels(pixels, 0)

    @pytest.mark.parametrize("channels", [0, 2, 5])
    def test_a_number_of_channels_without_a_layout_is_refused(self, channels: int) -> None:
        with pytest.raises(FrameError, match=r"channels|packed pixels"):
            Frame.from_pixels(np.zeros((96, 128, channels), np.uint8), 0)

    @pytest.mark.parametrize(("layout", "channels"), [("grey", 3), ("bgr", 4), ("rgba", 3), ("bgra", 1)])
    def test_a_layout_that_does_not_fit_is_refused(self, layout: PixelLayout, channels: int) -> None:
        with pytest.raises(FrameError, match=rf"expected \d channels for {layout}, got {channels}"):
            Frame.from_pixels(picture(channels=channels), 0, layout=layout)

    @pytest.mark.parametrize(
        "view",
        [
            pytest.param(picture().transpose(1, 0, 2), id="transposed"),
            pytest.param(picture()[::-1], id="upside down"),
            pytest.param(picture()[:, ::-1], id="mirrored"),
            pytest.param(picture()[:, :, ::-1], id="channels reversed"),
            pytest.param(picture(width=256)[:, ::2], id="every other column"),
            pytest.param(np.broadcast_to(picture(height=1), (96, 128, 3)), id="one row repeated"),
            pytest.param(np.moveaxis(np.ascontiguousarray(np.moveaxis(picture(), 2, 0)), 0, 2), id="planar"),
        ],
    )
    def test_rows_that_are_not_packed_pixels_are_refused(self, view: Pixels) -> None:
        with pytest.raises(FrameError, match=r"expected rows of packed pixels, got strides .* for shape"):
            Frame.from_pixels(view, 0)

    def test_what_is_no_array_is_refused(self) -> None:
        with pytest.raises(FrameError, match="expected a numpy array of pixels, got list"):
            Frame.from_pixels([[0, 0]], 0)  # type: ignore[arg-type]

    @pytest.mark.parametrize("captured_s", [float("nan"), float("inf")])
    def test_a_time_that_is_not_finite_is_refused(self, captured_s: float) -> None:
        with pytest.raises(FrameError, match="expected a finite capture time"):
            Frame.from_pixels(picture(), captured_s)

    def test_the_constructor_takes_only_what_is_in_form(self) -> None:
        with pytest.raises(FrameError, match=r"expected pixels of shape \(height, width, 3\)"):
            Frame(picture(channels=4), 0)
        with pytest.raises(FrameError, match="expected contiguous pixels"):
            Frame(padded(), 0)

    def test_a_frame_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError):
            Frame(picture(), 0).index = 2  # type: ignore[misc]


def faces(count: int) -> Faces:
    rng = np.random.default_rng(9)
    return Faces(
        rng.random((count, 4), np.float32),
        rng.random(count, np.float32),
        rng.random((count, 3, 3), np.float32),
        rng.random((count, 5, 2), np.float32),
    )


class TestFaces:
    def test_empty_has_the_shape_of_full(self) -> None:
        empty = Faces()
        assert len(empty) == 0
        assert list(empty) == []
        assert empty.boxes.shape == (0, 4)
        assert empty.take(np.zeros(0, np.intp)).landmarks.shape == (0, 5, 2)

    def test_rows_are_taken_in_the_order_asked_for(self) -> None:
        three = faces(3)
        picked = three.take(np.array([2, 0]))
        assert picked.scores.tolist() == three.scores[[2, 0]].tolist()
        assert np.array_equal(picked[0].landmarks, three.landmarks[2])
        assert [face.score for face in three] == three.scores.tolist()

    @pytest.mark.parametrize("name", ["boxes", "scores", "rotations", "landmarks"])
    def test_a_field_of_another_length_or_type_is_named(self, name: str) -> None:
        fields = {key: getattr(faces(2), key) for key in ("boxes", "scores", "rotations", "landmarks")}
        with pytest.raises(InputError, match=r"expected \w+ float32 \("):
            Faces(**{**fields, name: fields[name][:1]})
        with pytest.raises(InputError, match=rf"expected {name} float32 .*, got float64"):
            Faces(**{**fields, name: fields[name].astype(np.float64)})

    @pytest.mark.parametrize("name", ["boxes", "scores", "rotations", "landmarks"])
    def test_a_field_that_is_not_finite_is_named(self, name: str) -> None:
        fields = {key: getattr(faces(2), key).copy() for key in ("boxes", "scores", "rotations", "landmarks")}
        fields[name].flat[0] = np.nan
        with pytest.raises(InputError, match=f"expected finite {name}"):
            Faces(**fields)


def face(x1: float, y1: float, x2: float, y2: float) -> Face:
    box = np.array([x1, y1, x2, y2], np.float32)
    return Face(box, 0.9, np.eye(3, dtype=np.float32), np.zeros((5, 2), np.float32))


def test_the_side_of_a_face_is_the_mean_of_its_box() -> None:
    assert face(10, 10, 110, 35).side_px == pytest.approx(50)
    assert face(10, 10, 110, 35).area_px2 == pytest.approx(2500)
    assert face(10, 10, 5, 35).side_px == 0


@pytest.mark.parametrize(("distance", "accepted"), [(0.0, True), (1.0, True), (1.0001, False), (float("nan"), False)])
def test_a_match_is_accepted_up_to_its_distance_and_never_without_one(distance: float, accepted: bool) -> None:
    assert Match("Ada", distance, 1.0).accepted is accepted


def test_a_face_without_faults_is_good() -> None:
    pose = HeadPose(0, 0, 0)
    assert Quality(80, 20, 120, pose).good
    assert not Quality(80, 20, 120, pose, ("dark",)).good


def test_the_primary_face_is_the_first() -> None:
    first, second = (TrackedFace(number, face(0, 0, 50, 50), 1.0, HeadPose(0, 0, 0)) for number in (4, 5))
    assert Observation(0.0, 0).primary is None
    assert Observation(0.0, 0, (first, second)).primary is first


class TestEyes:
    def test_an_eye_that_cannot_be_read_is_none_and_nothing_is_claimed_of_it(self) -> None:
        assert Eyes() == Eyes(None, None, None, 0.0, None)
        one = Eyes(left=None, right=0.25, openness=0.25, certainty=0.6)
        assert (one.left, one.openness) == (None, 0.25)

    @pytest.mark.parametrize("name", ["left", "right", "openness", "certainty", "mouth_open"])
    @pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
    def test_a_number_that_cannot_be_is_refused(self, name: str, value: float) -> None:
        with pytest.raises(InputError, match=f"expected {name} of 0..1"):
            Eyes(**{"openness": 0.5, "certainty": 0.5, name: value})

    def test_no_certainty_without_a_reading(self) -> None:
        with pytest.raises(InputError, match="certainty 0"):
            Eyes(certainty=0.5)
