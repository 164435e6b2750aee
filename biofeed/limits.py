"""Every safety limit, once, with its unit and source; gates and guards import them, settings only tighten them.

H and R numbers are hazards and rules of the hazard log (`safety/`). `tests/test_limits.py` repeats each number
literally, so that none changes by accident.
"""

# Light: general and red flashes (H-01, H-02, H-04)
FLASH_DELTA = 0.10  # of full relative luminance: opposing changes of this much are a flash (WCAG 2.2, 2.3.1)
FLASH_DARKER_BELOW = 0.80  # relative luminance: between two brighter states there is no flash (WCAG 2.2, 2.3.1)
FLASH_FIELD = 3  # WCAG's 10 degree field is a third of the width and of the height: 341x256 of 1024x768
FLASH_FIELD_PART = 0.25  # of such a field may flash (WCAG 2.2: a quarter)
FLASHES_PER_S = 1  # what we let pass; WCAG 2.2 and ITU-R BT.1702-3 fail more than 3
WCAG_FLASHES_PER_S = 3  # the most that WCAG 2.2 and ITU-R BT.1702-3 pass, and so the most of any finished picture
FLASH_WINDOW_S = 1.0
# 2 flashes/s or more that go on for 4 of 5 s fail, too (EA IRIS, "extended failure"): a heart of 120/min is 2 Hz
SUSTAINED_FLASHES_PER_S, SUSTAINED_S, SUSTAINED_WINDOW_S = 2, 4.0, 5.0
RED_SHARE = 0.80  # R / (R + G + B) in linear light from which on a red is saturated (WCAG 2.2, ITU-R BT.1702-3)
RED_DELTA = 20.0 / 320.0  # change of max(0, R - G - B), linear light, to or from such a red (Harding, Binnie 2002)

# Light: how much, and how fast (H-05, H-41)
LUMINANCE_RISE_PER_S = 0.10  # of full range: mean relative luminance of the whole picture, upwards
MEAN_LUMINANCE = {"full": 0.50, "gentle": 0.30, "post-infusion": 0.15}  # of full range, by comfort preset (H-05, H-41)
PEAK_LUMINANCE = {"full": 1.0, "gentle": 0.80, "post-infusion": 0.50}  # of full range: no pure white after an infusion

# Patterns (H-03): more than 5 light-dark pairs of stripes over a quarter of the picture (ITU-R BT.1702-3; Wilkins)
STRIPE_PAIRS = 5
STRIPE_PART = 0.25
STRIPE_CONTRAST = 0.10  # Michelson: stripes fainter than this provoke nobody (Wilkins 1995: contrast under 10 %)
STRIPE_S = 0.5
# Relative luminance of the lightest stripe from which on stripes count: Wilkins' 50 cd/m2, on a screen of 500 cd/m2
STRIPE_LIGHT = 0.10

# Motion (H-09)
FLOW_DEG_PER_S = 2.0  # 95 of 100 blocks of the picture, where its width fills 40 degrees

# Sound (H-06, H-07, H-08)
TRUE_PEAK_DBTP = -1.0  # EBU R128
LOUDEST_LUFS, QUIETEST_LUFS = -18.0, -23.0  # long-term (AES TD1008, EBU R128)
LOUDNESS_RISE_DB_PER_S = 3.0  # short-term loudness
ONSET_DB = 9.0  # what rises further, over 10 ms, above the last 10 s is an onset (H-06; breath and chimes of ours: 8)
ONSET_S = 0.150  # no onset above the bed is faster (startle falls with rise time: Blumenthal 1996)
DOSE_PA2H_PER_WEEK = 1.6  # 80 dBA for 40 h (ITU-T H.870, WHO 2019)
LEVEL_CAP_DBA = 70.0  # calibrated outputs

# Guide and body (H-14 to H-17, H-21)
LEAD_LOW_PER_MIN, LEAD_HIGH_PER_MIN = 4.5, 7.0  # where a guide may lead to
LEAD_GLIDE_PER_MIN2 = 0.5  # how fast it may slow down
INHALE_LOW, INHALE_HIGH = 0.3, 0.5  # inhale share of a breath: exhale at least as long as inhale
EXCESS = 1.3  # rate times depth, against the person's own at rest, from which on the guide yields
GLIDE_TO_NEUTRAL_S = 3.0  # from any value, once trust is lost

# Course (H-11, H-24, H-25)
STOP_FIRST_CHANGE_S, STOP_CALM_S = 0.2, 1.0
CRASH_TO_CALM_S = 5.0
SESSION_MAX_S = 5400.0
