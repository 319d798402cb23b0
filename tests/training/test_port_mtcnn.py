"""The port of MTCNN against the original network, and the shipped P-Net and R-Net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edge.errors import InputError, ModelError
from edge.runtime.litert import Model, ModelStore
from edge.runtime.manifest import MODELS_DIR, ModelSpec, load_manifest
from edge.types import Floats
from training.export.tflite import export_float32
from training.models.cascade_nets import SIZES_MAX
from training.models.fpnet import OUTPUTS, build_fpnet, build_pose_head
from training.models.port_mtcnn import PARITY_MAX, check_parity, command, load_original_weights, model_spec, port


@pytest.fixture(scope="module")
def weights() -> dict[str, list[Floats]]:
    try:
        return load_original_weights()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def pnet() -> Model:
    return ModelStore().open("pnet", height=40, width=60)


def export_rnet(weights: list[Floats], folder: Path) -> ModelSpec:
    content = export_float32(port("rnet", weights), folder / "rnet_f32.tflite", ("score", "box"))
    return model_spec("rnet", content, (-1, 24, 24, 3), {"score": (-1, 1), "box": (-1, 4)})


@pytest.mark.usefixtures("weights")
def test_imported_nets_give_what_the_original_gives(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--directory", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    for name in ("pnet", "rnet"):
        spec = load_manifest(tmp_path).spec(name)
        assert check_parity(name, tmp_path / spec.file, spec, seed=11) <= PARITY_MAX


def test_version_0_of_fpnet_gives_what_onet_gives(weights: dict[str, list[Floats]], tmp_path: Path) -> None:
    fpnet = build_fpnet(port("onet", weights["onet"]), build_pose_head(1408, 16, 0.0))
    content = export_float32(fpnet, tmp_path / "fpnet_f32.tflite", OUTPUTS, shape=(None, 48, 48, 3))
    sizes = {"score": 1, "box": 4, "landmarks": 10, "rot6d": 6}
    spec = model_spec("fpnet", content, (-1, 48, 48, 3), {name: (-1, size) for name, size in sizes.items()})
    assert check_parity("onet", tmp_path / spec.file, spec, seed=11) <= PARITY_MAX


@pytest.mark.parametrize("spoilt", [0, 6, 10, 12], ids=["first kernel", "conv3 kernel", "dense bias", "score kernel"])
def test_a_port_that_differs_is_refused(weights: dict[str, list[Floats]], spoilt: int, tmp_path: Path) -> None:
    arrays = [array.copy() for array in weights["rnet"]]
    arrays[spoilt] = arrays[spoilt][::-1].copy()
    spec = export_rnet(arrays, tmp_path)
    with pytest.raises(ModelError, match=r"rnet_f32.tflite: expected the original's outputs within 0.0001"):
        check_parity("rnet", tmp_path / spec.file, spec)


@pytest.mark.parametrize(("row", "column"), [(10, 16), (21, 27)])
def test_a_pnet_cell_sees_the_pixels_that_its_docstring_says(pnet: Model, row: int, column: int) -> None:
    grey = np.full((1, 40, 60, 3), 128, np.uint8)
    marked = grey.copy()
    marked[0, row, column] = (255, 0, 255)
    moved = np.abs(pnet.run(marked)["box"] - pnet.run(grey)["box"]).max(axis=-1)[0] > 0
    rows, columns = np.nonzero(moved)
    # cell (i, j) covers [2i, 2i + 12) x [2j, 2j + 12): the cells that cover a pixel, and no others
    assert (rows.min(), rows.max()) == (max(0, -((11 - row) // 2)), row // 2)
    assert (columns.min(), columns.max()) == (max(0, -((11 - column) // 2)), column // 2)


@pytest.mark.parametrize("name", ["pnet", "rnet", "fpnet"])
def test_shipped_models_stay_in_their_size(name: str) -> None:
    spec = load_manifest().spec(name)
    assert (MODELS_DIR / spec.file).stat().st_size <= SIZES_MAX[name]
    card = (MODELS_DIR / spec.card).read_text(encoding="utf-8")
    assert spec.sha256 in card
    assert all(data in card for data in spec.data)
