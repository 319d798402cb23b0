"""Who is turned away, by views enrolled, size, blur, pose and light: worked out by hand, then on a few real photos."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import ConfigError, InputError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import load_manifest
from edge.types import Floats
from training.evaluate import embedding_cache
from training.evaluate.embedded import Embedded, Look, See, gathered
from training.evaluate.embedding_cache import cached_embeddings
from training.evaluate.enrolment import by_views, cohort_of, enrolled_distances, enrolment_figures
from training.evaluate.enrolment import command as enrolment_command
from training.evaluate.group_rates import Rates, rank_down, rank_up, rates, rates_by_rank
from training.evaluate.match_rates import PairDistances
from training.evaluate.robustness import (
    blurred,
    brightness_rows,
    choose_probes,
    probe_distances,
    resized,
    yaw_rows,
)
from training.evaluate.robustness import command as robustness_command
from training.evaluate.siamese_card import FaceSet, det_curve, siamese_part, worst_pairs, write_failures
from training.export.cascade import seed_models
from training.export.manifest import update_manifest


def unit(degrees: float) -> Floats:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def crowd(people: int, photos: int, spread_deg: float = 4.0) -> Embedded:
    """People evenly round a circle, each photo a little off."""
    random = np.random.default_rng(0)
    names = [f"p{person:02}/{photo}.jpg" for person in range(people) for photo in range(photos)]
    angles = [person * 360 / people + random.normal(0, spread_deg) for person in range(people) for _ in range(photos)]
    traits = {
        "yaw_deg": random.uniform(-50, 50, len(names)).astype(np.float32),
        "brightness": random.uniform(30, 200, len(names)).astype(np.float32),
        "side_px": np.full(len(names), 80, np.float32),
    }
    return Embedded(tuple(names), np.stack([unit(angle) for angle in angles]), (), traits)


class TestRates:
    def test_at_one_threshold(self) -> None:
        genuine = np.array([0.2] * 27 + [0.9, 1.2, np.inf], np.float32)
        assert rates(genuine, np.array([1.5] * 39 + [1.0], np.float32), 1.0) == Rates(30, 0.06667, 40, 0.025)

    def test_few_pairs_say_nothing(self) -> None:
        assert rates(np.ones(29, np.float32), np.zeros(0, np.float32), 1.0) == Rates(29, None, 0, None)

    def test_a_pair_counts_where_its_harder_face_belongs(self) -> None:
        """Forty photos of one person and forty of another; the last of each is hard, and far from the rest."""
        embeddings = np.stack([unit(0)] * 39 + [unit(50)] + [unit(180)] * 39 + [unit(180)])
        people = np.repeat([0, 1], 40).astype(np.int32)
        ranks = np.zeros(80, np.intp)
        ranks[[39, 79]] = 1
        easy, hard = rates_by_rank(embeddings, people, ranks, 2, 0.5)
        assert easy == Rates(2 * 39 * 38 // 2, 0.0, 39 * 39, 0.0)
        assert hard == Rates(78, 0.5, 79, 0.0)

    def test_more_rows_than_a_block_holds_are_counted_once(self) -> None:
        embedded = crowd(60, 10)
        (found,) = rates_by_rank(embedded.embeddings, embedded.people(), np.zeros(600, np.intp), 1, 0.3)
        assert (found.genuine, found.impostors) == (60 * 45, 600 * 599 // 2 - 60 * 45)

    def test_ranks_grow_with_difficulty(self) -> None:
        assert rank_up(np.array([0, 9.9, 10, 25], np.float32), (10, 20)).tolist() == [0, 0, 1, 2]
        assert rank_down(np.array([200, 140, 139, 80, 10], np.float32), (140, 80)).tolist() == [0, 0, 1, 1, 2]


class TestEnrolment:
    def test_a_template_is_what_the_device_keeps_of_the_views(self) -> None:
        embedded = Embedded(("a/1", "a/2", "a/3", "b/1"), np.stack([unit(-10), unit(10), unit(0), unit(90)]), ())
        cohort = cohort_of(embedded)
        pairs = enrolled_distances(cohort, [0], 2, np.random.default_rng(1))
        # Verified by the third photo: in the middle of the outer two, or 15 degrees from the middle of two others.
        # The two means are cos 10 and cos 5 degrees long, and count by the root of that.
        cosines = np.cos(np.radians([0, 15])) * np.sqrt(np.cos(np.radians([10, 5])))
        assert sorted({round(float(one), 3) for one in pairs.genuine}) == np.sqrt(2 - 2 * cosines).round(3).tolist()
        assert len(pairs.genuine) == 10
        assert len(pairs.impostor) == 10

    def test_a_photo_without_a_face_is_a_try_that_fails(self) -> None:
        embedded = Embedded(("a/1", "a/2", "b/1"), np.stack([unit(0), unit(1), unit(90)]), ("a/3",))
        pairs = enrolled_distances(cohort_of(embedded), [0], 1, np.random.default_rng(0))
        assert np.isinf(pairs.genuine).sum() == 10
        assert len(pairs.genuine) == 20

    def test_more_views_help_and_are_those_of_the_same_people(self) -> None:
        rows = by_views(cohort_of(crowd(24, 8, spread_deg=3)), 1e-2, 0.1)
        assert list(rows) == ["1", "2", "3", "4", "5", "6", "7"]
        assert {row["people"] for row in rows.values()} == {24}
        assert rows["1"]["fnmr"] > rows["5"]["fnmr"] > 0

    def test_a_curve_needs_twenty_people(self) -> None:
        assert by_views(cohort_of(crowd(19, 3)), 1e-2, 0.1) == {}

    def test_the_acceptance_rows(self) -> None:
        figures = enrolment_figures(crowd(6, 5, spread_deg=1), 1e-2, 0.3)
        assert (figures["one_photo"]["people"], figures["four_photos"]["people"]) == (6, 6)
        assert figures["one_photo"]["fnmr"] == figures["four_photos"]["fnmr"] == 0
        assert enrolment_figures(crowd(6, 4, spread_deg=1), 1e-2, 0.3)["four_photos"] is None

    def test_people_with_one_photo_each_are_refused(self) -> None:
        with pytest.raises(InputError, match="expected people with at least two photos"):
            enrolment_figures(crowd(5, 1), 1e-2, 0.3)


class TestRobustness:
    def test_a_picture_is_resized_and_never_below_what_is_looked_at(self) -> None:
        pixels = np.full((112, 92, 3), 7, np.uint8)
        assert resized(pixels, 0.75).shape == (84, 69, 3)
        small = resized(pixels, 0.4)
        assert small.shape == (48, 48, 3)
        assert (small == 7).all()
        assert resized(pixels, 2).shape == (224, 184, 3)

    def test_blur_of_nothing_leaves_the_picture(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
        assert blurred(pixels, 0) is pixels
        assert blurred(pixels, 2).std() < 0.5 * pixels.std()

    def test_a_probe_is_never_compared_with_its_own_photo(self) -> None:
        embedded = Embedded(("a/1", "a/2", "b/1"), np.stack([unit(0), unit(60), unit(180)]), ())
        probes = choose_probes(Path(), embedded, 10)
        assert probes.rows.tolist() == [0, 1]
        genuine, impostor = probe_distances(probes, [Look(unit(0)), None])
        assert genuine == pytest.approx([1, np.inf], abs=1e-3)
        assert impostor == pytest.approx([2, np.inf], abs=1e-3)

    def test_probes_are_spread_over_the_people(self) -> None:
        assert choose_probes(Path(), crowd(10, 3), 4).rows.tolist() == [0, 10, 19, 29]
        with pytest.raises(InputError, match="expected people with several photos"):
            choose_probes(Path(), crowd(3, 1), 4)

    def test_every_pair_is_in_one_row_of_each_table(self) -> None:
        embedded = crowd(20, 10)
        for rows in (yaw_rows(embedded, 0.3), brightness_rows(embedded, 0.3)):
            assert sum(row["genuine"] for row in rows.values()) == 20 * 45
        assert list(yaw_rows(embedded, 0.3)) == ["0-10", "10-20", "20-30", "30-45", "45 and more"]
        assert list(brightness_rows(embedded, 0.3)) == ["140 and more", "110-140", "80-110", "60-80", "below 60"]


class TestCache:
    @pytest.fixture
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The photos that were looked at, by an eye that finds a face in all but ``bob``'s."""
        looked: list[str] = []

        def eye(store: ModelStore) -> See:
            def see(frame: object) -> Look | None:
                name = str(getattr(frame, "source", ""))
                looked.append(name)
                return None if name.startswith("bob") else Look(unit(len(looked)), {"yaw_deg": 2.0})

            return see

        monkeypatch.setattr(embedding_cache, "device_eye", eye)
        return looked

    @pytest.fixture
    def images(self, tmp_path: Path) -> Path:
        for name in ("ann", "bob", "eve"):
            (tmp_path / "images" / name).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / f"images/{name}/{name}.png"), np.zeros((64, 64, 3), np.uint8))
        return tmp_path / "images"

    def test_a_second_pass_looks_at_nothing_until_a_photo_changes(
        self, images: Path, seen: list[str], tmp_path: Path
    ) -> None:
        names = [f"{name}/{name}.png" for name in ("ann", "bob", "eve")]
        one, other = (cached_embeddings(images, names, ModelStore(), print, tmp_path) for _ in range(2))
        assert len(seen) == 3
        assert (
            (one.names, one.without_face)
            == (other.names, other.without_face)
            == (("ann/ann.png", "eve/eve.png"), ("bob/bob.png",))
        )
        np.testing.assert_array_equal(one.embeddings, other.embeddings)
        assert other.traits["yaw_deg"].tolist() == [2.0, 2.0]
        cv2.imwrite(str(images / "eve/eve.png"), np.full((65, 64, 3), 9, np.uint8))
        cached_embeddings(images, names, ModelStore(), print, tmp_path)
        assert len(seen) == 6

    def test_other_models_are_looked_at_anew(self, images: Path, seen: list[str], tmp_path: Path) -> None:
        names = ["ann/ann.png"]
        cached_embeddings(images, names, ModelStore(), print, tmp_path)
        seed_models(tmp_path / "models")
        cached_embeddings(images, names, ModelStore(tmp_path / "models"), print, tmp_path)
        assert len(seen) == 1  # copies of the same files
        spec = load_manifest(tmp_path / "models").spec("rnet")
        update_manifest("again", spec, tmp_path / "models")
        cached_embeddings(images, names, ModelStore(tmp_path / "models"), print, tmp_path)
        assert len(seen) == 2

    def test_a_missing_photo_is_named(self, images: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"none\.png: photo cannot be read"):
            cached_embeddings(images, ["ann/none.png"], ModelStore(), print, tmp_path)


