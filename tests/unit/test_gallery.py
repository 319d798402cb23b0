"""The sealed gallery: what it keeps, what it forgets, and what it refuses to read."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.config import StateConfig
from edge.errors import InputError, PersonExistsError, PersonUnknownError, TemplateError
from edge.store import FILE_NAME, Store
from edge.types import Floats
from edge.verify import keys
from edge.verify.gallery import Gallery, Person, open_gallery

KEY = bytes(range(32))
MODEL = "a" * 64
OTHER_MODEL = "b" * 64


def faces(seed: int, n: int = 1, spread: float = 0.3) -> Floats:
    """``n`` unit embeddings of one made-up person."""
    random = np.random.default_rng(seed)
    centre = random.normal(size=128)
    raw = centre / np.linalg.norm(centre) + spread / np.sqrt(128) * random.normal(size=(n, 128))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


def _gallery(store: Store, key: bytes | None = KEY, model: str = MODEL) -> Gallery:
    return Gallery(store, key, model, wall_clock=lambda: 1_700_000_000.0)


def assert_found(found: tuple[str, float] | None, name: str, distance: float = 0.0) -> None:
    assert found is not None
    assert found[0] == name
    assert found[1] == pytest.approx(distance, abs=3e-4)  # 2 - 2 cos in float32: its root


def _alter(directory: Path, *statements: str) -> None:
    """Change the file behind the gallery's back."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_an_empty_gallery_knows_nobody(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store, key=None)
        assert len(gallery) == 0
        assert gallery.people() == []
        assert gallery.nearest(faces(1)[0]) is None


