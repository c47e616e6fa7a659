"""Where pgmpy keeps the example networks that come inside its wheel."""

from importlib.util import find_spec
from pathlib import Path

SMALL = ("asia", "cancer", "earthquake", "survey", "sachs", "child", "insurance", "alarm")


def example_path(name: str) -> Path:
    """Return the .bif.gz file of an example network."""
    spec = find_spec("pgmpy")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "utils" / "example_models" / f"{name}.bif.gz"
