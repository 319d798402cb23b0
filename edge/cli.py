"""The commands. Only click is imported at the top: ``vigil --help`` answers before numpy would have loaded."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli_options import config_option, load_config
from edge.cli_run import report, run, safe
from edge.errors import ExitCode, InputError, NoFaceError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigil-edge")
def vigil() -> None:
    """Open a door for the people it knows, or wake a driver who nods off. Nothing leaves this device."""


for _command in (report, run, safe):
    vigil.add_command(_command)


@vigil.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the numbers there (JSON lines).")
@click.option("--min-face", type=click.IntRange(20, 1000), help="Smallest face to look for, in pixels.")
@config_option
def detect(
    *, source: Path, target: Path, json_path: Path | None, min_face: int | None, config_path: Path | None
) -> None:
    """Find faces in SOURCE (picture, folder or video) and write pictures with boxes and head poses to TARGET.

    Every picture is written even if it shows no face; if none of them does, the exit code is 3.
    """
    from edge import annotate, app

    config = app.with_min_face(load_config(config_path), min_face)
    kept = []
    for row in app.detections(config, source, target):
        kept.append(row)
        click.echo(f"{row.get('image', row.get('frame'))}: {_faces(len(row['faces']))}")
    annotate.write_json(json_path, kept)
    if not any(row["faces"] for row in kept):
        raise NoFaceError(f"{source}: no face of at least {config.detect.min_face_px} px found")


@vigil.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--fmr", type=float, help="False match rate to decide at [default: verify.fmr of the configuration].")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Compare by this .tflite instead; its manifest.toml lies beside it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@config_option
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    first: Path,
    second: Path,
    fmr: float | None,
    model: Path | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Compare the faces on two photos. Exit code 0: the same person; 1: different people; 3: no face."""
    from edge import app

    verdict = app.verify(load_config(config_path), (first, second), fmr, model)
    found, limit, rate, same = verdict.distance, verdict.distance_max, verdict.fmr, verdict.same
    if as_json:
        import json

        click.echo(json.dumps({"same": same, "distance": found, "distance_max": limit, "fmr": rate}))
    else:
        words = "same person" if same else "different people"
        click.echo(f"{words}: distance {found:.3f}, limit {limit:.3f} (false match rate {rate:.2g})")
    ctx.exit(ExitCode.OK if same else ExitCode.DIFFERENT_PERSON)


@vigil.command()
@click.argument("name")
@click.option("--images", "images", type=click.Path(path_type=Path), multiple=True, help="A photo or a folder of them.")
@click.option("--camera", "source", help="Take the views from picamera, v4l2:/dev/videoN or a recording instead.")
@click.option("--replace", "replace_known", is_flag=True, help="Replace the templates of somebody who is enrolled.")
@config_option
def enroll(
    *, name: str, images: tuple[Path, ...], source: str | None, replace_known: bool, config_path: Path | None
) -> None:
    """Let the door know NAME: from one photo (one-shot), or better from 3 to 5 good and distinct views."""
    from edge import app

    if bool(images) == bool(source):
        raise InputError("expected either --images PATH or --camera SOURCE")
    chosen = app.enrol(load_config(config_path), name, images, source, replace_known=replace_known, say=click.echo)
    click.echo(f"{name} enrolled, {chosen.summary()}")
    for refusal in chosen.refused:
        click.echo(f"  not used: {refusal}")


@vigil.group()
def people() -> None:
    """Who is enrolled."""


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a person.")
@config_option
def list_people(*, as_json: bool, config_path: Path | None) -> None:
    """Everybody, with the number of views and whether the model in use made them."""
    from edge import app

    with app.open_people(load_config(config_path)) as gallery:
        for person in gallery.people():
            click.echo(app.person_line(person, as_json=as_json))


