"""The one SQLite file of the device: people, sealed templates, counters and audit rows. Never a picture of a face.

Each transaction is on the disk before the call returns (WAL, synchronous=FULL): a process killed at any moment loses
nothing that was answered. Deleted content is overwritten (secure_delete), and ``compact`` clears it from the log too.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from edge.errors import InputError, StateError
from edge.private_file import create_private_file

FILE_NAME = "vigil.db"
AUDIT_ROWS_MAX = 10_000
AUDIT_DETAIL_MAX = 500  # characters

_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID = 0x5649474C  # "VIGL", at byte 68 of the file (sqlite.org/fileformat.html)
_BUSY_S = 5.0

# Entry i takes a database from version i to i + 1; a released entry is never edited.
_MIGRATIONS = (
    """
    CREATE TABLE person (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uid BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        model_sha256 TEXT NOT NULL,
        enrolled_unix_s REAL NOT NULL
    );
    CREATE TABLE template (
        person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (person_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE key_check (id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL);
    CREATE TABLE counter (name TEXT PRIMARY KEY, value NUMERIC NOT NULL) WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        unix_s REAL NOT NULL,
        event TEXT NOT NULL,
        person_id INTEGER REFERENCES person (id) ON DELETE SET NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX audit_person ON audit (person_id);
    """,
)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """``person`` is the present name; None where nobody was concerned or the person has been removed since."""

    unix_s: float
    event: str
    person: str | None
    detail: str


class Store:
    """An open database. Use it as a context manager, from one thread; several processes may share the file.

    Every method raises StateError, with one line that names the file: disk full, no permission, damaged, in use.
    """

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Use :meth:`open`."""
        self.path = path
        self._db = db

    @classmethod
    def open(cls, directory: Path) -> Store:
        """Open ``vigil.db`` in ``directory``; make both (0600 in 0700) where they are absent.

        A file that is not Vigil's, or is of a newer release, is refused and left as it is. Raises StateError.
        """
        path = directory.absolute() / FILE_NAME
        _make_directory(path.parent)
        header = _header(path)
        if header is None:
            create_private_file(path, _empty_database())
            header = _header(path) or b""
        _refuse_foreign(path, header)
        with _explained(path):
            db = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None)
        store = cls(path, db)
        try:
            store._prepare()
        except BaseException:
            store.close()
            raise
        return store

    def _prepare(self) -> None:
        with _explained(self.path):
            self._refuse_newer()
            for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "temp_store = MEMORY"):
                self._db.execute(f"PRAGMA {pragma}")
            mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StateError(f"{self.path}: expected a file system that can hold a WAL journal, got mode {mode!r}")
            found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise StateError(f"{self.path}: the database is damaged ({found.splitlines()[0]}); {_DAMAGED_ADVICE}")
            _migrate(self._db)
        with self.transaction():  # proves, before anything depends on it, that the file can be written
            pass

    def _refuse_newer(self) -> None:
        version = _version(self._db)
        if version > len(_MIGRATIONS):
            raise StateError(
                f"{self.path}: expected a database of version {len(_MIGRATIONS)} or older, found version {version}:"
                " it was written by a newer release of Vigil; update Vigil"
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go. Safe to call twice."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block's writes, or none: undone where the block raises or the process dies. Does not nest."""
        with _explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT gives, read at once so that no reader is left open."""
        with _explained(self.path):
            return self._db.execute(query, values).fetchall()

    @property
    def version(self) -> tuple[int, int]:
        """Differs once this connection or another has written: what was read before may be stale."""
        return int(self.rows("PRAGMA data_version")[0][0]), self._db.total_changes

    def compact(self) -> None:
        """Clear what was deleted from the file and from the write-ahead log. Raises StateError also where a reader in
        another process prevents it; the deletion itself stands."""
        with _explained(self.path):
            self._db.execute("VACUUM")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StateError(
                f"{self.path}-wal: deleted, but the log still holds the old content while another process reads it;"
                " it is cleared when that process ends"
            )

    def counter(self, name: str) -> int | float:
        """The value of a counter; 0 where it was never set."""
        found = self.rows("SELECT value FROM counter WHERE name = ?", (name,))
        value: int | float = found[0][0] if found else 0
        return value

    def set_counters(self, values: Mapping[str, int | float]) -> None:
        """Set counters together: all or none. Raises InputError for a value that is not finite."""
        for name, value in values.items():
            if not math.isfinite(value):
                raise InputError(f"expected a finite value for counter {name!r}, got {value}")
        with self.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO counter VALUES (?, ?)", list(values.items()))

    def audit(self, unix_s: float, event: str, person: str | None = None, detail: str = "") -> None:
        """Append a row and drop the oldest beyond AUDIT_ROWS_MAX. A ``person`` not in the gallery is recorded as None.

        ``detail`` is cut at AUDIT_DETAIL_MAX characters; it must not hold a name, which would outlive the person's
        removal.
        """
        with self.transaction() as db:
            db.execute(
                "INSERT INTO audit (unix_s, event, person_id, detail)"
                " VALUES (?, ?, (SELECT id FROM person WHERE name = ?), ?)",
                (unix_s, event, person, detail[:AUDIT_DETAIL_MAX]),
            )
            db.execute("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?", (AUDIT_ROWS_MAX,))

    def audit_rows(self, newest: int = 100) -> list[AuditRow]:
        """The ``newest`` rows, oldest of them first."""
        found = self.rows(
            "SELECT unix_s, event, person.name, detail FROM audit LEFT JOIN person ON person.id = person_id"
            " ORDER BY audit.id DESC LIMIT ?",
            (newest,),
        )
        return [AuditRow(*row) for row in reversed(found)]


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StateError(f"{directory}: expected a directory for the state, found a file") from error
    except OSError as error:
        raise StateError(f"{directory}: the state directory cannot be made: {error.strerror}") from error


def _empty_database() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        _migrate(db)
        return db.serialize()


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _migrate(db: sqlite3.Connection) -> None:
    """Bring the schema up to date, one committed version after another."""
    for version in range(_version(db), len(_MIGRATIONS)):
        # Two processes may get here together: the loser of the race fails on "already exists", and changes nothing.
        db.executescript(f"BEGIN IMMEDIATE; {_MIGRATIONS[version]} PRAGMA user_version = {version + 1}; COMMIT;")


def _header(path: Path) -> bytes | None:
    """What the file says of itself, read before SQLite may touch it; None where there is no file."""
    try:
        with path.open("rb") as file:
            return file.read(100)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error


def _refuse_foreign(path: Path, header: bytes) -> None:
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise StateError(f"{path}: expected Vigil's SQLite database, found another kind of file; move it away")
    found = int.from_bytes(header[68:72], "big")
    if found != _APPLICATION_ID:
        raise StateError(
            f"{path}: expected Vigil's database (application id {_APPLICATION_ID:#x}), found that of another program"
            f" ({found:#x}); move it away"
        )


_DAMAGED_ADVICE = "move it away and enrol again, or restore a copy"
_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, nothing was lost",
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for {_BUSY_S:g} s",
    sqlite3.SQLITE_READONLY: "it cannot be written; check the permissions and that the disk is not read-only",
    sqlite3.SQLITE_CANTOPEN: "it, or the log beside it, cannot be opened; check the permissions of the directory",
    sqlite3.SQLITE_CORRUPT: f"the database is damaged; {_DAMAGED_ADVICE}",
    sqlite3.SQLITE_NOTADB: f"the database is damaged; {_DAMAGED_ADVICE}",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write, or is full",
}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StateError. The low byte of an extended code is its kind (sqlite.org/rescode.html)."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        cause = _CAUSES.get(code & 0xFF) if code is not None else None
        raise StateError(f"{path}: {cause or 'the database refused'} ({error})") from error
