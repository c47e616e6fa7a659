"""A first answer must not wait for packages that it does not need."""

import subprocess
import sys

import pytest

HEAVY = ("pgmpy", "sklearn", "statsmodels", "matplotlib", "scipy", "torch")

FIRST_ANSWER = """
import buttpain as bp

net = bp.load_network("five_findings")
bp.observe(net, {"sit_bone_tenderness": True}).posterior()
"""


def printed_by(code: str) -> str:
    """Return all that a new interpreter prints when it runs `code` with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def loaded_by(code: str) -> set[str]:
    """Return the packages that a new interpreter has loaded after running `code`."""
    names = printed_by(f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})")
    return set(names.split())


def test_importing_prints_nothing() -> None:
    """`import buttpain` is silent, on stdout and on stderr."""
    assert printed_by("import buttpain") == ""


def test_importing_loads_numpy_alone() -> None:
    """`import buttpain` leaves tables and graphs to whoever asks for one."""
    assert loaded_by("import buttpain") & {"pandas", "networkx", "tqdm", *HEAVY} == set()


def test_a_first_answer_loads_nothing_heavy() -> None:
    """Loading a network and reading a posterior leaves the heavy packages alone."""
    assert loaded_by(FIRST_ANSWER) & set(HEAVY) == set()


@pytest.mark.parametrize("package", ["scipy"])
def test_a_heavy_package_would_be_seen(package: str) -> None:
    """The look into a new interpreter does find a package that is loaded there."""
    assert package in loaded_by(f"{FIRST_ANSWER}\nimport {package}")
