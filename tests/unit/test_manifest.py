"""The model manifest: what is missing, truncated, altered or of another shape is an error that names it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ConfigError, ModelError
from edge.runtime.manifest import Threshold, distance_for_fmr, load_manifest, read_model

CONTENT = b"not really a model, but as good as one to be hashed"
MANIFEST = f"""
schema = 1

[models.branch]
file = "branch.tflite"
sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"
precision = "int8"
licence = "MIT"
origin = "a test"
data = ["none"]
card = "cards/branch.md"
thresholds = [
    {{ fmr = 1e-4, distance_max = 0.9, impostor_pairs = 1000000 }},
    {{ fmr = 1e-3, distance_max = 1.0, impostor_pairs = 1000000 }},
]

[models.branch.input]
name = "image"
shape = [-1, 112, 112, 3]
channels = "rgb"
mean = [127.5, 127.5, 127.5]
std = [128.0, 128.0, 128.0]

[models.branch.outputs]
embedding = [-1, 128]
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "manifest.toml").write_text(MANIFEST)
    (tmp_path / "branch.tflite").write_bytes(CONTENT)
    return tmp_path


def test_a_model_that_matches_is_read(models: Path) -> None:
    spec = load_manifest(models).spec("branch")
    assert read_model(models / spec.file, spec) == CONTENT
    assert spec.outputs == {"embedding": (-1, 128)}
    assert spec.input.shape == (-1, 112, 112, 3)


def test_a_model_that_is_not_listed_is_named_with_those_that_are(models: Path) -> None:
    with pytest.raises(ModelError, match=r"no model named 'eyenet' .* expected one of \['branch'\]"):
        load_manifest(models).spec("eyenet")


def test_a_missing_model_is_named(models: Path) -> None:
    spec = load_manifest(models).spec("branch")
    with pytest.raises(ModelError, match=r"absent\.tflite: model file cannot be read: No such file"):
        read_model(models / "absent.tflite", spec)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(CONTENT[:-1], id="truncated"),
        pytest.param(CONTENT + b"\0", id="longer"),
        pytest.param(CONTENT.replace(b"not", b"now"), id="altered"),
        pytest.param(b"a text file", id="something else"),
    ],
)
def test_a_model_with_other_content_is_refused_with_both_hashes(models: Path, content: bytes) -> None:
    path = models / "branch.tflite"
    path.write_bytes(content)
    spec = load_manifest(models).spec("branch")
    with pytest.raises(ModelError) as caught:
        read_model(path, spec)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert spec.sha256 in message
    assert hashlib.sha256(content).hexdigest() in message
    assert f"{len(content)} bytes" in message


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("schema = 1", "schema = 2", "schema", id="another schema"),
        pytest.param("schema = 1", "", "schema", id="no schema"),
        pytest.param('licence = "MIT"', "", "licence", id="no licence"),
        pytest.param('licence = "MIT"', 'license = "MIT"', "license", id="unknown key"),
        pytest.param('precision = "int8"', 'precision = "int4"', "int4", id="unknown precision"),
        pytest.param('sha256 = "', 'sha256 = "X', "sha256", id="no hash"),
        pytest.param("[-1, 112, 112, 3]", "[112, 112, 3]", "shape", id="three dimensions"),
        pytest.param('"rgb"', '"cmyk"', "cmyk", id="unknown channels"),
        pytest.param("impostor_pairs = 1000000", "impostor_pairs = 0", "impostor_pairs", id="no evidence"),
        pytest.param("schema = 1", "schema 1", "line 2", id="not TOML"),
    ],
)
def test_a_manifest_that_is_wrong_is_named_with_its_key(models: Path, before: str, after: str, expected: str) -> None:
    path = models / "manifest.toml"
    assert before in MANIFEST
    path.write_text(MANIFEST.replace(before, after, 1))
    with pytest.raises(ModelError) as caught:
        load_manifest(models)
    assert str(caught.value).startswith(f"{path}: not a model manifest: ")
    assert expected in str(caught.value)


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest\.toml: not a model manifest: .*No such file"):
        load_manifest(tmp_path)


