"""Cards that the evaluation writes: sections in their places, small plots, sheets, and the figures behind them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from edge.config import DetectConfig
from edge.errors import InputError
from edge.images import read_image
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import Twin, load_manifest
from edge.types import Faces, Floats, Frame, HeadPose
from training.evaluate.card import command
from training.evaluate.card_parts import Part, float32_store, share, wide_table
from training.evaluate.cascade_card import detection_figures, fpnet_part, stage_part, write_failures
from training.evaluate.cascade_pass import CascadePass, Seen, above
from training.evaluate.contact_sheet import Tile, cut, write_sheet
from training.evaluate.plots import SIZE_MAX, Curve, draw_curves, draw_histograms
from training.evaluate.plots import Frame as Axes
from training.evaluate.posed_photos import PosedPhoto
from training.export.card import CardFacts, put_section, with_section, write_card
from training.export.cascade import seed_models
from training.export.manifest import update_manifest

BOX = np.array([60, 60, 160, 160], np.float32)
NO_WINDOWS = np.zeros((0, 4), np.float32)


def exported_card(folder: Path) -> tuple[Path, ModelStore]:
    """A folder of models with P-Net's card as its export leaves it."""
    seed_models(folder)
    store = ModelStore(folder)
    facts = CardFacts("Net", "A net.", "make it", {"faces": "free"}, {"parity": "1e-7"}, {"seed": "1"}, ("a limit",))
    return write_card(store.manifest.spec("pnet"), facts, folder), store


def test_the_evaluation_s_section_stands_between_the_export_s_and_replaces_only_itself(tmp_path: Path) -> None:
    path, store = exported_card(tmp_path)
    before = path.read_text(encoding="utf-8")
    spec = store.manifest.spec("pnet")
    for body in ("old figures", "### Pose\n\nnew figures"):
        put_section(path, spec, "Measured", body)
    text = path.read_text(encoding="utf-8")
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Data and terms",
        "Measured",
        "At export",
        "Recipe",
        "Known limits",
    ]
    assert text.replace("## Measured\n\n### Pose\n\nnew figures\n\n", "") == before
    put_section(path, spec, "Measured", "### Pose\n\nnew figures")
    assert path.read_text(encoding="utf-8") == text


def test_a_section_of_another_s_making_is_kept_at_the_end() -> None:
    assert with_section("# T\n\n## Search\n\ns\n", "Recipe", "r") == "# T\n\n## Recipe\n\nr\n\n## Search\n\ns\n"


def test_a_card_of_another_file_is_refused(tmp_path: Path) -> None:
    path, store = exported_card(tmp_path)
    with pytest.raises(InputError, match=r"pnet\.md: expected the card of rnet"):
        put_section(path, store.manifest.spec("rnet"), "Measured", "figures")
    with pytest.raises(InputError, match=r"none\.md: model card cannot be read"):
        put_section(tmp_path / "none.md", store.manifest.spec("rnet"), "Measured", "figures")


def test_the_shipped_cards_belong_to_the_shipped_files_and_their_pictures_are_there() -> None:
    folder = Path(load_manifest.__code__.co_filename).parents[1] / "models"
    for spec in load_manifest().models.values():
        text = (folder / spec.card).read_text(encoding="utf-8")
        assert spec.sha256 in text, spec.card
        pictures = re.findall(r"\]\(([\w-]+\.png)\)", text)
        assert all((folder / "cards" / picture).stat().st_size <= SIZE_MAX for picture in pictures)


def test_plots_are_small_and_the_same_every_time(tmp_path: Path) -> None:
    x = np.linspace(0, 1, 200, dtype=np.float32)
    frame = Axes("A title", "x", "y", threshold=(0.5, "here"))
    random = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        draw_curves(tmp_path / name, frame, [Curve(f"curve {row}", x, x**row) for row in range(5)])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    groups = {"one": random.normal(size=4000).astype(np.float32), "none": np.zeros(0, np.float32)}
    path = draw_histograms(tmp_path / "c.png", frame, groups, np.linspace(-3, 3, 40, dtype=np.float32))
    for picture in (tmp_path / "a.png", path):
        assert 2_000 < picture.stat().st_size <= SIZE_MAX
        assert read_image(picture).width > 400


