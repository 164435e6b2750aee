"""The wheel carries everything a session needs, and the set-up pins versions without naming where they come from."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_wheel_carries_every_module_shader_and_soundscape(tmp_path: Path) -> None:
    source = tmp_path / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:  # a copy: setuptools leaves its traces where it builds
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, capture_output=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "biofeed").rglob("*.py")}
    data = {f"biofeed/data/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "shaders").rglob("*.[fg]*")}
    data |= {f"biofeed/data/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "audio").glob("*.toml")}
    certificates = (ROOT / "safety" / "certificates").glob("*.toml")
    data |= {f"biofeed/data/certificates/{path.name}" for path in certificates}
    assert len(data) >= 4
    assert modules | data <= held


@pytest.mark.hazard("H-30")
def test_every_dependency_is_pinned_by_version_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    pinned = (ROOT / "constraints.txt").read_text()
    for line in pinned.splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line)
    names = {line.split("==")[0].lower().replace("_", "-") for line in pinned.splitlines() if "==" in line}
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement)
        assert name
        assert name.group().lower().replace("_", "-") in names