def test_the_curve_starts_at_the_rarest_rate_that_was_measured() -> None:
    impostor = np.linspace(1, 2, 5000, dtype=np.float32)
    curve = det_curve("c", PairDistances(np.linspace(0, 1.4, 100, dtype=np.float32), impostor))
    assert curve.x[0] == pytest.approx(1e-3, rel=0.01)
    assert (np.diff(curve.y) <= 0).all()
    assert (curve.y > 0).all()


def test_the_worst_pairs_come_first(tmp_path: Path) -> None:
    names = ("a/1.png", "a/2.png", "a/3.png", "b/1.png")
    embedded = Embedded(names, np.stack([unit(0), unit(30), unit(70), unit(80)]), ())
    assert worst_pairs(embedded, 2) == ([(0, 2), (1, 2)], [(2, 3), (1, 3)])
    assert worst_pairs(embedded, 9)[0] == [(0, 2), (1, 2), (0, 1)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.zeros((64, 64, 3), np.uint8))
    faces = FaceSet("s", tmp_path, embedded, PairDistances(np.ones(1, np.float32), np.ones(1, np.float32)), {})
    assert [path.name for path in write_failures(faces, tmp_path)] == ["worst-one-person.png", "worst-two-people.png"]


def test_without_thresholds_there_is_no_rate_to_measure_at(tmp_path: Path) -> None:
    seed_models(tmp_path)
    bare = msgspec.structs.replace(load_manifest(tmp_path).spec("siamese"), thresholds=(), threshold_cohort="")
    update_manifest("siamese", bare, tmp_path)
    with pytest.raises(ConfigError, match="no rate at all"):
        siamese_part(ModelStore(tmp_path), tmp_path, tmp_path, print)


