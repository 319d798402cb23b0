"""The commands. Only click is imported at the top: ``vigil --help`` answers before numpy would have loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli_report import report
from edge.errors import ExitCode, InputError, NoFaceError

if TYPE_CHECKING:
    from edge.config import Config

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


vigil.add_command(report)


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
    faces = [app.only_face(vision, frame, str(path)) for frame, path in zip(frames, (first, second), strict=True)]
    found = distance(*(vision.embed(frame, face) for frame, face in zip(frames, faces, strict=True)))
    same = found <= distance_max
    if as_json:
        import json

        click.echo(json.dumps({"same": same, "distance": found, "distance_max": distance_max, "fmr": rate}))
    else:
        verdict = "same person" if same else "different people"
        click.echo(f"{verdict}: distance {found:.3f}, limit {distance_max:.3f} (false match rate {rate:g})")
    ctx.exit(ExitCode.OK if same else ExitCode.DIFFERENT_PERSON)


@vigil.command()
@click.option(
    "--camera", "sources", multiple=True, help="picamera, v4l2:/dev/videoN, FILE or DIR (repeat for several)."
)
@click.option(
    "--gpio", "backend", type=click.Choice(["gpiozero", "mock", "log"]), help="Real pins, mock ones, or words."
)
@click.option("--fast", is_flag=True, help="Play recordings as fast as they go; decisions are the same.")
@click.option("--events", type=click.Path(path_type=Path), help="Append what was decided there (JSON lines).")
@click.option("--video", type=click.Path(path_type=Path), help="Write an annotated MP4 there. It shows faces.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Write one picture of the run there. It shows faces.")
@_config_option
def run(
    *,
    sources: tuple[str, ...],
    backend: str | None,
    fast: bool,
    events: Path | None,
    video: Path | None,
    sheet: Path | None,
    config_path: Path | None,
) -> None:
    """Watch the door, or the driver (mode.job). Ends on SIGTERM, or when a recording is over."""
    from contextlib import ExitStack

    from edge import app, app_driver

    config = app.with_backend(_load(config_path), backend)
    driving = config.mode.job == "driver"
    with ExitStack() as stack:
        open_witnesses = app_driver.open_witnesses if driving else app.open_witnesses
        open_daemon = app_driver.open_driver if driving else app.open_door
        daemon = open_daemon(
            config,
            sources or (config.camera.source,),
            realtime=not fast,
            witnesses=open_witnesses(events, video, sheet, click.echo),
            say=click.echo,
            stack=stack,
        )
        daemon.run(app.stop_on_signals())


@vigil.command()
@click.argument("name")
@click.option("--images", "images", type=click.Path(path_type=Path), multiple=True, help="A photo or a folder of them.")
@click.option("--camera", "source", help="Take the views from picamera, v4l2:/dev/videoN or a recording instead.")
@click.option("--replace", "replace_known", is_flag=True, help="Replace the templates of somebody who is enrolled.")
@_config_option
def enroll(
    *, name: str, images: tuple[Path, ...], source: str | None, replace_known: bool, config_path: Path | None
) -> None:
    """Let the door know NAME: from one photo (one-shot), or better from 3 to 5 good and distinct views."""
    from edge import app

    if bool(images) == bool(source):
        raise InputError("expected either --images PATH or --camera SOURCE")
    chosen = app.enrol(_load(config_path), name, images, source, replace_known=replace_known, say=click.echo)
    click.echo(f"{name} enrolled, {chosen.summary()}")
    for refusal in chosen.refused:
        click.echo(f"  not used: {refusal}")


@vigil.group()
def people() -> None:
    """Who is enrolled."""


@people.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a person.")
@_config_option
def list_people(*, as_json: bool, config_path: Path | None) -> None:
    """Everybody, with the number of views and whether the model in use made them."""
    from edge import app

    with app.open_people(_load(config_path)) as gallery:
        for person in gallery.people():
            click.echo(app.person_line(person, as_json=as_json))


@people.command()
@click.argument("name")
@_config_option
def remove(*, name: str, config_path: Path | None) -> None:
    """Forget NAME: the templates are overwritten, not only unlinked."""
    from edge import app

    with app.open_people(_load(config_path)) as gallery:
        gallery.remove(name)
    click.echo(f"{name} removed")


@people.command()
@click.argument("old")
@click.argument("new")
@_config_option
def rename(*, old: str, new: str, config_path: Path | None) -> None:
    """Give OLD the name NEW."""
    from edge import app

    with app.open_people(_load(config_path)) as gallery:
        gallery.rename(old, new)
    click.echo(f"{old} is now {new}")


@vigil.command()
@_config_option
def reset_lockout(*, config_path: Path | None) -> None:
    """Clear the failures that delay or disable the request button: what an administrator does after a lockout."""
    from edge import app

    app.clear_failures(_load(config_path))
    click.echo("failures cleared; a running service takes it up when it is started again")


@vigil.command()
@_config_option
def safe(*, config_path: Path | None) -> None:
    """Drive the outputs to their safe state (locked; silent): systemd does so after every end of the service."""
    from edge import app_driver

    config = _load(config_path)
    app_driver.open_output(config).close()
    click.echo("buzzer and lamp are off" if config.mode.job == "driver" else "the relay is at its safe level")


@vigil.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a check.")
@click.option("--tune", is_flag=True, help="Time the models with 1 to 4 threads first, and keep the fastest choice.")
@_config_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, tune: bool, config_path: Path | None) -> None:
    """Check this device, and say what to do. The exit code is that of the first check that failed; warnings give 0."""
    from edge import app
    from edge import doctor as checks
    from edge.clock import SystemClock

    config = _load(config_path)
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
@_config_option
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
    """Time detection, a tracked frame and the Siamese branch on a 640x480 frame, one thread: median, p95, ratio."""
    import msgspec

    from edge import app
    from edge import bench as benchmark
    from edge.clock import CpuClock, SystemClock

    config = app.with_threads(app.with_min_face(_load(config_path), min_face), 1)  # peers are held to one as well
    vision = app.open_vision(config)
    report = benchmark.measure(
        vision,
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
@_config_option
def update(*, package: Path, signature: Path | None, config_path: Path | None) -> None:
    """Put the release in PACKAGE (a signed .deb) in the place of the one that runs; go back where it does not hold."""
    from edge.clock import SystemClock
    from edge.update import Layout, Programs, Updater

    layout = Layout(state=Path(_load(config_path).state.directory))
    beside = package.with_name(f"{package.name}.sig")
    version = Updater(layout, Programs(), SystemClock(), click.echo).update(package, signature or beside)
    click.echo(f"updated to {version}")


def _load(path: Path | None) -> Config:
    from edge import config

    if path is None and not DEFAULT_CONFIG.exists():
        return config.Config()
    return config.load(path or DEFAULT_CONFIG)


def _faces(count: int) -> str:
    return "no face" if count == 0 else "1 face" if count == 1 else f"{count} faces"
