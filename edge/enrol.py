"""Choosing the views that a person is enrolled with. What finds and embeds faces is passed in; nothing is stored."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import EnrolmentError, InputError, NoFaceError
from edge.images import list_images, read_image
from edge.types import Face, Floats, Frame, HeadPose, Quality

Analyse = Callable[[Frame], Sequence[tuple[Face, HeadPose, Quality]]]
Embed = Callable[[Frame, Face], Floats]  # a unit vector (d,)

NO_FACE = "no face"
VIEWS_MAX = 5
VIEWS_GOOD = 3  # from here on a person is known well enough for the summary to say nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """Distances of unit embeddings, 0..2, and the time that a camera enrolment may take.

    ``distinct_min``: a view nearer than this to one already taken adds nothing. With the ported branch, the same photo
    saved again lies at 0.02 to 0.08, scaled down at 0.25, and frames of a person 1/30 s apart at 0.1 to 0.2.
    ``same_person_max``: a view farther than this from most of the others shows somebody else. Frames of one moving
    person reach 1.06; strangers lie around 1.4.
    """

    distinct_min: float = 0.25
    same_person_max: float = 1.24
    camera_s: float = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A view that can be used. ``embedding``: (d,), length 1. Compared by identity, as arrays do not compare."""

    label: str
    embedding: Floats
    quality: Quality


@dataclass(frozen=True, slots=True)
class Refusal:
    """A view that cannot be used, and why."""

    label: str
    reason: str

    def __str__(self) -> str:
        return f"{self.label}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What came of it: 1..VIEWS_MAX views to store, and the others with reasons."""

    views: tuple[View, ...]
    refused: tuple[Refusal, ...]

    @property
    def embeddings(self) -> Floats:
        """(n, d), as Gallery.add takes them."""
        return np.stack([view.embedding for view in self.views])

    @property
    def one_shot(self) -> bool:
        return len(self.views) == 1

    def summary(self) -> str:
        """One line for the person at the keyboard."""
        if self.one_shot:
            return f"one-shot: 1 view ({self.views[0].label}); {VIEWS_GOOD} to {VIEWS_MAX} distinct views work better"
        advice = "" if len(self.views) >= VIEWS_GOOD else f"; {VIEWS_GOOD} to {VIEWS_MAX} work better"
        return f"{len(self.views)} views ({', '.join(view.label for view in self.views)}){advice}"


def enrol_images(paths: Sequence[Path], analyse: Analyse, embed: Embed, limits: Limits | None = None) -> Enrolment:
    """Enrol from photos: each path is a photo, or a folder of them.

    A photo that is named has to be readable; a broken one in a folder is refused with its reason. Raises InputError,
    NoFaceError where no photo shows a face, EnrolmentError with the reason for each photo where none can be used, or
    where they show different people.
    """
    limits = limits or Limits()
    good: list[View] = []
    refused: list[Refusal] = []
    for label, outcome in _photos(paths):
        judged = outcome if isinstance(outcome, Refusal) else _judge(label, outcome, analyse, embed)
        if isinstance(judged, View):
            good.append(judged)
        else:
            refused.append(judged)
    return _choose(good, refused, limits)


