"""The commands. Only click is imported at the top: ``vigil --help`` answers before numpy would have loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.errors import ExitCode, InputError, NoFaceError

if TYPE_CHECKING:
    from edge.config import Config
    from edge.pipeline import Vision
    from edge.types import Face, Frame

DEFAULT_CONFIG = Path("/etc/vigil/vigil.toml")

_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help=f"Configuration file [default: {DEFAULT_CONFIG} if it is there, else the built-in defaults].",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigil-edge")
def vigil() -> None:
    """Open a door for the people it knows, or wake a driver who nods off. Nothing leaves this device."""


@vigil.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers there (JSON lines).")
@click.option("--min-face", type=click.IntRange(20, 1000), help="Smallest face to look for, in pixels.")
@_config_option
def detect(
    *, source: Path, target: Path, json_path: Path | None, min_face: int | None, config_path: Path | None
) -> None:
    """Find faces in SOURCE (picture, folder or video) and write pictures with boxes and head poses to TARGET.

    Every picture is written even if it shows no face; if none of them does, the exit code is 3.
    """
    from edge import annotate, app

    config = app.with_min_face(_load(config_path), min_face)
    if annotate.is_video(source):
        camera = app.open_cameras([str(source)], config, realtime=False)
        rows = annotate.detect_video(app.open_vision(config), camera, target)
    else:
        rows = annotate.detect_pictures(app.open_vision(config), source, target)
    kept = []
    for row in rows:
        kept.append(row)
        click.echo(f"{row.get('image', row.get('frame'))}: {_faces(len(row['faces']))}")
    annotate.write_json(json_path, kept)
    if not any(row["faces"] for row in kept):
        raise NoFaceError(f"{source}: no face of at least {config.detect.min_face_px} px found")


@vigil.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--fmr", type=float, help="False match rate to decide at [default: verify.fmr of the configuration].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@_config_option
@click.pass_context
def verify(
    ctx: click.Context, *, first: Path, second: Path, fmr: float | None, as_json: bool, config_path: Path | None
) -> None:
    """Compare the faces on two photos. Exit code 0: the same person; 1: different people; 3: no face."""
    from edge import app
    from edge.images import read_image
    from edge.verify.siamese import distance

    config = _load(config_path)
    vision = app.open_vision(config)
    rate = config.verify.fmr if fmr is None else fmr
    distance_max = vision.branch.distance_max(rate)
    frames = [read_image(path) for path in (first, second)]
    faces = [_only_face(vision, frame, path) for frame, path in zip(frames, (first, second), strict=True)]
    found = distance(*(vision.embed(frame, face) for frame, face in zip(frames, faces, strict=True)))
    same = found <= distance_max
    if as_json:
        import json

        click.echo(json.dumps({"same": same, "distance": found, "distance_max": distance_max, "fmr": rate}))
    else:
        verdict = "same person" if same else "different people"
        click.echo(f"{verdict}: distance {found:.3f}, limit {distance_max:.3f} (false match rate {rate:g})")
    ctx.exit(ExitCode.OK if same else ExitCode.DIFFERENT_PERSON)


def _load(path: Path | None) -> Config:
    from edge import config

    if path is None and not DEFAULT_CONFIG.exists():
        return config.Config()
    return config.load(path or DEFAULT_CONFIG)


def _only_face(vision: Vision, frame: Frame, path: Path) -> Face:
    found = vision.analyse(frame)
    if not found:
        raise NoFaceError(f"{path}: expected one face, found none of at least {vision.config.detect.min_face_px} px")
    if len(found) > 1:
        raise InputError(f"{path}: expected one face, found {len(found)}")
    return found[0][0]


def _faces(count: int) -> str:
    return "no face" if count == 0 else "1 face" if count == 1 else f"{count} faces"
