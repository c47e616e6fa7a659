"""What is built is what is meant: the archives are complete, and work away from the checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import buttpain as bp

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = sorted(path.name for path in (ROOT / "networks").glob("*.toml"))

ASK = """
import json
import buttpain as bp

json.dump(
    {
        "file": bp.__file__,
        "version": bp.__version__,
        "networks": {name: len(bp.load_network(name).nodes) for name in bp.available_networks()},
    },
    open("answer.json", "w"),
)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the caller's Python settings, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the source archive of the checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel built from the source archive alone, as an index or a packager would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new environment that holds the wheel and, after it on the path, today's dependencies.

    A path file read in the new environment adds the folder of the dependencies,
    and Python does not look for further path files in a folder so added: the one
    of an editable install, which would lead back to the checkout, is not seen.
    """
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder.parent)
    (site,) = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    ).splitlines()
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site, "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")
    return python


def test_the_sdist_is_complete(sdist: Path) -> None:
    """The source archive has what is needed to build, test, read and cite."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        "CHANGELOG.md",
        "CITATION.cff",
        "LICENSE",
        "README.md",
        "buttpain/py.typed",
        "docs/dependencies.md",
        "pyproject.toml",
        "tests/conftest.py",
        *(f"networks/{name}" for name in SHIPPED),
    }
    assert wanted - names == set()


def test_the_wheel_holds_the_package_and_its_networks_only(wheel: Path) -> None:
    """Every module, its data and every network are in the wheel; other folders of the checkout are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "buttpain").rglob("*.py")}
    networks = {f"buttpain/networks/{name}" for name in SHIPPED}
    folders = [ROOT / "buttpain/faces/schemas", ROOT / "buttpain/faces/page"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    files += [path for path in (ROOT / "buttpain/faces").glob("*.*") if path.suffix in {".js", ".css"}]
    data = {path.relative_to(ROOT).as_posix() for path in files}
    assert data
    assert names == modules | networks | data | {"buttpain/py.typed", "buttpain/display/page.html"}


def test_an_installed_wheel_loads_every_network(elsewhere: Path, tmp_path: Path) -> None:
    """Away from the checkout the installed copy is the one that runs, and it finds all its networks."""
    run(elsewhere, "-c", ASK, cwd=tmp_path)
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert Path(answer["file"]).resolve().is_relative_to(elsewhere.parent.parent.resolve())
    assert [f"{name}.toml" for name in answer["networks"]] == SHIPPED
    assert min(answer["networks"].values()) > 0
    assert answer["version"] == bp.__version__


def test_an_installed_wheel_has_the_command(elsewhere: Path, tmp_path: Path) -> None:
    """The command that comes with the wheel lists the networks."""
    printed = run(elsewhere.with_name("buttpain"), "networks", cwd=tmp_path)
    assert [name for name in SHIPPED if name.removesuffix(".toml") not in printed] == []


def test_the_checkout_loads_every_network() -> None:
    """Run from the checkout, as after an editable install, the folder beside the package is found."""
    assert [f"{name}.toml" for name in bp.available_networks()] == SHIPPED
    assert all(bp.load_network(name).nodes for name in bp.available_networks())


def test_something_is_shipped() -> None:
    """The comparisons above are not between empty lists."""
    assert "five_findings.toml" in SHIPPED


def test_one_version() -> None:
    """The module, the installed metadata and the citation file agree on the version."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert bp.__version__ == version("buttpain")
    assert f"version: {bp.__version__}" in citation