def test_people_come_back_after_a_restart(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Berta", faces(2, n=3))
        gallery.add("Anna", faces(1))
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        assert gallery.people() == [
            Person("Anna", 1, model_ok=True, enrolled_unix_s=1_700_000_000.0),
            Person("Berta", 3, model_ok=True, enrolled_unix_s=1_700_000_000.0),
        ]
        assert_found(gallery.nearest(faces(1)[0]), "Anna")


def test_distance_is_to_one_vector_of_all_templates(tmp_path: Path) -> None:
    x, y, z = np.eye(3, dtype=np.float32)
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Anna", np.stack([x, y]))
        found = gallery.nearest(x)
        far = gallery.nearest(z)
    assert_found(found, "Anna", np.sqrt(2 - 2**0.25))  # a mean (1/2, 1/2, 0) of length 2^-1/2, over 2^-1/4
    assert_found(far, "Anna", np.sqrt(2))


def test_the_nearest_of_several_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        for seed in range(6):
            gallery.add(f"person {seed}", faces(seed, n=2))
        for seed in range(6):
            found = gallery.nearest(faces(seed, n=3)[2])
            assert found is not None
            assert found[0] == f"person {seed}"
            assert found[1] < 0.6


def test_the_same_name_twice_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("José", faces(1))
        with pytest.raises(PersonExistsError, match="'José' is already enrolled"):
            gallery.add("Jose\N{COMBINING ACUTE ACCENT} ", faces(2))
        assert_found(gallery.nearest(faces(1)[0]), "José")
        gallery.add("josé", faces(2))  # names differ by case


def test_replacing_forgets_the_former_templates(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Anna", faces(1, n=5))
        gallery.add("Anna", faces(2, n=2), replace=True)
        assert [(person.name, person.n_templates) for person in gallery.people()] == [("Anna", 2)]
        found = gallery.nearest(faces(1)[0])
        assert found is not None
        assert found[1] > 1.0


def test_replacing_nobody_enrols(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Anna", faces(1), replace=True)
        assert len(gallery) == 1


def test_rename_keeps_the_templates(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Anna", faces(1))
        gallery.add("Berta", faces(2))
        gallery.rename("Anna", "Änne 安娜")
        assert_found(gallery.nearest(faces(1)[0]), "Änne 安娜")
        with pytest.raises(PersonExistsError, match="'Berta' is already enrolled"):
            gallery.rename("Änne 安娜", "Berta")
        with pytest.raises(PersonUnknownError, match="'Anna' is not enrolled"):
            gallery.rename("Anna", "Carla")


def test_remove_leaves_no_trace_in_the_files(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Wilhelmina Testperson", faces(1, n=5))
        gallery.add("Anna", faces(2))
        store.audit(1.0, "granted", person="Wilhelmina Testperson")
        sealed = [blob for (blob,) in store.rows("SELECT sealed FROM template WHERE person_id = 1")]
        assert len(sealed) == 5
        gallery.remove("Wilhelmina Testperson")
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())  # the log included, while it is open
        assert [person.name for person in gallery.people()] == ["Anna"]
        assert [(row.event, row.person) for row in store.audit_rows()] == [("granted", None)]
    assert b"Anna" in left
    assert b"Wilhelmina" not in left
    assert not any(blob[:16] in left for blob in sealed)


def test_removing_a_stranger_is_an_error(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, pytest.raises(PersonUnknownError, match="'Nobody' is not enrolled"):
        _gallery(store).remove("Nobody")


def test_listing_renaming_and_removing_need_no_key(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _gallery(store).add("Anna", faces(1))
        keyless = _gallery(store, key=None)
        assert [person.name for person in keyless.people()] == ["Anna"]
        with pytest.raises(TemplateError, match="its key was not found"):
            keyless.nearest(faces(1)[0])
        keyless.rename("Anna", "Berta")
        keyless.remove("Berta")
        assert len(keyless) == 0


def test_nothing_of_a_template_lies_open_in_the_file(tmp_path: Path) -> None:
    template = faces(1)
    with Store.open(tmp_path) as store:
        _gallery(store).add("Anna", template)
    content = (tmp_path / FILE_NAME).read_bytes()
    assert b"Anna" in content
    assert not any(template[0, start : start + 2].tobytes() in content for start in range(127))


def test_a_wrong_key_is_never_taken_for_no_match(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _gallery(store).add("Anna", faces(1))
        wrong = _gallery(store, key=bytes(32))
        with pytest.raises(TemplateError, match="sealed with another key"):
            wrong.nearest(faces(1)[0])
        with pytest.raises(TemplateError, match="sealed with another key"):
            wrong.add("Berta", faces(2))
        assert len(wrong) == 1


def test_an_emptied_gallery_may_start_again_under_another_key(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Anna", faces(1))
        gallery.remove("Anna")
        other = _gallery(store, key=bytes(32))
        other.add("Berta", faces(2))
        assert_found(other.nearest(faces(2)[0]), "Berta")


def test_templates_of_another_model_are_refused_with_advice(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _gallery(store).add("Anna", faces(1))
        updated = _gallery(store, model=OTHER_MODEL)
        assert [person.model_ok for person in updated.people()] == [False]
        with pytest.raises(TemplateError, match=r"'Anna': enrolled with model aaaaaaaaaaaa.*bbbbbbbbbbbb: enrol again"):
            updated.nearest(faces(1)[0])
        updated.add("Anna", faces(1), replace=True)
        assert_found(updated.nearest(faces(1)[0]), "Anna")


FORGERIES = {
    "swapped between people": (
        "UPDATE template SET person_id = person_id + 100",
        "UPDATE template SET person_id = 1 WHERE person_id = 102",
        "UPDATE template SET person_id = 2 WHERE person_id = 101",
    ),
    "swapped within a person": (
        "UPDATE template SET number = number + 100 WHERE person_id = 1",
        "UPDATE template SET number = 101 - number WHERE person_id = 1",
    ),
    "copied to another person": (
        "DELETE FROM template WHERE person_id = 2",
        "INSERT INTO template SELECT 2, number, sealed FROM template WHERE person_id = 1",
    ),
    "uids exchanged": (
        "UPDATE person SET uid = x'00' WHERE id = 1",
        "UPDATE person SET uid = x'11' WHERE id = 2",
    ),
    "ciphertext altered": (
        "UPDATE template SET sealed = CAST(substr(sealed, 1, 40) || zeroblob(16) || substr(sealed, 57) AS BLOB)"
        " WHERE number = 0",
    ),
    "nonce altered": (
        "UPDATE template SET sealed = CAST(zeroblob(12) || substr(sealed, 13) AS BLOB) WHERE number = 0",
    ),
    "turned into text": ("UPDATE template SET sealed = CAST(sealed AS TEXT) || 'x' WHERE number = 0",),
    "cut short": ("UPDATE template SET sealed = substr(sealed, 1, 5) WHERE person_id = 1",),
    "emptied": ("UPDATE template SET sealed = x'' WHERE person_id = 1",),
    "no bytes": ("UPDATE template SET sealed = 'text' WHERE person_id = 1",),
    "one left out": ("DELETE FROM template WHERE person_id = 1 AND number = 1",),
    "all left out": ("DELETE FROM template WHERE person_id = 1",),
    "one doubled": ("INSERT INTO template SELECT person_id, 7, sealed FROM template WHERE number = 1",),
    "model claimed": (f"UPDATE person SET model_sha256 = '{MODEL}'",),
    "proof of the key gone": ("DELETE FROM key_check",),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_an_altered_row_is_an_error_not_a_stranger(tmp_path: Path, forgery: str) -> None:
    written_by = OTHER_MODEL if forgery == "model claimed" else MODEL
    with Store.open(tmp_path) as store:
        for number in (1, 2):
            _gallery(store, model=written_by).add(f"person {number}", faces(number, n=2))
        gallery = _gallery(store)
        if written_by == MODEL:
            gallery.check()  # opened once: the change has to be noticed
        _alter(tmp_path, *FORGERIES[forgery])
        for _ in range(2):
            with pytest.raises(TemplateError, match="altered"):
                gallery.nearest(faces(1)[0])


def test_changes_by_another_process_are_seen(tmp_path: Path) -> None:
    with Store.open(tmp_path) as daemons, Store.open(tmp_path) as commands:
        daemon, command = _gallery(daemons), _gallery(commands)
        assert daemon.nearest(faces(1)[0]) is None
        command.add("Anna", faces(1))
        assert_found(daemon.nearest(faces(1)[0]), "Anna")
        command.remove("Anna")
        assert daemon.nearest(faces(1)[0]) is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: e[0], "expected embeddings"),
        (lambda e: e[:0], "expected embeddings"),
        (lambda e: e.astype(np.float64), "float32"),
        (lambda e: e * np.float32(1.1), "length 1"),
        (lambda e: e * np.float32("nan"), "length 1"),
        (lambda e: np.concatenate([e, -e]), "cancel out"),
    ],
)
def test_embeddings_that_cannot_be_templates(tmp_path: Path, spoil: Callable[[Floats], Floats], message: str) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        with pytest.raises(InputError, match=message):
            gallery.add("Anna", spoil(faces(1)))
        assert len(gallery) == 0


def test_a_query_that_is_no_unit_embedding_never_matches(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        gallery = _gallery(store)
        gallery.add("Anna", faces(1))
        for query in (faces(1), np.full(128, np.nan, np.float32), np.zeros(128, np.float32), np.eye(64)[0]):
            with pytest.raises(InputError):
                gallery.nearest(np.asarray(query, dtype=np.float32))


def test_the_key_is_made_by_the_first_enrolment_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    state = StateConfig(directory=str(tmp_path))
    with Store.open(tmp_path) as store:
        assert open_gallery(store, state, MODEL).nearest(faces(1)[0]) is None
        assert not (tmp_path / keys.FILE_NAME).exists()
        open_gallery(store, state, MODEL, enrolling=True).add("Anna", faces(1))
        (tmp_path / keys.FILE_NAME).rename(tmp_path / "mislaid")
        with pytest.raises(TemplateError, match="its key was not found"):
            open_gallery(store, state, MODEL, enrolling=True).add("Berta", faces(2))
        assert not (tmp_path / keys.FILE_NAME).exists()
        (tmp_path / "mislaid").rename(tmp_path / keys.FILE_NAME)
        assert_found(open_gallery(store, state, MODEL).nearest(faces(1)[0]), "Anna")


WRITER = """
import sys
from pathlib import Path
from edge.store import Store
from tests.unit.test_gallery import KEY, MODEL, faces
from edge.verify.gallery import Gallery
first = int(sys.argv[2])
with Store.open(Path(sys.argv[1])) as store:
    gallery = Gallery(store, KEY, MODEL)
    for number in range(first, first + 10_000):
        gallery.add(f"person {number}", faces(number, n=5))
        if number % 3 == 2:
            gallery.add(f"person {number - 1}", faces(number - 1, n=4), replace=True)
        print(number, flush=True)
"""


def _write_until_killed(directory: Path, first: int, answers: int) -> int:
    """Start a writer, kill it after some answers while it is at the next, and say how far it had answered."""
    command = [sys.executable, "-c", WRITER, str(directory), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(answers):
            assert writer.stdout.readline()
        writer.kill()
        rest = writer.stdout.read().splitlines()
        assert writer.wait() == -9
    return first + answers - 1 + len(rest)


def test_killing_the_writer_loses_no_earlier_template(tmp_path: Path) -> None:
    answered = -1
    for round_number in range(10):
        answered = _write_until_killed(tmp_path, answered + 1, answers=1 + round_number % 4)
        with Store.open(tmp_path) as store:
            gallery = _gallery(store)
            gallery.check()  # every template of everybody opens
            names = {person.name for person in gallery.people()}
            assert names >= {f"person {number}" for number in range(answered + 1)}
            assert all(person.n_templates in (4, 5) for person in gallery.people())
            if f"person {answered + 1}" in names:  # written, and killed before it could answer
                gallery.remove(f"person {answered + 1}")


SEALER = """
import sys
from pathlib import Path
from edge.verify.keys import load_key
print(load_key(Path(sys.argv[1]), environ={}, create=True).hex(), flush=True)
"""


def test_two_processes_that_make_the_key_together_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SEALER, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,
    ):
        made = one.communicate()[0], other.communicate()[0]
    assert len(made[0]) == 65
    assert made[0] == made[1]