def test_a_curve_is_drawn_over_its_whole_range(tmp_path: Path) -> None:
    """Axes that were left at 0..1 would show nothing of it."""
    x = np.array([-90, 90], np.float32)
    drawn = read_image(draw_curves(tmp_path / "a.png", Axes("", "", ""), [Curve("c", x, x)])).pixels
    _, columns = np.nonzero(drawn[..., 0].astype(int) - drawn[..., 2] > 90)
    assert len(set(columns.tolist())) > 0.7 * drawn.shape[1]


def test_a_sheet_holds_its_tiles_in_rows(tmp_path: Path) -> None:
    red = np.zeros((128, 128, 3), np.uint8)
    red[..., 2] = 200
    path = write_sheet(tmp_path / "s.png", [Tile((red,), str(row)) for row in range(9)], columns=4)
    pixels = read_image(path).pixels
    assert pixels.shape == (3 * 150, 4 * 132, 3)
    assert (pixels[320, 20] == (0, 0, 200)).all()
    assert (pixels[320, 200] == 250).all()
    with pytest.raises(InputError, match="expected failures to show"):
        write_sheet(tmp_path / "t.png", [])


def test_a_tile_shows_the_face_with_a_margin() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[50:150, 50:150] = 255
    tile = cut(pixels, np.array([50, 50, 150, 150], np.float32))
    assert tile.shape == (128, 128, 3)
    assert np.mean(tile > 127) == pytest.approx(1 / 1.6**2, rel=0.05)


def test_tables_and_shares() -> None:
    assert wide_table(("a", ""), [("b", None), ("c", 1.5)]) == "| a |  |\n| --- | --- |\n| b |  |\n| c | 1.5 |"
    assert share(np.array([True, False, False])) == 0.3333
    assert share(np.zeros(0, bool)) is None


def faces(*rows: tuple[Floats, float]) -> Faces:
    """Faces of the given boxes and scores that look straight ahead."""
    n = len(rows)
    return Faces(
        np.stack([box for box, _ in rows]),
        np.array([score for _, score in rows], np.float32),
        np.tile(np.eye(3, dtype=np.float32), (n, 1, 1)),
        np.zeros((n, 5, 2), np.float32),
    )


@pytest.fixture
def done(tmp_path: Path) -> CascadePass:
    """Three photos: found at 0.95 (a lower box elsewhere), found at 0.5 in profile, not at all. Two empty ones."""
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.full((240, 240, 3), 90, np.uint8))
    poses = [HeadPose(10, 0, 0), HeadPose(70, 0, 0), HeadPose(-5, 0, 0)]
    elsewhere = BOX - 60
    seen = [
        Seen(faces((BOX, 0.95), (elsewhere, 0.9)), BOX[None], BOX[None]),
        Seen(faces((BOX, 0.5)), BOX[None], BOX[None]),
        Seen(Faces(), BOX[None], NO_WINDOWS),
    ]
    empty = [Frame(np.zeros((96, 96, 3), np.uint8), 0.0)] * 2
    empty_seen = [
        Seen(faces((elsewhere, 0.92), (BOX, 0.3)), NO_WINDOWS, NO_WINDOWS),
        Seen(Faces(), NO_WINDOWS, BOX[None]),
    ]
    photos = [PosedPhoto(path, pose, BOX) for pose in poses]
    return CascadePass(photos, seen, [True, True, False], empty, empty_seen, 1, DetectConfig())


def test_one_pass_gives_the_figures_of_every_threshold(done: CascadePass) -> None:
    assert done.hit_scores() == pytest.approx([0.95, 0.5, 0])
    assert detection_figures(done) == {
        "n": 3,
        "recall": 0.3333,
        "recall_yaw_over_60": 0.0,
        "false_positives_per_image": 0.5,
        "negatives": 2,
        "negatives_skipped": 1,
    }
    assert len(above(done.seen[0].faces, 0.93)) == 1
    stages = {name: stage_part(done, name).figures for name in ("pnet", "rnet")}
    assert (stages["pnet"]["faces_kept"], stages["rnet"]["faces_kept"]) == (1.0, 0.6667)
    assert stages["rnet"]["windows_a_photo_without_people"] == 0.5


def test_fpnet_s_part_counts_the_standard_photos_and_links_its_plots(done: CascadePass, tmp_path: Path) -> None:
    part = fpnet_part(done, {"nme": 4.5}, tmp_path)
    assert (part.figures["pose"]["n"], part.figures["pose"]["found"]) == (2, 1)
    assert part.figures["pose"]["mae_yaw"] == pytest.approx(10, abs=1e-3)
    assert "| nme | 4.5 |" in part.paragraphs[4]
    linked = re.findall(r"\]\((.*?)\)", "\n".join(part.paragraphs))
    assert linked == ["fpnet-error-by-yaw.png", "fpnet-scores.png", "detection-roc.png"]
    assert all((tmp_path / name).is_file() for name in linked)


