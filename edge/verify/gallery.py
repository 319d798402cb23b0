"""Who is known: names, and sealed face templates that mean nothing without the key and the model they were made by.

Each template is sealed with AES-256-GCM under a fresh 96-bit nonce (NIST SP 800-38D). What it belongs to (person,
model, its number among how many) is authenticated with it, so that a row altered, swapped or left out is noticed.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.clock import unix_s
from edge.config import StateConfig
from edge.errors import InputError, PersonExistsError, PersonUnknownError, TemplateError
from edge.store import Store
from edge.types import Floats
from edge.verify.keys import load_key
from edge.verify.names import normalise_name
from edge.verify.template import distances, template

_NONCE_BYTES = 12
_KEY_CHECK = b"vigil gallery key"
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled person. ``model_ok``: the templates were made by the model now in use."""

    name: str
    n_templates: int
    model_ok: bool
    enrolled_unix_s: float


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    uid: bytes
    name: str
    model_sha256: str


class Gallery:
    """The people in a store, for one model. Holds the opened templates in memory; use it from one thread.

    Changes that another process makes to the file are seen by the next call.
    """

    def __init__(
        self, store: Store, key: bytes | None, model_sha256: str, wall_clock: Callable[[], float] = unix_s
    ) -> None:
        """``key`` (32 bytes) may be None, which is enough to list, rename and remove. ``wall_clock``: Unix seconds."""
        self._store = store
        self._cipher = None if key is None else AESGCM(key)
        self._model_sha256 = model_sha256
        self._wall_clock = wall_clock
        self._names: list[str] = []
        self._means: Floats = np.zeros((0, 0), np.float32)
        self._seen: tuple[int, int] | None = None  # the store's version that the two above were read at

    def __len__(self) -> int:
        """How many people are enrolled, whether or not their templates can be used."""
        return int(self._store.rows("SELECT count(*) FROM person")[0][0])

    def people(self) -> list[Person]:
        """Everybody, by name. Needs no key."""
        found = self._store.rows(
            "SELECT name, count(template.number), model_sha256, enrolled_unix_s"
            " FROM person LEFT JOIN template ON person_id = person.id GROUP BY person.id ORDER BY name"
        )
        return [Person(name, n, model == self._model_sha256, enrolled) for name, n, model, enrolled in found]

    def add(self, name: str, embeddings: Floats, *, replace: bool = False) -> None:
        """Enrol ``name`` with unit ``embeddings`` (n, d) float32, n >= 1, of this gallery's model.

        ``replace`` puts them in the place of what was enrolled under that name. Raises InputError, PersonExistsError,
        TemplateError where the gallery was sealed with another key, StateError.
        """
        name = normalise_name(name)
        _check_embeddings(embeddings)
        cipher = self._need_cipher()
        with self._store.transaction() as db:
            self._prove_key(db, cipher)
            known = db.execute("SELECT id FROM person WHERE name = ?", (name,)).fetchone()
            if known and not replace:
                raise PersonExistsError(f"{name!r} is already enrolled; remove the person first, or enrol to replace")
            row = self._write_person(db, name, known[0] if known else None)
            _write_templates(db, cipher, row, embeddings)
        if known:
            self._store.compact()

    def check_name(self, name: str, *, replace: bool = False) -> None:
        """Whether ``add`` would take the name, before any photo is looked at. Raises InputError, PersonExistsError."""
        name = normalise_name(name)
        if not replace and self._store.rows("SELECT 1 FROM person WHERE name = ?", (name,)):
            raise PersonExistsError(f"{name!r} is already enrolled; remove the person first, or enrol to replace")

    def remove(self, name: str) -> None:
        """Forget ``name``: templates and name are overwritten in the file and in its log. Needs no key.

        Audit rows stay, without the name. Raises PersonUnknownError, StateError.
        """
        name = normalise_name(name)
        with self._store.transaction() as db:
            if not db.execute("DELETE FROM person WHERE name = ?", (name,)).rowcount:
                raise PersonUnknownError(f"{name!r} is not enrolled")
        self._store.compact()

    def rename(self, old: str, new: str) -> None:
        """Give a person another name; the templates stay. Needs no key. Raises as ``add`` and ``remove`` do."""
        old, new = normalise_name(old), normalise_name(new)
        try:
            with self._store.transaction() as db:
                if not _rename(db, old, new):
                    raise PersonUnknownError(f"{old!r} is not enrolled")
        finally:
            self._store.compact()

    def nearest(self, embedding: Floats) -> tuple[str, float] | None:
        """The person nearest to the unit ``embedding`` (d,), and the distance; None where nobody is enrolled.

        The distance (0..2) is to what edge.verify.template makes of the person's views. Raises TemplateError where
        anybody's template cannot be used (a stranger and an unreadable friend must not look alike), InputError.
        """
        if embedding.ndim != 1:
            raise InputError(f"expected an embedding of shape (d,), got {embedding.shape}")
        _check_embeddings(embedding[None])
        self.check()
        if not self._names:
            return None
        if self._means.shape[1:] != embedding.shape:
            raise InputError(f"expected an embedding of {self._means.shape[1]} numbers, got {len(embedding)}")
        found = distances(self._means, embedding)
        best = int(np.argmin(found))
        return self._names[best], float(found[best])

    def check(self) -> None:
        """Open every template, if the file changed since the last time. Raises TemplateError naming the person."""
        version = self._store.version
        if version == self._seen:
            return
        sealed, proof = self._read()
        if sealed:
            self._refuse_other_models(list(sealed))
            self._refuse_other_key(self._need_cipher(), proof)
        means = [self._mean(row, blobs) for row, blobs in sealed.items()]
        if len({len(mean) for mean in means}) > 1:
            raise TemplateError(f"{self._store.path}: expected templates of one length, found several")
        self._names = [row.name for row in sealed]
        self._means = np.stack(means) if means else np.zeros((0, 0), np.float32)
        self._seen = version

    def _read(self) -> tuple[dict[_Row, list[bytes | None]], bytes | None]:
        """Everybody's sealed templates and the proof of the key. One query, so that all of it is of one moment."""
        found = self._store.rows(
            # SQLite columns hold whatever was put there: the casts keep a forged text from failing elsewhere.
            "SELECT id, CAST(uid AS BLOB), name, model_sha256, CAST(template.sealed AS BLOB),"
            " (SELECT CAST(sealed AS BLOB) FROM key_check)"
            " FROM person LEFT JOIN template ON person_id = id ORDER BY id, number"
        )
        sealed: dict[_Row, list[bytes | None]] = {}
        for *person, blob, _ in found:
            sealed.setdefault(_Row(*person), []).append(blob)  # a blob of None (no template at all) does not open
        return sealed, found[0][-1] if found else None

    def _refuse_other_models(self, people: list[_Row]) -> None:
        stale = [row for row in people if row.model_sha256 != self._model_sha256]
        if stale:
            names = ", ".join(repr(row.name) for row in stale)
            raise TemplateError(
                f"{names}: enrolled with model {stale[0].model_sha256[:12]}, but the model in use is"
                f" {self._model_sha256[:12]}: enrol again, or remove"
            )

    def _need_cipher(self) -> AESGCM:
        if self._cipher is None:
            raise TemplateError(f"{self._store.path}: the gallery is sealed, and its key was not found")
        return self._cipher

    def _refuse_other_key(self, cipher: AESGCM, proof: bytes | None) -> None:
        """Tell a wrong key from an altered row."""
        if proof is None:
            raise TemplateError(f"{self._store.path}: altered: the proof of the gallery key is gone")
        if _unseal(cipher, proof, _KEY_CHECK) is None:
            raise TemplateError(f"{self._store.path}: the gallery was sealed with another key than the one given")

    def _prove_key(self, db: sqlite3.Connection, cipher: AESGCM) -> None:
        """The first enrolment leaves a proof of its key; each later one has to bring that key."""
        if db.execute("SELECT 1 FROM person").fetchone():
            proof = db.execute("SELECT CAST(sealed AS BLOB) FROM key_check").fetchone()
            self._refuse_other_key(cipher, proof[0] if proof else None)
        else:
            db.execute("INSERT OR REPLACE INTO key_check VALUES (1, ?)", (_seal(cipher, b"", _KEY_CHECK),))

    def _write_person(self, db: sqlite3.Connection, name: str, known_id: int | None) -> _Row:
        # A fresh uid binds the new templates: those that were here before, kept by someone, no longer fit.
        uid = secrets.token_bytes(16)
        values = (uid, name, self._model_sha256, self._wall_clock())
        if known_id is None:
            added = db.execute(
                "INSERT INTO person (uid, name, model_sha256, enrolled_unix_s) VALUES (?, ?, ?, ?)", values
            )
            return _Row(int(added.lastrowid or 0), uid, name, self._model_sha256)
        db.execute(
            "UPDATE person SET uid = ?, name = ?, model_sha256 = ?, enrolled_unix_s = ? WHERE id = ?",
            (*values, known_id),
        )
        db.execute("DELETE FROM template WHERE person_id = ?", (known_id,))
        return _Row(known_id, uid, name, self._model_sha256)

    def _mean(self, row: _Row, sealed: list[bytes | None]) -> Floats:
        """The person's templates (n, d), opened, as one vector (d,)."""
        opened = [
            _unseal(self._need_cipher(), blob, _binding(row, number, len(sealed))) for number, blob in enumerate(sealed)
        ]
        templates = [np.frombuffer(plain, "<f4") for plain in opened if plain]
        if len(templates) != len(sealed) or len({len(one) for one in templates}) != 1:
            raise TemplateError(f"{row.name!r}: a stored template was altered or is missing: enrol again, or remove")
        return template(np.stack(templates))


