"""The numbers of the driver's table, each with its source. Seconds, degrees, km/h.

"Euro NCAP" is its assessment protocol SA, Safe Driving, of 2023 (v10.4), chapter 3.5 on driver monitoring, as quoted
in a published summary. "EU 2023/2590" is the delegated regulation on advanced driver distraction warning; its
Annex I could not be had when this was checked: what is marked (?) is from memory. Vigil judges the head, not the gaze,
and is no type-approved system: the numbers are theirs, the measurement is not.
"""

from __future__ import annotations

MICROSLEEP_S = 1.5  # Euro NCAP, 3.5.3.2.2: an eye closure of less than 3 s; 1.5 s: DESIGN, section 4
SLEEP_S = 3.0  # Euro NCAP, 3.5.3.2.3: a continued eye closure of more than 3 s
CLOSED_UNRESPONSIVE_S = 6.0  # Euro NCAP: an unresponsive driver's eyes have been closed, or away, for 6 s or more
NO_RETURN_S = 3.0  # Euro NCAP: unresponsive if the gaze does not return within 3 s of an inattention warning

# FHWA-MCRT-98-006 (Dinges and Grace, 1998) takes the measure from Wierwille et al., 1994 (DOT HS 808 247): the share of
# a minute with eyes at least 80 % closed, slow closures rather than blinks. Above 0.15 drowsy, 0.075 to 0.15
# questionable: the latter's limits (?). Three minutes at 0.10 keep one bad minute from deciding (DESIGN, section 4);
# drivers on a closed road were at 0.06 when fresh, at 0.11 at a first microsleep (Vision Sciences Society, 2012).
PERCLOS_60_MIN = 0.15
PERCLOS_180_MIN = 0.10
PERCLOS_REARM = 0.10  # over 60 s: below it a later rise is news
PERCLOS_REMIND_S = 180.0  # still drowsy after a whole new window
TIRING_PERCLOS_MIN = 0.075  # "questionable", above
TIRING_YAWNS = 2  # within 300 s, beside such a PERCLOS: a notice, never more
TIRING_EVERY_S = 900.0

# The angles are openpilot's (_POSE_YAW_THRESHOLD 0.4020 rad, _POSE_PITCH_THRESHOLD 0.3133 rad).
AWAY_YAW_DEG, AWAY_DOWN_DEG = 23.0, 18.0
BACK_YAW_DEG, BACK_DOWN_DEG = 20.0, 15.0  # ours: back on the road only well inside, so that a head at the limit counts
GLIMPSE_S = 0.08  # ours: a look at the road that is shorter was a wrong frame
LONG_DISTRACTION_S = 3.0  # Euro NCAP: long distraction, 3 s or more; EU 2023/2590 allows 3.5 s from 50 km/h on (?)
LONG_DISTRACTION_SLOW_S = 6.0  # EU 2023/2590, Annex I, 3.3.2 (warning triggers): from 20 to 50 km/h (?)
SLOW_BAND_BELOW_KMH = 50.0  # EU 2023/2590 (?)
REPEATED_S, REPEATED_WINDOW_S = 10.0, 30.0  # Euro NCAP: visual attention time sharing, 10 s within 30 s
REPEATED_CLEARED_S = 2.0  # Euro NCAP: ended by 2 s on the road
IGNORED_S = 1.5  # ours: half way from a warning to "unresponsive" it grows loud
UNCERTAIN_MAX_S = 0.35  # ours: a pose that was uncertain for longer between two looks away has ended the first

NODS_MIN = 2  # DESIGN, section 4: twice in 60 s (edge.attributes.nods)
BLIND_S = 10.0  # Euro NCAP: where the driver cannot be judged, he is told within 10 s

RETURNED_S = 0.25  # ours: the driver is seen back for so long: sound off
BLINK_S = 0.5  # Schiffman (2001): blinks take 0.1 to 0.4 s; they do not interrupt an answer
RECOVER_S = 4.0  # ours: one level down only after so long; each level up takes 3 s or less
SOUND_MIN_S = 1.0  # ours: shorter, an alert may be missed

BUDGET_PER_HOUR = 1  # DESIGN, section 4: false alerts an hour in ordinary driving
BUDGET_WINDOW_S = 3600.0
RATE_FROM_S = 600.0  # ours: less driving gives no rate
STEP_MAX_S = 1.0  # a longer step is not counted as driven time