def test_every_shipped_model_matches_its_manifest_and_has_its_card() -> None:
    manifest = load_manifest()
    folder = Path(load_manifest.__code__.co_filename).parents[1] / "models"
    assert manifest.models
    for name in manifest.models:
        spec = manifest.spec(name)
        read_model(folder / spec.file, spec)
        assert (folder / spec.card).is_file(), spec.card
        if spec.twin and (folder / spec.twin.file).exists():
            read_model(folder / spec.twin.file, spec.at("float32"))
        assert spec.licence
        assert spec.data


TWIN = (
    MANIFEST
    + """
[models.branch.twin]
file = "branch_f32.tflite"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"""
)


class TestTwin:
    def test_the_twin_is_another_file_with_the_same_ends_and_no_borrowed_thresholds(self, models: Path) -> None:
        (models / "manifest.toml").write_text(TWIN)
        spec = load_manifest(models).spec("branch")
        assert spec.at("int8") is spec
        twin = spec.at("float32")
        assert (twin.file, twin.sha256, twin.precision) == ("branch_f32.tflite", "0" * 64, "float32")
        assert (twin.input, twin.outputs, twin.card) == (spec.input, spec.outputs, spec.card)
        assert twin.thresholds == ()
        assert twin.at("float32") is twin

    def test_without_a_twin_float32_is_refused(self, models: Path) -> None:
        with pytest.raises(ModelError, match=r"branch\.tflite: expected a float32 twin .* found none"):
            load_manifest(models).spec("branch").at("float32")

    def test_a_model_that_is_float32_only_serves_for_both(self, models: Path) -> None:
        (models / "manifest.toml").write_text(MANIFEST.replace('"int8"', '"float32"'))
        spec = load_manifest(models).spec("branch")
        assert spec.at("float32") is spec.at("int8") is spec

    def test_a_twin_without_a_hash_is_refused(self, models: Path) -> None:
        (models / "manifest.toml").write_text(TWIN.rsplit("sha256", 1)[0])
        with pytest.raises(ModelError, match="sha256"):
            load_manifest(models)

    def test_its_thresholds_have_to_grow_as_well(self, models: Path) -> None:
        rows = [
            f"{{ fmr = {fmr}, distance_max = {limit}, impostor_pairs = 9 }}" for fmr, limit in ((0.1, 1), (0.2, 0.5))
        ]
        (models / "manifest.toml").write_text(f"{TWIN}thresholds = [{', '.join(rows)}]\n")
        with pytest.raises(ModelError, match="thresholds that grow"):
            load_manifest(models)


TABLE = (
    Threshold(fmr=1e-2, distance_max=1.1, impostor_pairs=1000),
    Threshold(fmr=1e-4, distance_max=0.8, impostor_pairs=1000),
    Threshold(fmr=1e-3, distance_max=1.0, impostor_pairs=1000),
)


class TestDistanceForFmr:
    @pytest.mark.parametrize("row", TABLE)
    def test_a_rate_of_the_table_gives_its_own_distance(self, row: Threshold) -> None:
        assert distance_for_fmr(TABLE, row.fmr) == pytest.approx(row.distance_max)

    def test_between_two_rows_it_runs_with_the_logarithm_of_the_rate(self) -> None:
        assert distance_for_fmr(TABLE, 10**-3.5) == pytest.approx(0.9)
        assert distance_for_fmr(TABLE, 10**-2.5) == pytest.approx(1.05)

    @given(st.floats(1e-4, 1e-2), st.floats(1e-4, 1e-2))
    def test_a_lower_rate_never_allows_a_larger_distance(self, one: float, other: float) -> None:
        low, high = sorted((one, other))
        assert distance_for_fmr(TABLE, low) <= distance_for_fmr(TABLE, high) + 1e-9

    @pytest.mark.parametrize("fmr", [9.9e-5, 1.1e-2, 0.0, -1.0, 1.0, float("nan")])
    def test_a_rate_that_was_not_measured_is_refused(self, fmr: float) -> None:
        with pytest.raises(ConfigError, match=r"within what was measured \(0\.0001\.\.0\.01\), got"):
            distance_for_fmr(TABLE, fmr)

    def test_one_row_serves_its_own_rate_only(self) -> None:
        assert distance_for_fmr(TABLE[:1], 1e-2) == 1.1
        with pytest.raises(ConfigError):
            distance_for_fmr(TABLE[:1], 1e-3)

    def test_without_a_table_every_rate_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="no rate at all"):
            distance_for_fmr((), 1e-4)
