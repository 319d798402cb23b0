"""Writing manifest entries and model cards."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge.errors import ModelError
from edge.runtime.manifest import InputSpec, ModelSpec, Threshold, Twin, load_manifest
from training.export.card import CardFacts, write_card
from training.export.manifest import sha256_of, update_manifest


def spec(content: bytes = b"model", thresholds: tuple[Threshold, ...] = ()) -> ModelSpec:
    return ModelSpec(
        file="net_f32.tflite",
        sha256=sha256_of(content),
        precision="float32",
        licence="MIT",
        origin="a test",
        data=("WIDER FACE",),
        card="cards/net.md",
        input=InputSpec(name="image", shape=(1, -1, -1, 3), channels="rgb", mean=(127.5,) * 3, std=(128.0,) * 3),
        outputs={"score": (1, -1, -1, 1), "box": (1, -1, -1, 4)},
        thresholds=thresholds,
    )


def test_entries_are_merged_replaced_and_sorted(tmp_path: Path) -> None:
    rows = (Threshold(fmr=1e-4, distance_max=1.0625, impostor_pairs=7_000_000),)
    for name, entry in (("zebra", spec()), ("ant", spec(b"old")), ("ant", spec(b"new", rows))):
        update_manifest(name, entry, tmp_path)
    found = load_manifest(tmp_path)
    assert list(found.models) == ["ant", "zebra"]
    assert found.models == {"ant": spec(b"new", rows), "zebra": spec()}


def test_a_twin_is_kept_and_none_is_not_written(tmp_path: Path) -> None:
    rows = (Threshold(fmr=1e-4, distance_max=1.0625, impostor_pairs=7_000_000),)
    twins = (Twin(file="a_f32.tflite", sha256="0" * 64), Twin(file="a_f32.tflite", sha256="1" * 64, thresholds=rows))
    for twin in twins:
        entry = msgspec.structs.replace(spec(), precision="int8", twin=twin)
        update_manifest("net", entry, tmp_path)
        update_manifest("other", spec(), tmp_path)
        assert load_manifest(tmp_path).models == {"net": entry, "other": spec()}
    assert (tmp_path / "manifest.toml").read_text(encoding="utf-8").count("twin") == 1


def test_shapes_stand_on_one_line(tmp_path: Path) -> None:
    update_manifest("net", spec(), tmp_path)
    assert "shape = [1, -1, -1, 3]\n" in (tmp_path / "manifest.toml").read_text(encoding="utf-8")


def test_the_same_entry_twice_writes_the_same_file(tmp_path: Path) -> None:
    update_manifest("net", spec(), tmp_path)
    before = (tmp_path / "manifest.toml").read_bytes()
    update_manifest("net", spec(), tmp_path)
    assert (tmp_path / "manifest.toml").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.toml"]


def test_a_file_that_is_no_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text("schema = 2", encoding="utf-8")
    with pytest.raises(ModelError, match=r"manifest.toml: not a model manifest"):
        update_manifest("net", spec(), tmp_path)
    assert (tmp_path / "manifest.toml").read_text(encoding="utf-8") == "schema = 2"


def test_a_card_tells_terms_results_and_hash(tmp_path: Path) -> None:
    facts = CardFacts("Net", "A net.", "python -m training x", {"WIDER FACE": "research"}, {"recall": "0.9"})
    text = write_card(spec(), facts, tmp_path).read_text(encoding="utf-8")
    assert "| WIDER FACE | research |" in text
    assert "| recall | 0.9 |" in text
    assert spec().sha256 in text
    assert "rgb, (value - 127.5) / 128" in text
    uneven = msgspec.structs.replace(spec().input, mean=(1.0, 2.0, 3.0))
    text = write_card(msgspec.structs.replace(spec(), input=uneven), facts, tmp_path).read_text(encoding="utf-8")
    assert "(value - (1, 2, 3)) / 128" in text
