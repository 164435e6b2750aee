"""Every safety limit once more, literally: none changes by accident, none comes or goes unseen."""

import dataclasses
from typing import Any

import pytest

from biofeed import adaptation, flow, limits, pacer, safety
from biofeed.errors import SettingError
from biofeed.graphics import guard
from biofeed.sound import limiter

PINNED = {
    "FLASH_DELTA": 0.10,
    "FLASH_DARKER_BELOW": 0.80,
    "FLASH_FIELD": 3,
    "FLASH_FIELD_PART": 0.25,
    "FLASHES_PER_S": 1,
    "WCAG_FLASHES_PER_S": 3,
    "FLASH_WINDOW_S": 1.0,
    "SUSTAINED_FLASHES_PER_S": 2,
    "SUSTAINED_S": 4.0,
    "SUSTAINED_WINDOW_S": 5.0,
    "RED_SHARE": 0.80,
    "RED_DELTA": 0.0625,
    "LUMINANCE_RISE_PER_S": 0.10,
    "MEAN_LUMINANCE": {"full": 0.50, "gentle": 0.30, "post-infusion": 0.15},
    "PEAK_LUMINANCE": {"full": 1.0, "gentle": 0.80, "post-infusion": 0.50},
    "STRIPE_PAIRS": 5,
    "STRIPE_PART": 0.25,
    "STRIPE_CONTRAST": 0.10,
    "STRIPE_S": 0.5,
    "STRIPE_LIGHT": 0.10,
    "FLOW_DEG_PER_S": 2.0,
    "TRUE_PEAK_DBTP": -1.0,
    "LOUDEST_LUFS": -18.0,
    "QUIETEST_LUFS": -23.0,
    "LOUDNESS_RISE_DB_PER_S": 3.0,
    "ONSET_DB": 9.0,
    "ONSET_S": 0.150,
    "DOSE_PA2H_PER_WEEK": 1.6,
    "LEVEL_CAP_DBA": 70.0,
    "LEAD_LOW_PER_MIN": 4.5,
    "LEAD_HIGH_PER_MIN": 7.0,
    "LEAD_GLIDE_PER_MIN2": 0.5,
    "INHALE_LOW": 0.3,
    "INHALE_HIGH": 0.5,
    "EXCESS": 1.3,
    "GLIDE_TO_NEUTRAL_S": 3.0,
    "STOP_FIRST_CHANGE_S": 0.2,
    "STOP_CALM_S": 1.0,
    "CRASH_TO_CALM_S": 5.0,
    "SESSION_MAX_S": 5400.0,
}
# What may be set of gates, guide and course: as it comes, the least and the most.
SETTINGS: dict[type[Any], dict[str, tuple[float, float, float]]] = {
    safety.Settings: {"pulse_max": (1.0, 0.0, 1.0), "intensity_max": (1.0, 0.0, 1.0)},
    guard.Settings: {"rise_per_s": (0.10, 0.01, 0.10), "mean_max": (0.50, 0.02, 0.50), "peak_max": (1.0, 0.05, 1.0)},
    limiter.Settings: {
        "ceiling_dbfs": (-6.0, -24.0, -1.0),
        "release_s": (0.25, 0.2, 2.0),
        "onset_db": (8.5, 3.0, 8.5),
        "rise_db_per_s": (3.0, 1.0, 3.0),
        "latency_s": (0.06, 0.03, 0.3),
    },
    adaptation.Settings: {
        "match_s": (40.0, 20.0, 180.0),
        "glide_per_min2": (0.5, 0.05, 0.5),
        "target_per_min": (6.0, 4.5, 7.0),
        "inhale_fraction": (0.40, 0.3, 0.45),
    },
    pacer.Settings: {"start_per_min": (6.0, 4.5, 7.0), "align_share": (0.25, 0.05, 0.5)},
    flow.Settings: {
        "duration_s": (1200.0, 20.0, limits.SESSION_MAX_S),
        "fade_in_s": (12.0, 10.0, 60.0),
        "fade_out_s": (4.0, 3.0, 10.0),
        "intensity": (0.5, 0.0, 1.0),
    },
}


def test_every_limit_stands_as_written() -> None:
    assert {name: value for name, value in vars(limits).items() if name.isupper()} == PINNED


@pytest.mark.parametrize("by_preset", [limits.MEAN_LUMINANCE, limits.PEAK_LUMINANCE])
def test_a_gentler_preset_is_darker(by_preset: dict[str, float]) -> None:
    assert 0.0 < by_preset["post-infusion"] < by_preset["gentle"] < by_preset["full"] <= 1.0


def test_our_limits_are_not_looser_than_the_standards() -> None:
    assert limits.FLASHES_PER_S < limits.SUSTAINED_FLASHES_PER_S < limits.WCAG_FLASHES_PER_S == 3  # WCAG 2.2, 2.3.1
    assert limits.TRUE_PEAK_DBTP <= -1.0  # EBU R128
    assert limits.QUIETEST_LUFS < limits.LOUDEST_LUFS <= -18.0  # AES TD1008, speech


@pytest.mark.hazard("H-25")
@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__module__)
def test_what_may_be_set_ends_where_it_is_written(kind: type[Any]) -> None:
    bounds = {
        field.name: (field.default, field.metadata["low"], field.metadata["high"])
        for field in dataclasses.fields(kind)
        if "low" in field.metadata
    }
    assert bounds == SETTINGS[kind]
    for name, (usual, low, high) in bounds.items():
        for value in (usual, low, high):
            assert getattr(kind(**{name: value}), name) == value
        for value in (low - 1e-6, high + 1e-6, float("nan")):
            with pytest.raises(SettingError, match=name):
                kind(**{name: value})
