"""What every contract of a soundscape is held against: each file of the folder in turn."""

from pathlib import Path

import pytest

from biofeed import scene

FILES = sorted(scene.folders()[1].glob("*.toml"))


@pytest.fixture(scope="module", params=FILES, ids=[path.stem for path in FILES])
def path(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param