@people.command()
@click.argument("name")
@config_option
def remove(*, name: str, config_path: Path | None) -> None:
    """Forget NAME: the templates are overwritten, not only unlinked."""
    from edge import app

    with app.open_people(load_config(config_path)) as gallery:
        gallery.remove(name)
    click.echo(f"{name} removed")


@people.command()
@click.argument("old")
@click.argument("new")
@config_option
def rename(*, old: str, new: str, config_path: Path | None) -> None:
    """Give OLD the name NEW."""
    from edge import app

    with app.open_people(load_config(config_path)) as gallery:
        gallery.rename(old, new)
    click.echo(f"{old} is now {new}")


@vigil.command()
@config_option
def reset_lockout(*, config_path: Path | None) -> None:
    """Clear the failures that delay or disable the request button: what an administrator does after a lockout."""
    from edge import app

    app.clear_failures(load_config(config_path))
    click.echo("failures cleared; a running service takes it up when it is started again")


@vigil.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a check.")
@click.option("--tune", is_flag=True, help="Time the models with 1 to 4 threads first, and keep the fastest choice.")
@config_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, tune: bool, config_path: Path | None) -> None:
    """Check this device, and say what to do. The exit code is that of the first check that failed; warnings give 0."""
    from edge import app
    from edge import doctor as checks
    from edge.clock import SystemClock

    config = load_config(config_path)
    if tune:
        chosen, path = app.tune(config)
        for line in checks.tuning_lines(chosen, path, as_json=as_json):
            click.echo(line)
    found = []
    for finding in checks.examine(config, SystemClock()):
        found.append(finding)
        click.echo(checks.finding_line(finding, as_json=as_json))
    ctx.exit(checks.exit_code(found))


@vigil.command()
@click.option("--image", type=click.Path(path_type=Path), help="A photo of one face [default: a drawn one].")
@click.option("--min-face", type=click.IntRange(20, 1000), default=60, show_default=True, help="Smallest face, in px.")
@click.option(
    "--peers", is_flag=True, help="Also others' networks, in turns with ours. Fetches their weights with pip."
)
@click.option("--rounds", type=click.IntRange(2, 10000), default=60, show_default=True, help="Turns, of 5 calls each.")
@click.option("--cpu-time", is_flag=True, help="Count processor time: for a machine that is busy with other things.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@config_option
def bench(
    *,
    image: Path | None,
    min_face: int,
    peers: bool,
    rounds: int,
    cpu_time: bool,
    seed: int,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Time detection, a tracked frame, the Siamese branch and EyeNet, 640x480, one thread: median, p95, ratio."""
    import msgspec

    from edge import app, app_driver
    from edge import bench as benchmark
    from edge.clock import CpuClock, SystemClock

    config = app.with_threads(app.with_min_face(load_config(config_path), min_face), 1)  # peers are held to one as well
    report = benchmark.measure(
        app.open_vision(config),
        app_driver.open_eyenet(config),
        image,
        peers=peers,
        rounds=rounds,
        seed=seed,
        clock=CpuClock() if cpu_time else SystemClock(),
        say=lambda line: click.echo(line, err=True),
    )
    for line in [msgspec.json.encode(report).decode()] if as_json else benchmark.lines_of(report):
        click.echo(line)


@vigil.command()
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--signature", type=click.Path(path_type=Path), help="[default: PACKAGE.sig]")
@config_option
def update(*, package: Path, signature: Path | None, config_path: Path | None) -> None:
    """Put the release in PACKAGE (a signed .deb) in the place of the one that runs; go back where it does not hold."""
    from edge.clock import SystemClock
    from edge.update import Layout, Programs, Updater

    layout = Layout(state=Path(load_config(config_path).state.directory))
    beside = package.with_name(f"{package.name}.sig")
    version = Updater(layout, Programs(), SystemClock(), click.echo).update(package, signature or beside)
    click.echo(f"updated to {version}")


def _faces(count: int) -> str:
    return "no face" if count == 0 else "1 face" if count == 1 else f"{count} faces"
