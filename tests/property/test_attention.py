"""What must hold for every driver, however odd: no alert without evidence, and nothing that depends on the rate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.policy.attention import TABLE
from edge.policy.attention_types import LEVELS, Event, Mode
from edge.signs import Level
from edge.testing_driver import DriverScene, Pose

RATES = st.sampled_from((5.0, 10.0, 15.0, 30.0))
Story = list[tuple[Pose, float]]
EYES = st.sampled_from((0.0, 0.05, 0.5, 0.95, None))
YAWS = st.sampled_from((0.0, 10.0, 35.0, -60.0))
PITCHES = st.sampled_from((0.0, -30.0, 20.0))
FACES = st.sampled_from((True, True, True, False))
CLOSURES = {"microsleep", "sleep", "unresponsive_closed", "perclos"}
AWAYS = {"long_distraction", "repeated_distraction", "unresponsive_away", "ignored"}


def stories(
    eyes: st.SearchStrategy[float | None] = EYES,
    yaw_deg: st.SearchStrategy[float] = YAWS,
    pitch_deg: st.SearchStrategy[float] = PITCHES,
    face: st.SearchStrategy[bool] = FACES,
    longest_s: float = 8.0,
) -> st.SearchStrategy[Story]:
    """Up to 5 stretches of a drive."""
    pose = st.builds(
        Pose, eyes=eyes, yaw_deg=yaw_deg, pitch_deg=pitch_deg, face=face, blurred=st.sampled_from((False, False, True))
    )
    return st.lists(st.tuples(pose, st.floats(0.05, longest_s)), min_size=1, max_size=5)


def play(story: Story, fps: float, *, dropped: float = 0.0, seed: int = 0) -> DriverScene:
    scene = DriverScene(fps, dropped=dropped, seed=seed)
    for pose, for_s in story:
        scene.be(pose, for_s)
    return scene


@given(stories(eyes=st.sampled_from((0.5, 0.95)), yaw_deg=st.floats(-15, 15), pitch_deg=st.floats(-7, 60)), RATES)
def test_no_alert_without_evidence(story: Story, fps: float) -> None:
    assert play(story, fps, dropped=0.2).raised(Level.WARNING) == []


@given(stories(face=st.just(False), longest_s=15), RATES)
def test_no_sequence_of_frames_without_a_face_is_taken_for_anything_but_blindness(story: Story, fps: float) -> None:
    assert set(play(story, fps).raised(Level.NOTICE)) <= {"no_usable_face"}


@given(stories(eyes=st.sampled_from((None, 0.95))), RATES)
def test_eyes_that_are_never_seen_shut_never_sleep(story: Story, fps: float) -> None:
    assert not CLOSURES & set(play(story, fps, dropped=0.2).raised(Level.NOTICE))


@given(stories(yaw_deg=st.floats(-22, 22), pitch_deg=st.floats(-17, 60)), RATES)
def test_a_head_within_the_limits_is_never_distracted(story: Story, fps: float) -> None:
    assert not AWAYS & set(play(story, fps, dropped=0.2).raised(Level.NOTICE))


@given(stories(), RATES, st.integers(0, 3))
def test_a_closure_fires_on_a_frame_that_shows_it_or_just_after(story: Story, fps: float, seed: int) -> None:
    scene = DriverScene(fps, dropped=0.2, seed=seed)
    shut_s: list[tuple[float, float]] = []
    for pose, for_s in story:
        if pose.face and pose.eyes is not None and pose.eyes <= 0.05:
            shut_s.append((scene.now_s, scene.now_s + for_s))
        scene.be(pose, for_s)
    for kind in ("microsleep", "sleep", "unresponsive_closed"):
        for at_s in scene.times(kind):
            assert any(begin_s <= at_s <= end_s + 0.5 for begin_s, end_s in shut_s)


@given(stories(), RATES)
def test_every_transition_is_in_the_table_and_climbs_or_comes_down_one_level(story: Story, fps: float) -> None:
    scene = play(story, fps)
    mode = Mode.ATTENTIVE
    for _, event in scene.said:
        if not isinstance(event, Event) or event.part != "attention" or event.kind == "tiring":
            continue
        row = {trigger.value: target.value for trigger, target in TABLE[mode].items()}
        assert (event.before, row[event.kind]) == (mode.value, event.after)
        after = Mode(event.after)
        if event.kind == "recovered":
            assert LEVELS[after] == max(LEVELS[mode] - 1, Level.QUIET) or after is Mode.ATTENTIVE
        mode = after
    assert mode is scene.state.mode


@given(stories(longest_s=4), st.sampled_from((10.0, 15.0)))
def test_the_same_story_gives_the_same_decisions(story: Story, fps: float) -> None:
    assert play(story, fps).said == play(story, fps).said


@given(
    st.sampled_from((0.02, 0.95)), st.sampled_from((0.0, 40.0)), st.floats(0.4, 7.0), st.sampled_from((5.0, 10.0, 15.0))
)
def test_nothing_depends_on_the_rate_beyond_a_frame(eyes: float, yaw_deg: float, for_s: float, fps: float) -> None:
    """What fires at 30 fps fires at any rate, unless the stretch ended within a frame's time of its limit."""
    story = [(Pose(), 1.0), (Pose(eyes, yaw_deg), for_s), (Pose(), 2.0)]
    fine, coarse = play(story, 30.0), play(story, fps)
    slack_s = 1 / fps + 1 / 30
    for kind in ("microsleep", "sleep", "long_distraction", "unresponsive_closed", "unresponsive_away"):
        one, other = fine.times(kind), coarse.times(kind)
        if len(one) == len(other):
            assert all(abs(a - b) <= slack_s for a, b in zip(one, other, strict=True))
        else:
            limits = {"microsleep": 1.5, "sleep": 3.0, "long_distraction": 3.0}
            assert abs(for_s - limits.get(kind, 6.0)) <= slack_s
