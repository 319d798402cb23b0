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
    from edge import app_driver

    config = load_config(config_path)
    app_driver.open_output(config).close()
    click.echo("buzzer and lamp are off" if config.mode.job == "driver" else "the relay is at its safe level")


@click.command()
@click.argument("events", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path), default=Path("report.html"))
def report(*, events: Path, target: Path) -> None:
    """Draw a drive from its EVENTS (vigil run --events) into TARGET: .html (default report.html), .svg or .png."""
    from edge.report import alerts, read_records, write_report

    records = read_records(events)
    write_report(records, target)
    for at_s, words in alerts(records):
        click.echo(f"{at_s:8.2f} s  {words}")
    click.echo(f"{target}: {len(records)} frames, {records[-1].time_s - records[0].time_s:.1f} s")
