"""``python -m training import onet``: FPNet version 0, O-Net with a pose head that is distilled from the teachers."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import keras
import msgspec
import tensorflow as tf

from edge.errors import InputError
from edge.runtime.manifest import ModelSpec
from training.data.pose_faces import PoseFaces, pose_faces
from training.export.card import CardFacts, write_card
from training.export.manifest import update_manifest
from training.export.tflite import export_float32
from training.models.fpnet import OUTPUTS, build_fpnet, onet_features
from training.models.fpnet_recipe import DEFAULT_RECIPE, FpnetRecipe, load_recipe
from training.models.port_mtcnn import PORTED_DIR, TERMS, check_parity, fpnet_spec, load_original_weights, port
from training.models.pose_head import feature_pool, held_out_error_deg, train_pose_head
from training.teachers import fsanet as fsanet_module
from training.teachers.blend import BlendedTeacher
from training.wheels import cache_root

SET_TERMS = {
    "celeba": ("CelebA", "non-commercial research"),
    "yawdd_frames": ("YawDD", "research"),
    "ytf_crops": ("YouTube Faces", "research"),
    "pointing04": ("Pointing'04 (PRIMA, Gourier et al. 2004)", "any purpose with citation"),
}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the run measured, for the card."""

    faces: int
    held_out: int
    held_out_error_deg: float
    parity: float
    size: int
    parameters: int


@click.command(name="onet")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Data sets. Default: VIGIL_DATA.")
@click.option("--fsanet", type=click.Path(path_type=Path, file_okay=False), help="Folder of FSA-Net's two ONNX files.")
@click.option("--canonical", type=click.Path(path_type=Path, dir_okay=False), help="Canonical face (.npz).")
@click.option("--recipe", "recipe_path", type=click.Path(path_type=Path), default=DEFAULT_RECIPE, show_default=True)
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), default=PORTED_DIR, show_default=True)
def command(data: Path | None, fsanet: Path | None, canonical: Path | None, recipe_path: Path, directory: Path) -> None:
    """O-Net plus a distilled 6D rotation head: FPNet version 0, into DIRECTORY.

    Without --fsanet the face mesh alone teaches (weak beyond 45 degrees of yaw). Without --canonical the canonical face
    comes out of a pinned wheel. One core, about 15 minutes.
    """
    recipe = load_recipe(recipe_path)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    cv2.setNumThreads(1)
    teacher = BlendedTeacher(fsanet, canonical)
    faces = pose_faces(_data_folder(data), recipe.sets, teacher, cache_root(), click.echo)
    learn, judge = split(faces, recipe)
    click.echo(f"{len(learn)} faces to learn from, {len(judge)} held out, labelled by {teacher.name}")
    onet = port("onet", load_original_weights()["onet"])
    head = train_pose_head(*feature_pool(onet_features(onet), learn, recipe, click.echo), recipe)
    fpnet = build_fpnet(onet, head)
    _export(fpnet, (learn, judge), recipe, teacher.name, directory)


def _data_folder(given: Path | None) -> Path:
    folder = given or Path(os.environ.get("VIGIL_DATA", ""))
    if folder == Path() or not folder.is_dir():
        raise InputError(f"expected --data or VIGIL_DATA to name the folder of the data sets, got {str(folder)!r}")
    return folder


def split(faces: PoseFaces, recipe: FpnetRecipe) -> tuple[PoseFaces, PoseFaces]:
    """Faces to learn from, without those that the teachers disagree on, and faces of other people to measure on."""
    held_out = faces.groups % 1000 < recipe.held_out_share * 1000
    agreed = faces.disagreements_deg <= recipe.disagreement_max_deg
    learn, judge = faces.take(~held_out & agreed), faces.take(held_out & agreed)
    if not len(learn) or not len(judge):
        raise InputError(f"expected faces on both sides of the split, got {len(learn)} and {len(judge)}")
    return learn, judge


def _export(
    fpnet: keras.Model, parts: tuple[PoseFaces, PoseFaces], recipe: FpnetRecipe, teacher: str, directory: Path
) -> None:
    path = directory / "fpnet_f32.tflite"
    content = export_float32(fpnet, path, OUTPUTS, shape=(None, 48, 48, 3))
    spec = _spec(content, recipe, teacher)
    outcome = _Outcome(
        faces=len(parts[0]),
        held_out=len(parts[1]),
        held_out_error_deg=held_out_error_deg(fpnet, parts[1]),
        parity=check_parity("onet", path, spec),
        size=len(content),
        parameters=fpnet.count_params(),
    )
    update_manifest("fpnet", spec, directory)
    write_card(spec, _facts(outcome, recipe, teacher), directory)
    click.echo(msgspec.json.encode(asdict(outcome)).decode())


def _spec(content: bytes, recipe: FpnetRecipe, teacher: str) -> ModelSpec:
    ported = fpnet_spec(content)
    data = tuple(dict.fromkeys([*ported.data, *(SET_TERMS[name][0] for name in recipe.sets)]))
    origin = f"{ported.origin}: O-Net; pose head of our own training, taught by {_teachers(teacher)}"
    return msgspec.structs.replace(ported, data=data, origin=origin)


def _teachers(name: str) -> str:
    mesh = "MediaPipe's face mesh (Apache-2.0)"
    return f"{mesh} and FSA-Net ({fsanet_module.LICENCE})" if "fsanet" in name else mesh


def _facts(outcome: _Outcome, recipe: FpnetRecipe, teacher: str) -> CardFacts:
    numbers = {key: value for key, value in msgspec.to_builtins(recipe).items() if key != "jitter"}
    numbers |= {f"jitter.{key}": value for key, value in msgspec.to_builtins(recipe.jitter).items()}
    numbers["teacher"] = teacher
    return CardFacts(
        title="FPNet version 0, the cascade's last stage",
        summary="MTCNN's O-Net with its published weights, turned upright, and a head on its frozen features that gives"
        " two 3-vectors for the head's rotation. `box`: offsets as fractions of the crop's side; `landmarks`: x1 y1 .."
        " x5 y5 as fractions of the crop, the eye at image left first; `rot6d`: the first two columns of the rotation.",
        command="python -m training import onet --fsanet DIR",
        terms=_terms(recipe),
        results={
            "largest difference of score, box, landmarks to the original": f"{outcome.parity:.1e}",
            "distance to the teacher, faces of people not trained on": f"{outcome.held_out_error_deg:.2f} degrees"
            f" (mean geodesic, {outcome.held_out} faces)",
            "faces trained on": str(outcome.faces),
            "file size": f"{outcome.size} bytes",
            "parameters": str(outcome.parameters),
        },
        recipe={key: str(value) for key, value in numbers.items()},
        limits=(
            "The features were trained for detection only: the rotation is weak in profile.",
            "PReLU: to be exported as float32 only, int8 PReLU is slower than float32.",
        ),
    )


def _terms(recipe: FpnetRecipe) -> dict[str, str]:
    """A set may be in both parts: the authors' training and that of the pose head."""
    terms = dict(TERMS)
    for title, text in (SET_TERMS[name] for name in recipe.sets):
        terms[title] = f"{terms[title]}; pose head: {text}" if title in terms else f"{text}; pose head"
    return terms
