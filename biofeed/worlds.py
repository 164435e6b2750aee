"""The worlds that may be offered to a person: those of the folder that are certified, without tags to be avoided."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from biofeed import certificates, scene
from biofeed.errors import SceneError, UsageError, nearest
from biofeed.scene import Scene
from biofeed.settings import check, choice, words

# What a picture may hold that wakes a fear or a memory (H-12), and so what one may opt out of whether or not a world
# of the folder has it. A world may bear further tags; they can be avoided as well.
TAGS = ("crowd", "dark", "enclosed", "fire", "heartbeat", "height", "insects", "medical", "voices", "water")

FIRST = "tide"
COMFORTS = ("full", "gentle", "post-infusion")
COLOURS = ("full", "safe")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person, or a therapist for them, chose beforehand; `config` says what the words stand for."""

    avoid: tuple[str, ...] = words("tags of worlds that are never offered")
    comfort: str = choice("full", COMFORTS, "how much moves, shines and leads; single settings win over it")
    colours: str = choice("full", COLOURS, "safe: told apart with a colour-vision deficiency, too")

    def __post_init__(self) -> None:
        check(self)


def found() -> tuple[dict[str, Scene], dict[str, SceneError]]:
    """Every world of the folder by name, and the mistakes of the broken ones."""
    worlds: dict[str, Scene] = {}
    broken: dict[str, SceneError] = {}
    for name in scene.names():
        try:
            worlds[name] = scene.load(name)
        except SceneError as error:
            broken[name] = error
    return worlds, broken


def offered(worlds: Mapping[str, Scene], avoid: Iterable[str]) -> dict[str, Scene]:
    """Those worlds that have none of these tags.

    Raises UsageError for a tag that nobody knows: a slip of the pen must not show what was to be avoided.
    """
    avoided = set(avoid)
    known = {*TAGS, *(tag for world in worlds.values() for tag in world.tags)}
    for tag in sorted(avoided - known):
        raise UsageError(f"there is no tag {tag} to avoid{nearest(tag, known)}")
    return {name: world for name, world in worlds.items() if not avoided & set(world.tags)}


def load(which: str | None, avoid: Iterable[str] = ()) -> Scene:
    """The world of that name, or in that file; without a name FIRST, or another one where that is to be avoided.

    Raises UsageError when it has a tag to avoid, or when there is no such tag or world; SceneError when it is broken.
    """
    avoided = set(avoid)
    world = scene.load(which or FIRST)
    if not avoided:
        return world
    others = offered({**found()[0], world.name: world}, avoided)
    if world.name in others:
        return world
    if which is None and others:
        return next(iter(others.values()))
    tag = next(tag for tag in world.tags if tag in avoided)
    raise UsageError(f"the scene {world.name} has the tag {tag}, which is to be avoided")


def objections(worlds: Mapping[str, Scene]) -> dict[str, str]:
    """Why each of these worlds of the folder that is not certified may not be offered, and what to do about it."""
    said = {name: certificates.objection(name, world) for name, world in worlds.items()}
    return {name: sentence for name, sentence in said.items() if sentence}


def beside(first: str | None, avoid: Iterable[str], tell: Callable[[str], None]) -> dict[str, Scene]:
    """Every world that a session may show, `first` (as in `load`) before all others; who is left out is told of.

    Raises UsageError and SceneError as `load` does, SceneError also when `first` is not certified, or none is.
    """
    avoided = set(avoid)
    world = load(first, avoided)
    worlds, broken = found()
    for name, error in broken.items():
        if name != world.name:
            tell(f"left out: {error}")
    others = offered({**worlds, world.name: world}, avoided)
    refused = objections({name: other for name, other in others.items() if name != world.name})
    sentence = certificates.objection(first or world.name, world)
    if sentence and first is not None:
        raise SceneError(f"{world.name}.frag", 0, f"it is not offered to a person: {sentence}")
    if sentence:
        refused[world.name] = sentence
    for reason in refused.values():
        tell(f"left out: {reason}")
    shown = {name: other for name, other in {world.name: world, **others}.items() if name not in refused}
    if not shown:
        raise SceneError(f"{world.name}.frag", 0, f"no scene can be offered: {refused[world.name]}")
    return shown