def enrol_camera(
    frames: Iterable[Frame],
    analyse: Analyse,
    embed: Embed,
    *,
    wanted: int = VIEWS_MAX,
    limits: Limits | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Enrolment:
    """Enrol from a camera: take distinct good frames until there are ``wanted``, the time is up, or the frames end.

    Time is that of the frames. ``report`` is called with a short line on each view taken and whenever the reason for
    not taking one changes. Raises as ``enrol_images`` does; refusals are counted by reason.
    """
    if not 1 <= wanted <= VIEWS_MAX:
        raise InputError(f"expected 1..{VIEWS_MAX} views, got {wanted}")
    limits = limits or Limits()
    good: list[View] = []
    reasons: list[str] = []
    for frame in _until(frames, limits.camera_s):
        judged = _judge(f"frame {frame.index}", frame, analyse, embed)
        if isinstance(judged, View):
            judged = _refuse_alike(judged, good, limits) or judged
        if isinstance(judged, View):
            good.append(judged)
            report(f"view {len(good)} of {wanted}: turn the head a little")
            if len(good) == wanted:
                break
        else:
            if not reasons or reasons[-1] != judged.reason:
                report(judged.reason)
            reasons.append(judged.reason)
    return _choose(good, [Refusal(f"{n} frames", reason) for reason, n in Counter(reasons).items()], limits)


def _photos(paths: Sequence[Path]) -> Iterator[tuple[str, Frame | Refusal]]:
    """Each photo under its name, one at a time: a folder of them would not fit into a small device's memory."""
    if not paths:
        raise InputError("expected a photo or a folder of photos, got none")
    for path in paths:
        if not _is_folder(path):
            yield path.name, read_image(path)
            continue
        for photo in list_images(path):
            try:
                outcome: Frame | Refusal = read_image(photo)
            except InputError as error:
                outcome = Refusal(photo.name, str(error).removeprefix(f"{photo}: "))
            yield photo.name, outcome


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such photo or folder") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _until(frames: Iterable[Frame], duration_s: float) -> Iterator[Frame]:
    first_s: float | None = None
    for frame in frames:
        first_s = frame.captured_s if first_s is None else first_s
        if frame.captured_s - first_s > duration_s:
            return
        yield frame


def _judge(label: str, frame: Frame, analyse: Analyse, embed: Embed) -> View | Refusal:
    faces = analyse(frame)
    if not faces:
        return Refusal(label, NO_FACE)
    if len(faces) > 1:
        return Refusal(label, f"{len(faces)} faces; expected the person alone")
    face, _, quality = faces[0]
    if not quality.good:
        return Refusal(label, ", ".join(quality.faults))
    return View(label, embed(frame, face), quality)


def _choose(good: list[View], refused: list[Refusal], limits: Limits) -> Enrolment:
    if not good:
        raise _nothing_usable(refused)
    _refuse_other_people(good, limits)
    distinct: list[View] = []
    alike: list[Refusal] = []
    for view in good:
        refusal = _refuse_alike(view, distinct, limits)
        if refusal is None:
            distinct.append(view)
        else:
            alike.append(refusal)
    kept = _spread(distinct)
    surplus = [Refusal(view.label, f"not needed beside {VIEWS_MAX} others") for view in distinct if view not in kept]
    return Enrolment(tuple(kept), (*refused, *alike, *surplus))


def _nothing_usable(refused: list[Refusal]) -> NoFaceError | EnrolmentError:
    reasons = "; ".join(str(refusal) for refusal in refused) or "the camera gave no frame"
    if refused and all(refusal.reason == NO_FACE for refusal in refused):
        return NoFaceError(f"no face found: {', '.join(refusal.label for refusal in refused)}")
    return EnrolmentError(f"no view could be used: {reasons}")


def _refuse_alike(view: View, taken: list[View], limits: Limits) -> Refusal | None:
    for other in taken:
        if _distance(view, other) < limits.distinct_min:
            return Refusal(view.label, f"too like {other.label}")
    return None


def _refuse_other_people(good: list[View], limits: Limits) -> None:
    """Each view has to be near at least half of the others: two people in equal numbers are both refused."""
    odd = []
    for view in good:
        near = sum(_distance(view, other) <= limits.same_person_max for other in good if other is not view)
        if 2 * near < len(good) - 1:
            odd.append(view.label)
    if odd:
        raise EnrolmentError(f"another person than in the other views: {', '.join(odd)}; enrol each person alone")


def _spread(distinct: list[View]) -> list[View]:
    """At most VIEWS_MAX of the views: the most typical one, then each time the one farthest from those taken."""
    rest = list(distinct)
    kept = [min(rest, key=lambda view: sum(_distance(view, other) for other in distinct))]
    rest.remove(kept[0])
    while rest and len(kept) < VIEWS_MAX:
        farthest = max(rest, key=lambda view: min(_distance(view, other) for other in kept))
        kept.append(farthest)
        rest.remove(farthest)
    return kept


def _distance(one: View, other: View) -> float:
    return float(np.linalg.norm(one.embedding - other.embedding))