def open_gallery(store: Store, state: StateConfig, model_sha256: str, *, enrolling: bool = False) -> Gallery:
    """The gallery of ``store`` with the key that ``state`` points to. Raises StateError.

    ``enrolling`` makes the key on the very first enrolment, never where people are enrolled already: a key that went
    missing has to be brought back, not replaced.
    """
    first = not store.rows("SELECT 1 FROM person LIMIT 1")
    key = load_key(Path(state.directory), state.key_file, create=enrolling and first)
    return Gallery(store, key, model_sha256)


def _rename(db: sqlite3.Connection, old: str, new: str) -> bool:
    try:
        return bool(db.execute("UPDATE person SET name = ? WHERE name = ?", (new, old)).rowcount)
    except sqlite3.IntegrityError as error:
        raise PersonExistsError(f"{new!r} is already enrolled") from error


def _write_templates(db: sqlite3.Connection, cipher: AESGCM, row: _Row, embeddings: Floats) -> None:
    for number, embedding in enumerate(embeddings):
        sealed = _seal(cipher, embedding.astype("<f4").tobytes(), _binding(row, number, len(embeddings)))
        db.execute("INSERT INTO template VALUES (?, ?, ?)", (row.id, number, sealed))


def _binding(row: _Row, number: int, count: int) -> bytes:
    """What a template belongs to. The first two parts have fixed lengths, so no two bindings read alike."""
    return b"|".join((row.uid.hex().encode(), row.model_sha256.encode(), str(number).encode(), str(count).encode()))


def _seal(cipher: AESGCM, plain: bytes, binding: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, binding)


def _unseal(cipher: AESGCM, sealed: bytes | None, binding: bytes) -> bytes | None:
    """The plain bytes; None where key, content or binding differ from those it was sealed with."""
    if sealed is None:
        return None
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], binding)
    except (InvalidTag, ValueError):  # ValueError: cut too short for a nonce
        return None


def _check_embeddings(embeddings: Floats) -> None:
    if embeddings.ndim != 2 or 0 in embeddings.shape or embeddings.dtype != np.float32:
        raise InputError(f"expected embeddings (n, d) float32, n >= 1, got {embeddings.dtype} {embeddings.shape}")
    lengths = np.linalg.norm(embeddings, axis=1)
    if not (np.abs(lengths - 1) <= _UNIT_TOLERANCE).all():  # also false for NaN
        raise InputError(f"expected embeddings of length 1, got lengths {np.round(lengths, 4).tolist()}")
    template(embeddings)
