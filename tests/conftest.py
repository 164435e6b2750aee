"""Settings for every test: a build server tries properties with the same examples each time, a desk with others."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
