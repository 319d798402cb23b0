"""What a network without alignment sees of a photo, and what its manifest has to say of how it compares two."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edge.errors import InputError, ModelError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import InputSpec, load_manifest
from edge.types import Floats, Pixels
from edge.verify.comparison import Comparer, seen

CONTENT = b"no model, but its manifest is read first"
MANIFEST = f"""
schema = 1

[models.tutorial]
file = "tutorial.tflite"
sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"
precision = "int8"
licence = "MIT"
origin = "a test"
data = ["none"]
card = "cards/tutorial.md"

[models.tutorial.input]
name = "image"
shape = [1, 56, 46, 1]
channels = "grey"
mean = [0.0]
std = [255.0]

[models.tutorial.outputs]
embedding = [1, 50]
"""
COMPARISON = """
[models.tutorial.comparison]
crop = "photo"
distance = "euclidean"
distance_max = 7.5
fmr = 0.02
fnmr = 0.03
validation_pairs = 3750
"""


def grey(height: int, width: int) -> InputSpec:
    return InputSpec(name="image", shape=(1, height, width, 1), channels="grey", mean=(0.0,), std=(255.0,))


def colour(side: int) -> InputSpec:
    return InputSpec(name="image", shape=(1, side, side, 3), channels="rgb", mean=(0.0,) * 3, std=(255.0,) * 3)


def ramp(height: int, width: int) -> Pixels:
    """Blue says the column, green the row."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)


def box(*edges: float) -> Floats:
    return np.array(edges, np.float32)


def test_a_whole_grey_photo_is_averaged_down_to_one_channel() -> None:
    photo = np.repeat(np.arange(112, dtype=np.uint8)[:, None, None], 92, axis=1).repeat(3, axis=2)
    small = seen(photo, grey(56, 46))
    assert small.shape == (56, 46, 1)
    assert small[10, 0, 0] in (20, 21)  # of rows 20 and 21
    assert np.array_equal(small[:, 0], small[:, -1])


def test_of_a_face_only_its_square_is_seen() -> None:
    found = seen(ramp(120, 200), colour(20), box(60, 40, 76, 60), face_scale=1.0)
    assert found[0, 0, 0] == 58  # the 16 x 20 box has become 20 x 20 about its centre
    assert found[0, 0, 1] == 40
    assert (found[-1, -1, 0], found[-1, -1, 1]) == (77, 59)


def test_beyond_the_photo_its_edge_goes_on() -> None:
    found = seen(ramp(100, 100), colour(40), box(-20, -20, 20, 20), face_scale=1.0)
    assert (found[:20, :20] == 0).all()
    assert found[-1, -1, 0] == 19


def test_a_larger_scale_sees_more() -> None:
    near, far = (seen(ramp(100, 100), colour(40), box(40, 40, 60, 60), face_scale=scale) for scale in (1.0, 2.0))
    assert np.ptp(far[..., 0]) > 1.8 * np.ptp(near[..., 0])


def test_a_face_without_its_box_is_refused() -> None:
    with pytest.raises(InputError, match="expected the box of a face"):
        seen(ramp(100, 100), colour(40), face_scale=1.0)


def store(directory: Path, text: str) -> ModelStore:
    (directory / "manifest.toml").write_text(text, encoding="utf-8")
    (directory / "tutorial.tflite").write_bytes(CONTENT)
    return ModelStore(directory)


def test_an_entry_that_does_not_say_how_it_compares_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="says how it compares two photos, found none"):
        Comparer(store(tmp_path, MANIFEST), "tutorial")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('distance = "euclidean"', 'distance = "one_minus_score"', "expected 2 photos as input and one output 'score'"),
        ("embedding = [1, 50]", "score = [1, 1]", "expected 1 photos as input and one output 'embedding'"),
        ("fmr = 0.02", "fmr = 1.2", r"fmr"),
        ("distance_max = 7.5", "distance_max = 7.5\nmargin = 1", r"unknown field `margin`"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = MANIFEST + COMPARISON
    assert old in text
    with pytest.raises(ModelError, match=message):
        Comparer(store(tmp_path, text.replace(old, new)), "tutorial")


def test_an_entry_is_found_by_its_file(tmp_path: Path) -> None:
    store(tmp_path, MANIFEST + COMPARISON)
    manifest = load_manifest(tmp_path)
    assert manifest.name_of("tutorial.tflite") == "tutorial"
    with pytest.raises(ModelError, match=r"no entry for other\.tflite .* it knows tutorial\.tflite"):
        manifest.name_of("other.tflite")
