"""``manifest.toml``: what each shipped model is, what goes in, what comes out, and what its thresholds stand for."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import ConfigError, ModelError

MODELS_DIR = Path(__file__).resolve().parent.parent / "models"
Precision = Literal["int8", "float32"]
FREE = -1  # a dimension that the caller chooses


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    pass


class InputSpec(_Table, frozen=True):
    """``shape`` is NHWC with -1 where free. Pixels become ``(value - mean) / std`` in the order of ``channels``."""

    name: str
    shape: tuple[int, int, int, int]
    channels: Literal["rgb", "bgr", "grey"]
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Threshold(_Table, frozen=True):
    """At ``distance_max`` a share ``fmr`` of ``impostor_pairs`` pairs of different people were taken for one."""

    fmr: Annotated[float, Meta(gt=0, lt=1)]
    distance_max: Annotated[float, Meta(gt=0, le=2)]
    impostor_pairs: Annotated[int, Meta(ge=1)]


class Comparison(_Table, frozen=True):
    """How a network that takes faces without levelling them compares two photos, and when it calls them one person.

    ``crop``: ``photo``, the whole of it, or ``face``, the square around the face's box, its side ``face_scale`` times
    the longer side of the box; either is then scaled to the input. ``distance``: ``euclidean`` between two outputs
    ``embedding`` as they are, or ``one_minus_score`` for a network that takes both photos at once and has the output
    ``score``. At ``distance_max`` a share ``fmr`` of the different and ``1 - fnmr`` of the same people of
    ``validation_pairs`` pairs were taken for one.
    """

    crop: Literal["photo", "face"]
    distance: Literal["euclidean", "one_minus_score"]
    distance_max: Annotated[float, Meta(gt=0)]
    fmr: Annotated[float, Meta(ge=0, le=1)]
    fnmr: Annotated[float, Meta(ge=0, le=1)]
    validation_pairs: Annotated[int, Meta(ge=1)]
    face_scale: Annotated[float, Meta(gt=0, le=3)] = 1.0


class Twin(_Table, frozen=True):
    """The same net in float32: another file with the same input and outputs, and error rates of its own.

    The file need not be there: a release may leave it out.
    """

    file: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    thresholds: tuple[Threshold, ...] = ()
    threshold_cohort: str = ""


class ModelSpec(_Table, frozen=True):
    """One model. ``outputs`` maps the output's name to its shape, -1 where it follows the input.

    ``twin``: of an int8 model, the float32 net that it was made from. ``comparison``: of a network that compares faces
    without levelling them.
    """

    file: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    precision: Precision
    licence: str
    origin: str
    data: tuple[str, ...]
    card: str
    input: InputSpec
    outputs: dict[str, tuple[int, ...]]
    thresholds: tuple[Threshold, ...] = ()
    threshold_cohort: str = ""
    twin: Twin | None = None
    comparison: Comparison | None = None

    def at(self, precision: Precision) -> ModelSpec:
        """The entry of the file to use: "int8", as it stands (a model may be float32 only); "float32", the twin.

        Raises ModelError where an int8 model has none.
        """
        if precision == "int8" or self.precision == "float32":
            return self
        if self.twin is None:
            raise ModelError(f"{self.file}: expected a float32 twin in the manifest, found none: only int8 can be used")
        return msgspec.structs.replace(self, precision="float32", twin=None, **msgspec.structs.asdict(self.twin))


class Manifest(_Table, frozen=True):
    """The whole file."""

    schema: Literal[1]
    models: dict[str, ModelSpec]

    def spec(self, name: str) -> ModelSpec:
        """The entry ``name``. Raises ModelError."""
        if name not in self.models:
            raise ModelError(f"no model named {name!r} in the manifest; expected one of {sorted(self.models)}")
        return self.models[name]

    def name_of(self, file: str) -> str:
        """The name of the entry for ``file``. Raises ModelError."""
        for name, spec in self.models.items():
            if spec.file == file:
                return name
        raise ModelError(f"no entry for {file} in the manifest beside it; it knows {self._files()}")

    def _files(self) -> str:
        return ", ".join(sorted(spec.file for spec in self.models.values())) or "no model"


def load_manifest(directory: Path = MODELS_DIR) -> Manifest:
    """Read ``manifest.toml`` in ``directory``. Raises ModelError naming the file and the key."""
    path = directory / "manifest.toml"
    try:
        manifest = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Manifest)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ModelError(f"{path}: not a model manifest: {error}") from error
    for name, spec in manifest.models.items():
        for table in (spec.thresholds, spec.twin.thresholds if spec.twin else ()):
            rows = sorted((row.fmr, row.distance_max) for row in table)
            if any(low[0] == high[0] or low[1] > high[1] for low, high in pairwise(rows)):
                raise ModelError(f"{path}: {name}: expected thresholds that grow with their rate, found {rows}")
    return manifest


def read_model(path: Path, spec: ModelSpec) -> bytes:
    """The bytes of a model file, checked against the manifest's hash. Raises ModelError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: model file cannot be read: {error.strerror}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != spec.sha256:
        raise ModelError(
            f"{path}: expected sha256 {spec.sha256}, found {found} ({len(content)} bytes):"
            " the file is truncated, altered, or of another release"
        )
    return content


def distance_for_fmr(thresholds: Sequence[Threshold], fmr: float) -> float:
    """The distance at which impostors match at rate ``fmr``, log-linear between the rows of the table.

    Raises ConfigError for a rate outside the table: no rate is ever extrapolated.
    """
    rows = sorted(thresholds, key=lambda row: row.fmr)
    if not rows or not rows[0].fmr <= fmr <= rows[-1].fmr:
        known = f"{rows[0].fmr:g}..{rows[-1].fmr:g}" if rows else "no rate at all"
        raise ConfigError(f"expected a false match rate within what was measured ({known}), got {fmr:g}")
    for low, high in pairwise(rows):
        if low.fmr <= fmr <= high.fmr:
            share = math.log(fmr / low.fmr) / math.log(high.fmr / low.fmr)
            return low.distance_max + share * (high.distance_max - low.distance_max)
    return rows[0].distance_max
