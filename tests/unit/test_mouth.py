"""The patch about the mouth, and what the reader makes of it: which mouths it reads, which it does not, and yawns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.app_driver import open_mouth
from edge.attributes.mouth import MOUTHNET, MouthReader
from edge.attributes.nods import YAWN_MIN_S, YAWN_OPEN_MIN, YAWN_SHUT_MAX, Yawns
from edge.attributes.patches import mouth_centre
from edge.config import Config, DetectConfig
from edge.detect.cascade import Cascade
from edge.errors import ModelError
from edge.images import read_image
from edge.pipeline import DriverPipeline, NoEyes, NoMouth, Sight
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR
from edge.types import Face, Frame, Pixels
from tests.unit.test_eyes import face_of, tracked

BYTES_MAX = 40_000
FPS = 10.0


def textured(gain: float = 1.0) -> Pixels:
    """A picture in which every patch has a hundred grey levels and more."""
    ramp = np.tile(np.linspace(20, 220, 16).astype(np.uint8), 20)[None, :, None]
    return np.broadcast_to((ramp * gain).astype(np.uint8), (320, 320, 3)).copy()


def frame_of(gain: float = 1.0) -> Frame:
    return Frame.from_pixels(textured(gain), 0.0)


def small_models(folder: Path) -> ModelStore:
    """The shipped models without MouthNet."""
    text = (MODELS_DIR / "manifest.toml").read_text(encoding="utf-8")
    other = text.replace("[models.mouthnet", "[models.other")
    (folder / "manifest.toml").write_text(other, encoding="utf-8")
    return ModelStore(folder)


@pytest.fixture(scope="module")
def reader() -> MouthReader:
    return MouthReader(ModelStore())


def test_the_patch_lies_below_the_corners_whichever_way_the_head_leans() -> None:
    for face, down in ((face_of(), (0, 1)), (face_of(roll_deg=90), None), (face_of(pitch_deg=180), (0, -1))):
        moved = mouth_centre(face) - face.landmarks[3:5].mean(axis=0)
        assert np.linalg.norm(moved) == pytest.approx(8, abs=0.1)  # a tenth of the distance between the eyes
        eyes = face.landmarks[:2].mean(axis=0) - face.landmarks[3:5].mean(axis=0)
        assert moved @ eyes < 0
        if down is not None:
            assert moved / 8 == pytest.approx(down, abs=0.02)


@pytest.mark.parametrize("face", [face_of(), face_of(30), face_of(-40), face_of(pitch_deg=-20), face_of(apart_px=24)])
def test_a_mouth_that_can_be_seen_is_read(reader: MouthReader, face: Face) -> None:
    mouth = reader.read(frame_of(), tracked(face))
    assert mouth is not None
    assert 0 <= mouth <= 1


@pytest.mark.parametrize(
    "face",
    [face_of(80), face_of(-70), face_of(pitch_deg=-45), face_of(pitch_deg=45), face_of(apart_px=14), face_of(50, -32)],
    ids=["in profile", "nearly", "looking down", "looking up", "far away", "turned and down"],
)
def test_what_cannot_be_seen_is_not_read(reader: MouthReader, face: Face) -> None:
    assert reader.read(frame_of(), tracked(face)) is None


def test_in_the_dark_nothing_is_read(reader: MouthReader) -> None:
    assert reader.read(frame_of(0.04), tracked(face_of())) is None


@pytest.mark.parametrize("towards", [(0, 90), (-160, 0), (130, 0), (0, -200)])
def test_a_mouth_at_the_edge_of_the_picture_is_not_read(reader: MouthReader, towards: tuple[int, int]) -> None:
    face = face_of()
    moved = Face(face.box, face.score, face.rotation, face.landmarks + np.array(towards, np.float32))
    assert reader.read(frame_of(), tracked(moved)) is None


def test_a_store_without_the_net_is_refused_and_the_driver_s_mode_says_so(tmp_path: Path) -> None:
    store, said = small_models(tmp_path), list[str]()
    with pytest.raises(ModelError, match="no model named 'mouthnet'"):
        MouthReader(store)
    assert isinstance(open_mouth(store, said.append), NoMouth)
    assert said == ["these models hold no MouthNet: no yawn is counted"]
    assert NoMouth().read(frame_of(), tracked(face_of())) is None


def test_the_shipped_net_is_small_and_learnt_from_no_evaluation_set() -> None:
    spec = ModelStore().manifest.spec(MOUTHNET)
    assert spec.precision == "int8"
    assert (MODELS_DIR / spec.file).stat().st_size <= BYTES_MAX
    assert not {"lfw", "att_faces", "aflw2000"} & set(spec.data)


@pytest.mark.clips
def test_the_mouth_is_read_where_no_eye_is(clips_dir: Path, reader: MouthReader) -> None:
    store = ModelStore()
    pipeline = DriverPipeline(Sight(store, Config()), NoEyes(), reader)
    face = pipeline.process(Frame.from_pixels(read_image(clips_dir / "single_face.jpg").pixels, 0.0)).primary
    assert face is not None
    assert face.eyes is not None
    assert face.eyes.openness is None
    assert face.eyes.mouth_open is not None
    assert face.eyes.mouth_open < YAWN_SHUT_MAX


@pytest.mark.clips
def test_people_who_smile_at_the_camera_do_not_yawn(clips_dir: Path, reader: MouthReader) -> None:
    frame = Frame.from_pixels(read_image(clips_dir / "multi_face.jpg").pixels, 0.0)
    mouths = [reader.read(frame, tracked(face)) for face in Cascade(ModelStore(), DetectConfig()).detect(frame)]
    read = [mouth for mouth in mouths if mouth is not None]
    assert len(read) >= 4
    assert max(read) < YAWN_OPEN_MIN


def yawns_of(mouths: list[float | None]) -> int:
    yawns = Yawns()
    for index, mouth in enumerate(mouths):
        yawns = yawns.step(mouth, index / FPS)
    return len(yawns.times_s)


def seconds(of: float | None, for_s: float) -> list[float | None]:
    return [of] * round(for_s * FPS)


def test_a_yawn_is_a_mouth_that_stays_wide_open() -> None:
    assert yawns_of(seconds(0.05, 2) + seconds(0.95, 4) + seconds(0.05, 2)) == 1
    assert yawns_of((seconds(0.05, 2) + seconds(0.95, 4)) * 3) == 3
    assert yawns_of(seconds(0.05, 2) + seconds(0.95, YAWN_MIN_S - 0.2) + seconds(0.05, 2)) == 0


def test_speech_however_wide_and_long_is_no_yawn() -> None:
    """Syllables come at 3 to 8 a second; a drawn out vowel lasts a second at most."""
    syllables = (seconds(0.95, 0.2) + seconds(0.1, 0.2)) * 100
    shouts = (seconds(1.0, 1.0) + seconds(0.2, 0.4)) * 40
    assert yawns_of(syllables) == 0
    assert yawns_of(shouts) == 0


def test_what_happens_unseen_counts_for_nothing() -> None:
    assert yawns_of(seconds(0.95, 0.8) + seconds(None, 3) + seconds(0.95, 0.8)) == 0
    assert yawns_of(seconds(None, 60)) == 0
