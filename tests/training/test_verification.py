"""Match rates against tables worked out by hand, and what the evaluation refuses."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.errors import InputError
from edge.runtime.manifest import Twin, load_manifest
from edge.types import Faces, Floats, Frame
from training.evaluate.embedded import Embedded, Look, embed_all, main_face
from training.evaluate.match_rates import (
    PairDistances,
    all_pairs,
    best_threshold,
    distance_at_fmr,
    equal_error_rate,
    fold_accuracy,
    tar_at_fmr,
)
from training.evaluate.pairs import Pair, list_images, random_pairs, read_pairs
from training.evaluate.thresholds import fit_thresholds, record, record_twin
from training.evaluate.verification import measure, measure_every_pair, pair_distances

GENUINE = np.array([0.2, 0.4, 0.6, 1.1], np.float32)
IMPOSTOR = np.array([0.9, 1.0, 1.2, 1.3, 1.4], np.float32)


def unit(degrees: float) -> Floats:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_eer_of_a_hand_made_table() -> None:
    # At 1.0: two of five impostors match, one of four genuine pairs does not; at 0.9: one of five, one of four.
    assert equal_error_rate(PairDistances(GENUINE, IMPOSTOR)) == pytest.approx((1 / 5 + 1 / 4) / 2)


def test_eer_is_zero_where_the_distances_do_not_overlap() -> None:
    assert equal_error_rate(PairDistances(GENUINE[:3], IMPOSTOR)) == 0


@pytest.mark.parametrize(("fmr", "tar"), [(0.0, 0.75), (0.2, 0.75), (0.4, 1.0), (1.0, 1.0)])
def test_tar_at_a_false_match_rate(fmr: float, tar: float) -> None:
    assert tar_at_fmr(PairDistances(GENUINE, IMPOSTOR), fmr) == pytest.approx(tar)


@pytest.mark.parametrize("fmr", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_no_more_impostors_match_than_the_rate_allows(fmr: float) -> None:
    threshold = distance_at_fmr(IMPOSTOR, fmr)
    assert np.mean(threshold >= IMPOSTOR) == pytest.approx(fmr)


def test_ties_at_the_threshold_never_exceed_the_rate() -> None:
    tied = np.array([0.5, 1.0, 1.0, 1.0, 1.5], np.float32)
    assert np.mean(tied <= distance_at_fmr(tied, 0.4)) <= 0.4


def test_best_threshold_lies_between_the_classes() -> None:
    assert best_threshold(np.array([0.1, 0.3, 0.7], np.float32), np.array([True, True, False])) == pytest.approx(0.5)


def test_accuracy_uses_the_threshold_of_the_other_folds() -> None:
    # Fold 1 alone would be perfect at 0.9; fold 2's best threshold of 0.5 gets one of its four wrong.
    distances = np.array([0.2, 0.8, 1.0, 1.1, 0.4, 0.3, 0.6, 0.7], np.float32)
    same = np.array([True, True, False, False, True, True, False, False])
    folds = np.array([1, 1, 1, 1, 2, 2, 2, 2], np.int32)
    # The other way round 0.9 takes both of fold 2's impostors for the same person.
    assert fold_accuracy(distances, same, folds) == pytest.approx((3 / 4 + 2 / 4) / 2)


def test_a_pair_without_a_face_is_an_error_even_for_different_people() -> None:
    distances = np.array([0.2, np.inf, 1.2, np.inf], np.float32)
    assert fold_accuracy(distances, np.array([True, True, False, False]), np.ones(4, np.int32)) == pytest.approx(0.5)


def test_all_pairs_are_counted_once_and_by_identity() -> None:
    embeddings = np.stack([unit(0), unit(60), unit(180)])
    pairs = all_pairs(embeddings, np.array([0, 0, 1], np.int32))
    assert pairs.genuine == pytest.approx([1.0], abs=1e-3)
    assert pairs.impostor == pytest.approx([np.sqrt(3), 2.0], abs=1e-3)


def test_all_pairs_of_more_rows_than_a_block_holds() -> None:
    angles = np.random.default_rng(0).uniform(0, 360, 1100)
    embeddings = np.stack([unit(angle) for angle in angles])
    pairs = all_pairs(embeddings, (np.arange(1100) % 3).astype(np.int32))
    assert len(pairs.genuine) + len(pairs.impostor) == 1100 * 1099 // 2
    assert len(pairs.genuine) == sum(n * (n - 1) // 2 for n in (367, 367, 366))


def test_one_kind_of_pair_is_refused() -> None:
    with pytest.raises(InputError, match="got 3 and 0"):
        all_pairs(np.stack([unit(0), unit(1), unit(2)]), np.zeros(3, np.int32))


def test_thresholds_stop_where_fewer_than_five_impostors_match() -> None:
    impostor = np.sort(np.random.default_rng(0).uniform(0.5, 2, 6000)).astype(np.float32)
    rows = fit_thresholds(PairDistances(GENUINE, impostor))
    assert [row.fmr for row in rows] == [1e-2, 1e-3]
    assert [np.count_nonzero(impostor <= row.distance_max) for row in rows] == [60, 6]
    assert {row.impostor_pairs for row in rows} == {6000}


def test_too_few_impostors_for_any_threshold_are_refused() -> None:
    with pytest.raises(InputError, match="expected at least 500 impostor pairs, got 5"):
        fit_thresholds(PairDistances(GENUINE, IMPOSTOR))


def test_recording_keeps_the_entry_and_replaces_only_its_section_of_the_card(tmp_path: Path) -> None:
    spec = load_manifest().spec("siamese")
    card = tmp_path / spec.card
    card.parent.mkdir()
    card.write_text(f"# Title\n\n{spec.sha256}\n\n## Thresholds\n\nold figures\n", encoding="utf-8")
    impostor = np.sort(np.random.default_rng(0).uniform(0.5, 2, 6000)).astype(np.float32)
    for eer in (0.25, 0.125):
        assert record(spec, {"eer": eer}, PairDistances(GENUINE, impostor), "a cohort", tmp_path) == 2
    written = load_manifest(tmp_path).spec("siamese")
    assert (written.sha256, written.threshold_cohort) == (spec.sha256, "a cohort")
    assert [row.fmr for row in written.thresholds] == [1e-2, 1e-3]
    text = card.read_text(encoding="utf-8")
    assert text.startswith(f"# Title\n\n{spec.sha256}\n")
    assert text.count("## Thresholds") == 1
    assert "| eer | 0.1250 |" in text
    assert "old figures" not in text


def test_the_twin_s_thresholds_are_its_own(tmp_path: Path) -> None:
    twin = Twin(file="siamese_f32.tflite", sha256="7" * 64)
    spec = msgspec.structs.replace(load_manifest().spec("siamese"), twin=twin)
    card = tmp_path / spec.card
    card.parent.mkdir()
    card.write_text(f"# Title\n\n{spec.sha256} {twin.sha256}\n", encoding="utf-8")
    impostor = np.sort(np.random.default_rng(0).uniform(0.5, 2, 6000)).astype(np.float32)
    assert record_twin(spec, {"eer": 0.25}, PairDistances(GENUINE, impostor), "a cohort", tmp_path) == 2
    written = load_manifest(tmp_path).spec("siamese")
    assert written.thresholds == spec.thresholds
    assert [row.fmr for row in written.at("float32").thresholds] == [1e-2, 1e-3]
    assert "## Thresholds of the float32 twin\n\na cohort" in card.read_text(encoding="utf-8")


def test_figures_of_four_photos_of_two_people() -> None:
    names = ("ann/1.jpg", "ann/2.jpg", "bob/1.jpg", "bob/2.jpg")
    embedded = Embedded(names, np.stack([unit(0), unit(10), unit(90), unit(100)]), ("bob/3.jpg",))
    pairs = [
        Pair(1, "ann/1.jpg", "ann/2.jpg", True),
        Pair(1, "ann/1.jpg", "bob/1.jpg", False),
        Pair(1, "bob/2.jpg", "bob/3.jpg", True),
    ]
    figures, _ = measure(pairs, embedded)
    assert figures == {
        "n_pairs": 3,
        "undetected": 1,
        "accuracy": pytest.approx(2 / 3),
        "eer": 0.0,
        "tar_fmr_1e-3": 1.0,
        "tar_fmr_1e-4": 1.0,
        "tar_fmr_1e-3_labelled": 0.5,  # Bob's pair has a photo without a face
        "tar_fmr_1e-4_labelled": 0.5,
    }
    assert np.isinf(pair_distances(pairs, embedded)[2])


def test_every_pair_is_measured_beside_random_pairs() -> None:
    names = ("ann/1.pgm", "ann/2.pgm", "bob/1.pgm", "bob/2.pgm")
    figures, every = measure_every_pair(Embedded(names, np.stack([unit(0), unit(10), unit(90), unit(100)]), ()))
    assert (len(every.genuine), len(every.impostor)) == (2, 4)
    assert figures | {"tar_fmr_1e-3": 0, "tar_fmr_1e-4": 0} == {
        "n_photos": 4,
        "n_people": 2,
        "n_pairs": 6,
        "undetected": 0,
        "eer": 0.0,
        "random_pair_accuracy": 1.0,
        "tar_fmr_1e-3": 0,
        "tar_fmr_1e-4": 0,
    }


def test_a_photo_without_a_face_fails_its_random_pairs_but_is_counted_among_all() -> None:
    names = ("ann/1.pgm", "ann/2.pgm", "bob/1.pgm")
    figures, _ = measure_every_pair(Embedded(names, np.stack([unit(0), unit(10), unit(90)]), ("bob/2.pgm",)))
    assert (figures["n_photos"], figures["n_pairs"], figures["undetected"], figures["eer"]) == (4, 6, 1, 0.0)
    # Bob's own pair, and half of those of two people.
    assert figures["random_pair_accuracy"] == pytest.approx(0.5, abs=0.03)


def test_random_pairs_are_half_of_one_person_and_never_a_photo_with_itself() -> None:
    names = ["ann/1.pgm", "ann/2.pgm", "ann/3.pgm", "bob/1.pgm"]
    pairs = random_pairs(names, 400, 4, np.random.default_rng(0))
    assert [pair.same for pair in pairs] == [True, False] * 200
    assert all(pair.image_a != pair.image_b for pair in pairs)
    assert all((Path(pair.image_a).parent == Path(pair.image_b).parent) == pair.same for pair in pairs)
    assert [sum(pair.fold == fold for pair in pairs) for fold in range(4)] == [100] * 4


@pytest.mark.parametrize("names", [["ann/1.pgm", "bob/1.pgm"], ["ann/1.pgm", "ann/2.pgm"]])
def test_random_pairs_need_two_people_and_two_photos(names: list[str]) -> None:
    with pytest.raises(InputError, match="expected several photos of somebody, and several people"):
        random_pairs(names, 4, 4, np.random.default_rng(0))


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((64, 64, 3), np.uint8))
    return path


def pairs_file(folder: Path, *lines: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_pairs_are_read(tmp_path: Path) -> None:
    photo(tmp_path / "ann/1.jpg"), photo(tmp_path / "bob/1.jpg")
    path = pairs_file(tmp_path, "fold,image_a,image_b,same", "3,ann/1.jpg,bob/1.jpg,0")
    assert read_pairs(path, tmp_path) == [Pair(3, "ann/1.jpg", "bob/1.jpg", False)]
    assert list_images(tmp_path) == ["ann/1.jpg", "bob/1.jpg"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["fold,image_a,same", "1,ann/1.jpg,1"], r"missing \['image_b'\]"),
        (["fold,image_a,image_b,same", "1,ann/1.jpg,ann/9.jpg,1"], "line 2: no such image: .*ann/9.jpg"),
        (["fold,image_a,image_b,same", "1,ann/1.jpg,,1"], "line 2: no such image"),
        (["fold,image_a,image_b,same", "1,ann/1.jpg,ann/1.jpg,yes"], "line 2: expected a number as fold and 0 or 1"),
        (["fold,image_a,image_b,same"], "header only"),
    ],
)
def test_bad_pairs_are_refused_by_row(tmp_path: Path, lines: list[str], message: str) -> None:
    photo(tmp_path / "ann/1.jpg")
    with pytest.raises(InputError, match=message):
        read_pairs(pairs_file(tmp_path, *lines), tmp_path)


def test_a_missing_pairs_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_pairs(tmp_path / "none.csv", tmp_path)


def test_a_missing_folder_of_images_is_named(tmp_path: Path) -> None:
    path = pairs_file(tmp_path, "fold,image_a,image_b,same", "3,ann/1.jpg,bob/1.jpg,0")
    with pytest.raises(InputError, match="none: no such folder of images"):
        read_pairs(path, tmp_path / "none")


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    photo(tmp_path / "ann/1.jpg").write_text("not a picture", encoding="utf-8")
    with pytest.raises(InputError, match=r"ann/1\.jpg: expected a picture"):
        embed_all(tmp_path, ["ann/1.jpg"], lambda frame: Look(unit(0)), print)


def test_images_without_a_face_are_counted(tmp_path: Path) -> None:
    names = [str(photo(tmp_path / name).relative_to(tmp_path)) for name in ("ann/1.jpg", "ann/2.jpg")]
    embedded = embed_all(tmp_path, names, lambda frame: Look(unit(0)) if "1.jpg" in frame.source else None, print)
    assert (embedded.names, embedded.without_face) == (("ann/1.jpg",), ("ann/2.jpg",))


def test_the_face_in_the_middle_is_taken_before_a_slightly_larger_one_at_the_edge() -> None:
    boxes = np.array([[0, 0, 90, 90], [160, 160, 240, 240]], np.float32)
    faces = Faces(
        boxes, np.ones(2, np.float32), np.tile(np.eye(3, dtype=np.float32), (2, 1, 1)), np.zeros((2, 5, 2), np.float32)
    )
    frame = Frame(np.zeros((400, 400, 3), np.uint8), 0.0)
    assert main_face(faces, frame) == 1
    assert main_face(faces.take(np.array([1, 0])), frame) == 0


def test_the_shipped_thresholds_rise_with_the_rate() -> None:
    rows = sorted(load_manifest().spec("siamese").thresholds, key=lambda row: row.fmr)
    assert len(rows) >= 4
    assert all(low.distance_max < high.distance_max for low, high in pairwise(rows))
    assert all(row.fmr * row.impostor_pairs >= 5 for row in rows)
