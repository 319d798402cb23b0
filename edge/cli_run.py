"""The commands that run a job or look back at one. Only click is imported at the top."""

from __future__ import annotations

from pathlib import Path

import click

from edge.cli_options import config_option, load_config


@click.command()
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
@config_option
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

    config = app.with_backend(load_config(config_path), backend)
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


@click.command()
@config_option
def safe(*, config_path: Path | None) -> None:
    """Drive the outputs to their safe state (locked; silent): systemd does so after every end of the service."""
    from edge import outputs

    config = load_config(config_path)
    outputs.open_output(config).close()
    click.echo("buzzer and lamp are off" if config.mode.job == "driver" else "the relay is at its safe level")


@click.command()
@click.argument("events", type=click.Path(path_type=Path))
@click.argument("target", metavar="[OUT]", type=click.Path(path_type=Path), default=Path("report.html"))
@click.option(
    "--run", "number", type=click.IntRange(1), help="Which run, where EVENTS holds several [default: the last]."
)
def report(*, events: Path, target: Path, number: int | None) -> None:
    """Draw what happened in EVENTS (of vigil run --events) into OUT: .html [default: report.html], .svg or .png.

    Of a drive: eyes, PERCLOS and head against their limits, states and alerts. Of a door: requests, grants, refusals.
    """
    from edge.report import read_log, summary, write_report

    log = read_log(events)
    chosen = log.run(number)
    write_report(chosen, target, log.remark(chosen))
    for line in summary(chosen):
        click.echo(line)
    click.echo(": ".join(words for words in (str(target), log.remark(chosen)) if words))
