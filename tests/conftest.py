"""Settings of the whole test run.

Hypothesis draws the same examples in every run, so that a failure seen once is
seen again.  To look for new ones, ask for the other profile:

    HYPOTHESIS_PROFILE=explore python -m pytest
"""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Pictures are drawn, never shown.
os.environ["MPLBACKEND"] = "agg"

settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _no_picture_stays_open() -> Iterator[None]:
    """Close the figures that a test or an example has opened."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
