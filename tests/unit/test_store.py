"""The database file: what it survives, and what it refuses."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge import store as store_module
from edge.errors import InputError, StateError
from edge.store import AUDIT_DETAIL_MAX, FILE_NAME, Store


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_and_file_are_private(state: Path) -> None:
    with Store.open(state) as store:
        store.set_counters({"failures": 1})
        modes = {entry.name: _mode(entry) for entry in state.iterdir()}
    assert _mode(state) == 0o700
    assert set(modes) == {"vigil.db", "vigil.db-wal", "vigil.db-shm"}
    assert set(modes.values()) == {0o600}
    assert [entry.name for entry in state.iterdir()] == ["vigil.db"]


def test_settings_that_keep_the_promises(state: Path) -> None:
    with Store.open(state) as store:
        settings = {name: store.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")}
        switches = {name: store.rows(f"PRAGMA {name}")[0][0] for name in ("foreign_keys", "secure_delete")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}
    assert switches == {"foreign_keys": 1, "secure_delete": 1}


def test_counters_survive_a_restart(state: Path) -> None:
    with Store.open(state) as store:
        assert store.counter("failures") == 0
        store.set_counters({"failures": 4, "retry_at": 12.5})
        store.set_counters({"failures": 5})
    with Store.open(state) as store:
        assert store.counter("failures") == 5
        assert isinstance(store.counter("failures"), int)
        assert store.counter("retry_at") == 12.5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_counters_are_set_together_or_not_at_all(state: Path, value: float) -> None:
    with Store.open(state) as store:
        with pytest.raises(InputError, match="finite value for counter 'disabled'"):
            store.set_counters({"failures": 9, "disabled": value})
        assert store.counter("failures") == 0


def _count_and_fail(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO counter VALUES ('failures', 7)")
    raise RuntimeError("planted")


def test_a_transaction_that_raises_changes_nothing(state: Path) -> None:
    with Store.open(state) as store:
        with pytest.raises(RuntimeError, match="planted"), store.transaction() as db:
            _count_and_fail(db)
        assert store.counter("failures") == 0
        store.set_counters({"failures": 1})  # and the next one is not stuck behind it


def test_audit_keeps_the_newest_rows(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "AUDIT_ROWS_MAX", 5)
    with Store.open(state) as store:
        for number in range(12):
            store.audit(float(number), "denied", detail=f"visit {number}")
        found = store.audit_rows()
    assert [row.detail for row in found] == [f"visit {number}" for number in range(7, 12)]


def test_audit_detail_is_bounded_and_strangers_are_nobody(state: Path) -> None:
    with Store.open(state) as store:
        store.audit(1.0, "denied", person="not enrolled", detail="x" * (AUDIT_DETAIL_MAX + 9))
        (row,) = store.audit_rows()
    assert row.person is None
    assert len(row.detail) == AUDIT_DETAIL_MAX


def test_reopening_keeps_the_identity_of_the_file_after_compacting(state: Path) -> None:
    with Store.open(state) as store:
        store.set_counters({"failures": 2})
        store.compact()
    with Store.open(state) as store:
        assert store.counter("failures") == 2


@pytest.mark.parametrize("content", [b"", b"just a text\n", b"PK\x03\x04" * 100, b"SQLite format 3\0"])
def test_another_kind_of_file_is_refused_untouched(state: Path, content: bytes) -> None:
    state.mkdir()
    path = state / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"vigil\.db: expected Vigil's SQLite database, found another kind of file"):
        Store.open(state)
    assert path.read_bytes() == content
    assert [entry.name for entry in state.iterdir()] == [FILE_NAME]


def test_another_programs_database_is_refused_untouched(state: Path) -> None:
    state.mkdir()
    path = state / FILE_NAME
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url TEXT)")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(StateError, match="found that of another program"):
        Store.open(state)
    assert path.read_bytes() == before


def test_a_newer_version_is_refused(state: Path) -> None:
    Store.open(state).close()
    with closing(sqlite3.connect(state / FILE_NAME)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match=r"version 1 or older, found version 99.*update Vigil"):
        Store.open(state)


def test_an_older_version_is_brought_up_to_date(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(state) as store:
        store.set_counters({"failures": 3})
    later = (*store_module._MIGRATIONS, "ALTER TABLE counter ADD COLUMN note TEXT;")
    monkeypatch.setattr(store_module, "_MIGRATIONS", later)
    with Store.open(state) as store:
        assert store.rows("SELECT value, note FROM counter") == [(3, None)]
        assert store.rows("PRAGMA user_version") == [(2,)]


def test_a_migration_that_fails_changes_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(state) as store:
        store.set_counters({"failures": 3})
    with monkeypatch.context() as patch:
        broken = (*store_module._MIGRATIONS, "DROP TABLE counter; CREATE TABLE person (id);")
        patch.setattr(store_module, "_MIGRATIONS", broken)
        with pytest.raises(StateError, match="already exists"):
            Store.open(state)
    with Store.open(state) as store:
        assert store.counter("failures") == 3


def test_a_damaged_file_is_named(state: Path) -> None:
    with Store.open(state) as store:
        for number in range(400):
            store.audit(float(number), "denied", detail="x" * 400)
    path = state / FILE_NAME
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 30] = os.urandom(4096 * 29)
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"vigil\.db: the database is damaged.*move it away") as caught:
        Store.open(state)
    assert "\n" not in str(caught.value)


def test_a_file_cut_short_is_named(state: Path) -> None:
    Store.open(state).close()
    os.truncate(state / FILE_NAME, 5000)
    with pytest.raises(StateError, match="damaged"):
        Store.open(state)


def test_a_directory_that_is_a_file_is_named(state: Path) -> None:
    state.write_text("not a directory")
    with pytest.raises(StateError, match=f"{state}: expected a directory for the state, found a file"):
        Store.open(state)


def test_a_directory_under_a_file_is_named(state: Path) -> None:
    state.write_text("not a directory")
    with pytest.raises(StateError, match=f"{state}/inner: the state directory cannot be made: Not a directory"):
        Store.open(state / "inner")


def test_a_directory_in_which_nothing_can_be_made() -> None:
    with pytest.raises(StateError, match=r"/proc/self/fdinfo/vigil\.db: cannot be created"):
        Store.open(Path("/proc/self/fdinfo"))  # read-only for root as well


def _protect(path: Path, mode: int) -> None:
    path.chmod(mode)
    if os.access(path, os.W_OK):
        pytest.skip("permissions do not bind this user (root)")


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_state_directory_without_permission_is_named(state: Path, mode: int) -> None:
    state.mkdir()
    _protect(state, mode)
    with pytest.raises(StateError, match=r"vigil\.db: cannot be (read|created): Permission denied"):
        Store.open(state)
    state.chmod(0o700)


def test_a_database_that_may_not_be_written_is_named(state: Path) -> None:
    Store.open(state).close()
    _protect(state / FILE_NAME, 0o400)
    _protect(state, 0o500)
    with pytest.raises(StateError, match=r"vigil\.db: .*check the permissions"):
        Store.open(state)
    state.chmod(0o700)


def test_a_database_that_is_a_directory_is_named(state: Path) -> None:
    (state / FILE_NAME).mkdir(parents=True)
    with pytest.raises(StateError, match=r"vigil\.db: cannot be read: Is a directory"):
        Store.open(state)


def test_another_process_that_keeps_the_lock(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(state).close()
    monkeypatch.setattr(store_module, "_BUSY_S", 0.01)
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as other, Store.open(state) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="another process has kept it locked"):
            store.set_counters({"failures": 1})


def test_compacting_under_a_reader_says_what_is_left(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_BUSY_S", 0.01)
    with Store.open(state) as store, closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as reader:
        store.set_counters({"failures": 1})
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM counter").fetchall()
        with pytest.raises(StateError, match="the log still holds the old content"):
            store.compact()
        assert store.counter("failures") == 1


def _fill(store: Store) -> None:
    for number in range(1000):
        store.audit(float(number), "denied", detail="x" * 500)


def test_a_full_disk_loses_nothing(state: Path) -> None:
    with Store.open(state) as store:
        store.set_counters({"failures": 3})
        store.rows("PRAGMA max_page_count = 1")  # SQLite raises it to the present size: no page can be added
        with pytest.raises(StateError, match=r"vigil\.db: the disk is full"):
            _fill(store)
        store.set_counters({"failures": 4})
        assert store.counter("failures") == 4


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "tiny"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", mount], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield mount
    subprocess.run(["umount", mount], check=True)


def test_a_really_full_disk_loses_nothing(tiny_disk: Path) -> None:
    with Store.open(tiny_disk) as store:
        store.set_counters({"failures": 3})
        with pytest.raises(StateError, match="the disk is full"):
            _fill(store)
    with Store.open(tiny_disk) as store:
        assert store.counter("failures") == 3


def test_a_disk_that_is_full_from_the_start(tiny_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (tiny_disk / "ballast").write_bytes(bytes(10**6))
    with pytest.raises(StateError, match=r"vigil\.db: cannot be created: No space left on device"):
        Store.open(tiny_disk / "state")
    assert list((tiny_disk / "state").iterdir()) == []


def test_a_read_only_disk_is_named(tiny_disk: Path) -> None:
    Store.open(tiny_disk).close()
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    with pytest.raises(StateError, match=r"vigil\.db: .*check the permissions"):
        Store.open(tiny_disk)


def test_a_closed_store_is_an_error(state: Path) -> None:
    store = Store.open(state)
    store.close()
    store.close()
    with pytest.raises(StateError, match="closed"):
        store.counter("failures")
