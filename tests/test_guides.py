"""The embedding guides run: their programs are written out, and their console lines are typed.

`test_docs.py` runs the Python of every page.  Here a fenced block that begins with a comment
``file: NAME`` becomes that file in an empty folder, and the lines after ``$`` of a ``console``
block are given to bash there, while the service runs.
"""

import contextlib
import doctest
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest

from test_docs import FLAGS, Block, blocks

GUIDES = Path(__file__).resolve().parent.parent / "docs" / "guides"
FILE = re.compile(r"^(?:#|//) file: (?P<name>\S+)$", re.MULTILINE)
PROGRAMS = {
    "flask": ["app.py"],
    "pandas": ["pipeline.py"],
    "shell": ["assess.sh"],
    "javascript": ["ask.mjs"],
    "http": ["client.py"],
}
BASH, NODE = shutil.which("bash"), shutil.which("node")
START = 60.0


def page(name: str) -> list[Block]:
    """Return the fenced blocks of a guide."""
    return list(blocks((GUIDES / f"{name}.md").read_text(encoding="utf-8")))


def written(name: str, folder: Path) -> list[str]:
    """Write the programs of a guide, and return their names."""
    names = []
    for block in page(name):
        found = FILE.match(block.body)
        if found:
            (folder / found["name"]).write_text(block.body, encoding="utf-8")
            names.append(found["name"])
    return names


def typed(name: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a guide, and what it shows."""
    for block in page(name):
        if block.kind == "console":
            for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                yield command, shown


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Return an environment in which `python` and `buttpain` are those that run the tests."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


@pytest.fixture(scope="module")
def service(environment: dict[str, str]) -> Iterator[str]:
    """Run the service on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "buttpain", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + START
        while not answers(port):
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < limit, "the service does not answer"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=START)


def answers(port: int) -> bool:
    """Return whether a service answers at a port of this machine."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == HTTPStatus.OK
        except OSError:
            return False


def check(name: str, folder: Path, environment: dict[str, str]) -> int:
    """Type the commands of a guide, compare what they print, and return how many there were."""
    assert written(name, folder) == PROGRAMS[name]
    assert BASH is not None
    number = 0
    for command, shown in typed(name):
        found = subprocess.run(
            [BASH, "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert doctest.OutputChecker().check_output(shown, found.stdout, FLAGS), (
            f"{command}\nshows:\n{shown}\nprints:\n{found.stdout}{found.stderr}"
        )
        number += 1
    return number


def test_every_guide_has_its_program(tmp_path: Path) -> None:
    """Each page but the index holds the programs that the tests know, and the index leads to each."""
    pages = {path.stem for path in GUIDES.glob("*.md")} - {"index"}
    assert pages == PROGRAMS.keys()
    assert {name: written(name, tmp_path) for name in pages} == PROGRAMS
    index = (GUIDES / "index.md").read_text(encoding="utf-8")
    assert all(f"]({name}.md)" in index and f"\n{name}\n" in index for name in pages)


@pytest.mark.skipif(BASH is None, reason="there is no bash here to run a shell script")
def test_the_shell_script_does_what_the_guide_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    """Red flags, ranking and exit codes, as shown."""
    assert check("shell", tmp_path, environment) == 4


@pytest.mark.skipif(BASH is None, reason="there is no bash here to type the commands")
@pytest.mark.parametrize(
    "name",
    [
        "http",
        pytest.param(
            "javascript", marks=pytest.mark.skipif(NODE is None, reason="there is no node here to run it")
        ),
    ],
)
def test_the_clients_do_what_the_guides_show(
    name: str, tmp_path: Path, environment: dict[str, str], service: str
) -> None:
    """Answer and refusal of a real service, as shown."""
    assert check(name, tmp_path, {**environment, "BUTTPAIN": service}) == 2


@pytest.mark.skipif(BASH is None, reason="there is no bash here to type the commands")
def test_an_untrue_guide_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guide that shows what its program does not print fails."""
    text = "```bash\n# file: a.sh\necho one\n```\n```console\n$ bash a.sh\ntwo\n```\n"
    (tmp_path / "untrue.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "GUIDES", tmp_path)
    monkeypatch.setitem(PROGRAMS, "untrue", ["a.sh"])
    with pytest.raises(AssertionError, match=r"bash a.sh\s+shows:\s+two\s+prints:\s+one"):
        check("untrue", tmp_path, dict(os.environ))
