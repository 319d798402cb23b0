"""``vigil report``. Only click is imported at the top."""

from __future__ import annotations

from pathlib import Path

import click


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
