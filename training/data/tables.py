"""Tables of labels: CSV files with a line of column names."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from edge.errors import InputError


def read_rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows by column name; the first is line 2 of the file. Raises InputError naming the columns that it lacks."""
    try:
        with table.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{table}: expected columns {', '.join(columns)}; missing {missing}")
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read as a table: {error}") from error
    return rows
