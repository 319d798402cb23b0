"""``python -m training evaluate enrolment``: how often a person is turned away who enrolled with one photo, or several.

A template is what the device makes of the enrolled views' embeddings (edge.verify.template).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from edge.errors import InputError
from edge.runtime.litert import ModelStore
from edge.runtime.manifest import MODELS_DIR, distance_for_fmr
from edge.verify.siamese import BRANCH
from edge.verify.template import distances, template
from training.evaluate.embedded import Embedded
from training.evaluate.embedding_cache import cached_embeddings
from training.evaluate.group_rates import rates
from training.evaluate.match_rates import PairDistances, tar_at_fmr
from training.evaluate.pairs import list_images
from training.evaluate.verification import cohort_name, say

_VIEWS_MAX = 10
_DRAWS = 10  # of the enrolled views, for each person
_PEOPLE_MIN = 20  # below it a curve over the number of views is about those few
_SEED = 3


@dataclass(frozen=True, slots=True)
class Cohort:
    """``albums``: of each person, the rows of ``embedded`` that show them. ``missed``: their photos without a face."""

    embedded: Embedded
    albums: Sequence[NDArray[np.intp]]
    missed: Sequence[int]

    def having(self, photos_min: int) -> list[int]:
        """Indices of the people with at least that many photos of a findable face."""
        return [index for index, rows in enumerate(self.albums) if len(rows) >= photos_min]

    def views_max(self) -> int:
        """The most views, up to 10, that 20 people can enrol and still have a photo left to be verified by."""
        return max((n for n in range(1, _VIEWS_MAX + 1) if len(self.having(n + 1)) >= _PEOPLE_MIN), default=0)


def cohort_of(embedded: Embedded) -> Cohort:
    """The people, by folder."""
    people = embedded.people()
    folders = {int(index): Path(name).parent for index, name in zip(people, embedded.names, strict=True)}
    albums = [np.flatnonzero(people == index) for index in sorted(folders)]
    missed = [sum(Path(name).parent == folders[index] for name in embedded.without_face) for index in sorted(folders)]
    return Cohort(embedded, albums, missed)


def enrolled_distances(cohort: Cohort, people: Sequence[int], views: int, random: np.random.Generator) -> PairDistances:
    """Distances to templates of ``views`` photos each, ten draws a person: of their other photos, and of all others'.

    A photo without a face is a try that fails: infinitely far.
    """
    genuine, impostor, embeddings = [], [], cohort.embedded.embeddings
    for person in people:
        rows = cohort.albums[person]
        for _ in range(_DRAWS):
            chosen = random.choice(rows, views, replace=False)
            found = distances(embeddings, template(embeddings[chosen]))
            genuine += [found[np.setdiff1d(rows, chosen)], np.full(cohort.missed[person], np.inf, np.float32)]
            impostor.append(np.delete(found, rows))
    return PairDistances(np.sort(np.concatenate(genuine)), np.sort(np.concatenate(impostor)))


def enrolment_row(cohort: Cohort, people: Sequence[int], views: int, fmr: float, distance_max: float) -> dict[str, Any]:
    """FNMR and FMR at the device's threshold, and FNMR at one at which these templates reach just ``fmr``."""
    pairs = enrolled_distances(cohort, people, views, np.random.default_rng(_SEED))
    at_threshold = rates(pairs.genuine, pairs.impostor, distance_max).plain()
    return {"people": len(people), **at_threshold, "fnmr_at_exact_fmr": round(1 - tar_at_fmr(pairs, fmr), 4)}


def by_views(cohort: Cohort, fmr: float, distance_max: float) -> dict[str, dict[str, Any]]:
    """A row for each number of enrolled views, of the same people; none where fewer than 20 have two photos."""
    most = cohort.views_max()
    people = cohort.having(most + 1)
    rows = range(1, most + 1)
    return {str(views): enrolment_row(cohort, people, views, fmr, distance_max) for views in rows}


def enrolment_figures(embedded: Embedded, fmr: float, distance_max: float) -> dict[str, Any]:
    """One photo of everybody with two, four of everybody with five, and one to ten of the same people."""
    cohort = cohort_of(embedded)
    wanted: Mapping[str, int] = {"one_photo": 1, "four_photos": 4}
    figures: dict[str, Any] = {"fmr_wanted": fmr, "distance_max": round(distance_max, 4)}
    for name, views in wanted.items():
        people = cohort.having(views + 1)
        figures[name] = enrolment_row(cohort, people, views, fmr, distance_max) if people else None
    if figures["one_photo"] is None:
        raise InputError("expected people with at least two photos of a findable face, found none")
    return figures | {"by_views": by_views(cohort, fmr, distance_max)}


@click.command(name="enrolment")
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of folders: one a person.")
@click.option("--fmr", type=click.FloatRange(1e-6, 1e-2), default=1e-4, show_default=True, help="Rate to aim at.")
@click.option("--models", default=MODELS_DIR, type=click.Path(path_type=Path), help="Folder with manifest.toml.")
def command(images: Path, fmr: float, models: Path) -> None:
    """How often enrolled people are turned away, by how many views they enrolled. The last line is JSON."""
    store = ModelStore(models)
    distance_max = distance_for_fmr(store.spec(BRANCH).thresholds, fmr)
    embedded = cached_embeddings(images, list_images(images), store, say)
    click.echo(json.dumps({"set": cohort_name(images), **enrolment_figures(embedded, fmr, distance_max)}))
