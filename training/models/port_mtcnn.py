"""``python -m training import mtcnn``: P-Net and R-Net from the mtcnn wheel, checked against its own code."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import keras
import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError, ModelError
from edge.runtime.litert import Model
from edge.runtime.manifest import InputSpec, ModelSpec
from training.export.card import CardFacts, write_card
from training.export.manifest import sha256_of, update_manifest
from training.export.tflite import export_float32
from training.models.fpnet import OUTPUTS, build_fpnet, build_pose_head
from training.models.mtcnn import build_onet, build_pnet, build_rnet
from training.wheels import MTCNN, fetch

Floats = NDArray[np.float32]
PORTED_DIR = Path("runs/ported")  # our own training has replaced them
PARITY_MAX = 1e-4  # largest difference to the original that a port may show
MEAN, STD = (127.5,) * 3, (128.0,) * 3  # (value - 127.5) * 0.0078125 in the original
ORIGIN = "port of the weights in the mtcnn 0.1.1 wheel (Ivan de Paz Centeno, after Zhang et al. 2016)"
DATA = ("WIDER FACE", "CelebA")
TERMS = {
    "WIDER FACE": "research; used by the authors of the weights, not by this import",
    "CelebA": "non-commercial research; used by the authors of the weights, not by this import",
}
_POINTS = np.array([[point, point + 5] for point in range(5)]).ravel()  # x1..x5 y1..y5 -> x1 y1 x2 y2 ...
_BUILDERS: dict[str, Callable[[], keras.Model]] = {"pnet": build_pnet, "rnet": build_rnet, "onet": build_onet}
_LAST_CONV = {"rnet": (3, 3, 64), "onet": (3, 3, 128)}  # shape (width, height, channel) before the first dense layer


def load_original_weights(cache_dir: Path | None = None) -> dict[str, list[Floats]]:
    """The published arrays by net, as published (for transposed pictures). Raises InputError."""
    path = fetch(MTCNN, cache_dir) / "mtcnn/data/mtcnn_weights.npy"
    # a pickle inside: safe to load because the wheel that it came from is pinned by hash
    weights: dict[str, list[Floats]] = np.load(path, allow_pickle=True).tolist()
    return weights


def port(name: str, weights: Sequence[Floats]) -> keras.Model:
    """The Keras model of ``name`` (pnet, rnet or onet) with the published ``weights`` turned upright."""
    model = _BUILDERS[name]()
    arrays = list(weights)
    index = 1
    while any(layer.name == f"conv{index}" for layer in model.layers):
        kernel, bias, alpha = arrays[:3]
        arrays = arrays[3:]
        model.get_layer(f"conv{index}").set_weights([_upright(kernel, _LAST_CONV.get(name)), bias])
        model.get_layer(f"prelu{index}").set_weights([alpha])
        index += 1
    _set_heads(model, arrays)
    return model


def _upright(kernel: Floats, before_dense: tuple[int, int, int] | None) -> Floats:
    """Swap width and height: of a convolution's kernel, or of the order in which its output was flattened."""
    if kernel.ndim == 4:
        return np.ascontiguousarray(kernel.transpose(1, 0, 2, 3))
    if before_dense is None:
        raise InputError("expected no dense layer in P-Net, got one")
    units = kernel.shape[1]
    return np.ascontiguousarray(kernel.reshape(*before_dense, units).transpose(1, 0, 2, 3)).reshape(-1, units)


def _set_heads(model: keras.Model, arrays: Sequence[Floats]) -> None:
    """Score: softmax over (no face, face) is the sigmoid of their difference. Points: pairs instead of all x, all y."""
    kernel, bias = arrays[:2]
    model.get_layer("score").set_weights([kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]])
    model.get_layer("box").set_weights(list(arrays[2:4]))
    if len(arrays) > 4:
        model.get_layer("landmarks").set_weights([arrays[4][:, _POINTS], arrays[5][_POINTS]])


def original_outputs(name: str, images: Floats, cache_dir: Path | None = None) -> dict[str, Floats]:
    """What the wheel's own network says for upright ``images`` (n, h, w, 3), brought to Vigil's layout."""
    path = fetch(MTCNN, cache_dir) / "mtcnn/network/factory.py"
    loader = importlib.util.spec_from_file_location("vigil_mtcnn_original", path)
    if loader is None or loader.loader is None:
        raise InputError(f"{path}: expected a Python module")
    module: Any = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    model = getattr(module.NetworkFactory(), f"build_{name}")()
    model.set_weights(load_original_weights(cache_dir)[name])
    raw = [np.asarray(value) for value in model(images.transpose(0, 2, 1, 3), training=False)]
    if name == "pnet":
        raw = [value.transpose(0, 2, 1, 3) for value in raw]
    named = {"box": raw[0], "score": raw[-1][..., 1:]}
    return named | ({"landmarks": raw[1][:, _POINTS]} if name == "onet" else {})


