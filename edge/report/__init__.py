"""``vigil report``: an event log as one picture that a person reads at a glance; a drive, or a door's visits."""

from edge.report.gather import Gathering, Run
from edge.report.read import Log, read_log
from edge.report.write import STATES, summary, write_report

__all__ = ["STATES", "Gathering", "Log", "Run", "read_log", "summary", "write_report"]