def test_looks_are_gathered_in_order() -> None:
    found = gathered(["a/1", "a/2", "b/1"], {"a/2": Look(unit(0), {"good": 1.0}), "b/1": Look(unit(9), {"good": 0.0})})
    assert (found.names, found.without_face) == (("a/2", "b/1"), ("a/1",))
    assert found.traits["good"].tolist() == [1, 0]
    assert found.take(np.array([1])).names == ("b/1",)


@pytest.mark.data
def test_the_commands_on_a_few_people(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIL_CACHE", str(tmp_path / "cache"))
    for person in ("s1", "s2", "s3"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / person).symlink_to(data_dir / "att_faces" / person)
    given = ["--images", str(tmp_path / "images")]
    result = CliRunner().invoke(enrolment_command, given, catch_exceptions=False)
    enrolled = json.loads(result.output.splitlines()[-1])
    assert enrolled["one_photo"]["people"] == 3
    assert enrolled["four_photos"]["fnmr"] < 0.05
    result = CliRunner().invoke(robustness_command, [*given, "--photos", "3"], catch_exceptions=False)
    found = json.loads(result.output.splitlines()[-1])
    assert found["by_blur_px"]["0"]["fnmr"] is None  # 27 pairs: fewer than 30 say nothing
    assert found["by_blur_px"]["0"]["undetected"] == 0
    assert re.findall(r"\d+", " ".join(found["by_size_px"])) == ["40", "50", "60", "80", "100", "120", "160"]