def check_parity(name: str, path: Path, spec: ModelSpec, seed: int = 7, cache_dir: Path | None = None) -> float:
    """Largest difference between the export, run as the device runs it, and the original. Raises ModelError above 1e-4.

    Noise and a ramp; P-Net is given a picture that is wider than high, with odd sides: a swapped axis, swapped channels
    or a wrong pooling edge shows.
    """
    shape = {"pnet": (1, 41, 67, 3), "rnet": (8, 24, 24, 3), "onet": (8, 48, 48, 3)}[name]
    bgr = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    bgr[0, :, :, 0] = np.linspace(0, 255, shape[2])
    images = ((bgr[..., ::-1] - np.float32(MEAN[0])) / np.float32(STD[0])).astype(np.float32)
    wanted, found = original_outputs(name, images, cache_dir), Model(name, path, spec, shape).run(bgr)
    worst = max(float(np.abs(wanted[key] - found[key]).max()) for key in wanted)
    if not worst <= PARITY_MAX:
        raise ModelError(f"{path}: expected the original's outputs within {PARITY_MAX:g}, found them {worst:g} apart")
    return worst


def model_spec(
    name: str, content: bytes, shape: tuple[int, int, int, int], outputs: Mapping[str, tuple[int, ...]]
) -> ModelSpec:
    """The manifest entry of a float32 model of the ported cascade."""
    return ModelSpec(
        file=f"{name}_f32.tflite",
        sha256=sha256_of(content),
        precision="float32",
        licence="MIT",
        origin=ORIGIN,
        data=DATA,
        card=f"cards/{name}.md",
        input=InputSpec(name="image", shape=shape, channels="rgb", mean=MEAN, std=STD),
        outputs=dict(outputs),
    )


def fpnet_spec(content: bytes) -> ModelSpec:
    """The manifest entry of O-Net as FPNet."""
    sizes = {"score": 1, "box": 4, "landmarks": 10, "rot6d": 6}
    return model_spec("fpnet", content, (-1, 48, 48, 3), {name: (-1, size) for name, size in sizes.items()})


def _export(name: str, weights: Sequence[Floats], directory: Path) -> None:
    model = port(name, weights)
    free = name == "pnet"
    shape = (1, None, None, 3) if free else (None, 24, 24, 3)
    content = export_float32(model, directory / f"{name}_f32.tflite", ("score", "box"), shape=shape)
    lead = (1, -1, -1) if free else (-1,)
    manifest_shape = (1, -1, -1, 3) if free else (-1, 24, 24, 3)
    spec = model_spec(name, content, manifest_shape, {"score": (*lead, 1), "box": (*lead, 4)})
    worst = check_parity(name, directory / spec.file, spec)
    update_manifest(name, spec, directory)
    write_card(spec, _facts(name, len(content), model.count_params(), worst), directory)
    click.echo(f"{name}: {len(content)} bytes, differs from the original by {worst:.1e} at most")


def _facts(name: str, size: int, parameters: int, worst: float) -> CardFacts:
    role = {"pnet": "P-Net, the cascade's first stage", "rnet": "R-Net, the cascade's second stage"}[name]
    return CardFacts(
        title=role,
        summary="MTCNN's network with its published weights, turned upright (height before width): what Vigil's own"
        " P-Net and R-Net start from. `box`: offsets of x1 y1 x2 y2 as fractions of the candidate's side.",
        command="python -m training import mtcnn",
        terms=TERMS,
        results={
            "largest difference to the original": f"{worst:.1e}",
            "file size": f"{size} bytes",
            "parameters": str(parameters),
        },
        limits=("PReLU: to be exported as float32 only, int8 PReLU is slower than float32.",),
    )


def port_cascade(directory: Path) -> None:
    """All three nets as published into ``directory``, for a cascade to run. Raises InputError, ModelError.

    O-Net stands in FPNet's place: its score, box and landmarks are MTCNN's. It knows no rotation and says that every
    face is upright and looks straight ahead: by another roll, the cascade would turn what it looks at again.
    """
    weights = load_original_weights()
    for name in ("pnet", "rnet"):
        _export(name, weights[name], directory)
    fpnet = build_fpnet(port("onet", weights["onet"]), _straight_ahead())
    content = export_float32(fpnet, directory / "fpnet_f32.tflite", OUTPUTS, shape=(None, 48, 48, 3))
    spec = fpnet_spec(content)
    check_parity("onet", directory / spec.file, spec)
    update_manifest("fpnet", spec, directory)


def _straight_ahead() -> keras.Model:
    """The pose head that says the identity, whatever it is given."""
    head = build_pose_head(1408, 16, 0.0)
    last = head.get_layer("pose")
    last.set_weights([np.zeros(last.kernel.shape, np.float32), np.array([1, 0, 0, 0, 1, 0], np.float32)])
    return head


@click.command(name="mtcnn")
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), default=PORTED_DIR, show_default=True)
def command(directory: Path) -> None:
    """P-Net and R-Net from the mtcnn wheel: export, check parity, write manifest entries and cards into DIRECTORY."""
    weights = load_original_weights()
    for name in ("pnet", "rnet"):
        _export(name, weights[name], directory)