def test_what_int8_costs_stands_where_the_twins_are(done: CascadePass, tmp_path: Path) -> None:
    part = fpnet_part(done, {}, tmp_path, done)
    assert part.figures["float32"] == {"mae": part.figures["pose"]["mae"], "recall": 0.3333}
    assert any("the same in float32" in paragraph for paragraph in part.paragraphs)


def test_twins_are_used_only_where_all_of_them_are_there(tmp_path: Path) -> None:
    seed_models(tmp_path)
    assert float32_store(ModelStore(tmp_path)) is not None  # as shipped
    for name, spec in ModelStore(tmp_path).manifest.models.items():
        update_manifest(name, msgspec.structs.replace(spec, twin=None), tmp_path)
        (tmp_path / f"{name}_f32.tflite").unlink(missing_ok=True)
    for name, spec in ModelStore(tmp_path).manifest.models.items():
        assert float32_store(ModelStore(tmp_path)) is None
        if spec.precision == "int8":
            named = msgspec.structs.replace(spec, twin=Twin(file=f"{name}_f32.tflite", sha256="0" * 64))
            update_manifest(name, named, tmp_path)
    assert float32_store(ModelStore(tmp_path)) is None  # named, but left out
    for spec in ModelStore(tmp_path).manifest.models.values():
        if spec.twin:
            (tmp_path / spec.twin.file).touch()
    found = float32_store(ModelStore(tmp_path))
    assert found is not None
    assert {found.spec(name).precision for name in found.manifest.models} == {"float32"}


def test_the_sheets_show_what_failed(done: CascadePass, tmp_path: Path) -> None:
    sheets = write_failures(done, tmp_path / "out")
    assert [sheet.name for sheet in sheets] == ["worst-pose.png", "worst-misses.png", "worst-false-faces.png"]


def test_a_part_is_written_under_the_files_it_was_measured_with(tmp_path: Path) -> None:
    from training.evaluate.card import write_measured

    path, store = exported_card(tmp_path)
    write_measured("pnet", Part({}, ["one", "two"]), store)
    text = path.read_text(encoding="utf-8")
    assert f"`{store.manifest.spec('fpnet').file}` {store.manifest.spec('fpnet').sha256[:12]}" in text
    assert "one\n\ntwo\n" in text
    assert "## Search" not in text
    path.with_name("pnet-search.md").write_text("# A search", encoding="utf-8")
    write_measured("pnet", Part({}, ["three"]), store)
    assert "## Search\n\nWhat other geometries were tried: [pnet-search.md](pnet-search.md)" in path.read_text("utf-8")


def test_a_missing_data_set_is_named_and_no_card_is_touched(tmp_path: Path) -> None:
    path, _ = exported_card(tmp_path)
    before = path.read_bytes()
    result = CliRunner().invoke(command, ["pnet", "--data", str(tmp_path / "none"), "--models", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "poses.csv" in str(result.exception)
    assert path.read_bytes() == before


@pytest.mark.data
def test_the_card_is_written_from_a_few_photos(data_dir: Path, tmp_path: Path) -> None:
    models, data = tmp_path / "models", tmp_path / "data"
    path, _ = exported_card(models)
    (data / "aflw2000").mkdir(parents=True)
    (data / "aflw2000/images").symlink_to(data_dir / "aflw2000/images")
    lines = (data_dir / "aflw2000/poses.csv").read_text(encoding="utf-8").splitlines()
    (data / "aflw2000/poses.csv").write_text("\n".join([lines[0], *lines[1::40]]), encoding="utf-8")
    (data / "backgrounds").mkdir()
    for photo in sorted((data_dir / "backgrounds").glob("*.jpg"))[:8]:
        (data / "backgrounds" / photo.name).symlink_to(photo)
    given = ["pnet", "--data", str(data), "--models", str(models), "--failures", str(tmp_path / "sheets")]
    result = CliRunner().invoke(command, given, catch_exceptions=False)
    figures = json.loads(result.output.splitlines()[-1])
    assert figures["pnet"]["n"] == len(lines[1::40])
    assert figures["pnet"]["faces_kept"] > 0.9
    assert f"| faces_kept | {figures['pnet']['faces_kept']} |" in path.read_text(encoding="utf-8")
