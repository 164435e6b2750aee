"""The settings file and what is chosen beside it: presets stand for settings, and what is said explicitly wins."""

import json
import re
from pathlib import Path

import pytest

from biofeed import cli, config
from biofeed.config import PALETTES, PRESETS, Config
from biofeed.errors import SettingError, UsageError
from biofeed.flow import Flow
from biofeed.worlds import COLOURS, COMFORTS


def filed(folder: Path, text: str) -> Path:
    path = folder / "biofeed.toml"
    path.write_text(text)
    return path


def test_without_a_file_or_a_choice_everything_is_as_it_comes() -> None:
    assert config.load(None) == config.load(None, {"comfort": "full", "colours": "full"}) == Config()


@pytest.mark.hazard("H-09", "H-41")
def test_a_preset_stands_for_its_settings() -> None:
    gentle = config.load(None, {"comfort": "gentle"})
    assert (gentle.picture.motion, gentle.picture.light) == (0.4, 0.5)
    assert gentle.engine == Config().engine
    after = config.load(None, {"comfort": "post-infusion"})
    assert after.picture.motion == 0.0
    assert after.picture.light == 0.3
    assert after.engine.flow.pacing == "off"
    assert after.engine.flow.intensity < Config().engine.flow.intensity
    assert after.sound == Config().sound


@pytest.mark.hazard("H-16")
def test_after_an_infusion_the_guide_never_leads_and_the_world_is_poor_from_the_first_tick() -> None:
    flow = Flow(config.load(None, {"comfort": "post-infusion"}).engine.flow, "tide")
    states = [flow(tick, tick / 60, []) for tick in range(60 * 40)]
    assert states[-1].state == "running"
    assert not any(state.pacing for state in states)
    assert {state.levels.intensity for state in states} == {0.2}


def test_what_the_file_says_itself_wins_over_the_preset(tmp_path: Path) -> None:
    path = filed(
        tmp_path, '[world]\ncomfort = "post-infusion"\n[picture]\nlight = 0.8\n[engine.flow]\nfade_in_s = 20\n'
    )
    made = config.load(path)
    assert (made.picture.light, made.picture.motion) == (0.8, 0.0)
    assert (made.engine.flow.pacing, made.engine.flow.fade_in_s) == ("off", 20.0)


def test_a_preset_asked_for_takes_the_place_of_the_file_s(tmp_path: Path) -> None:
    path = filed(tmp_path, '[world]\ncomfort = "post-infusion"\n')
    assert config.load(path, {"comfort": "full"}).picture.motion == 1.0
    assert config.load(path, {"colours": "safe"}).picture.motion == 0.0


def test_safe_colours_are_the_picture_s(tmp_path: Path) -> None:
    assert config.load(None, {"colours": "safe"}).picture.safe == 1.0
    assert config.load(filed(tmp_path, '[world]\ncolours = "safe"\n')).picture.safe == 1.0
    assert Config().picture.safe == 0.0


@pytest.mark.hazard("H-12")
def test_what_is_to_be_avoided_is_joined_and_never_replaced(tmp_path: Path) -> None:
    path = filed(tmp_path, '[world]\navoid = ["water", "dark"]\n')
    assert config.load(path).world.avoid == ("water", "dark")
    assert config.load(path, {"avoid": ("fire", "dark")}).world.avoid == ("water", "dark", "fire")


def test_a_capsule_s_table_gives_the_very_same_settings_back(tmp_path: Path) -> None:
    made = config.load(filed(tmp_path, '[world]\navoid = ["water"]\ncomfort = "gentle"\n[picture]\nmotion = 0.9\n'))
    assert config.from_table(json.loads(json.dumps(config.as_table(made)))) == made
    before = config.as_table(made)
    del before["world"]  # a session recorded before there was a choice
    assert config.from_table(before).picture == made.picture


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[world]\navoid = "water"\n', "world.avoid must be a list of words"),
        ("[world]\navoid = [3]\n", "world.avoid must be a list of words"),
        ('[world]\ncomfort = "gentel"\n', "world.comfort is 'gentel'; did you mean gentle?"),
        ('[world]\ncolour = "safe"\n', "world.colour is not a setting; did you mean colours?"),
        ("world = 3\n", "world must be a table"),
        ("picture = 3\n[world]\ncomfort = 'gentle'\n", "picture must be a table"),
    ],
)
def test_a_wrong_choice_is_named_with_its_path(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=message.replace("?", r"\?")):
        config.load(filed(tmp_path, text))


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"biofeed.toml is not TOML"):
        config.load(filed(tmp_path, "[world"))


def test_the_command_line_offers_every_preset_that_there_is() -> None:
    assert tuple(PRESETS) == COMFORTS
    assert tuple(PALETTES) == COLOURS
    listed = next(action.choices for action in cli._parser()._actions if action.choices)
    assert listed
    for command in ("session", "demo", "render", "scene"):
        offered = {action.dest: action.choices for action in listed[command]._actions}  # type: ignore[index]
        assert tuple(offered["comfort"]) == COMFORTS
        assert tuple(offered["colours"]) == COLOURS


def test_the_readme_s_settings_file_and_its_table_of_presets_are_true(tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    text = re.search(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert text
    made = config.load(filed(tmp_path, text[1]))
    assert (made.picture.light, made.picture.motion, made.picture.safe) == (0.2, 0.0, 1.0)
    rows = re.findall(r"^\| `([a-z-]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (yes|no) \|$", readme, re.MULTILINE)
    assert [row[0] for row in rows] == list(COMFORTS)
    for name, motion, light, intensity, leads in rows:
        preset = config.load(None, {"comfort": name})
        assert (preset.picture.motion, preset.picture.light) == (float(motion), float(light))
        assert preset.engine.flow.intensity == float(intensity)
        assert (preset.engine.flow.pacing == "on") == (leads == "yes")
