"""The pages tell the truth: their Python runs, their commands print what they show.

In `README.md`, `CONTRIBUTING.md` and `docs/` a fenced block marked

- ``python`` with ``>>>`` prompts is a doctest;
- ``python`` without prompts is run as it stands;
- ``console`` has its ``$ buttpain`` lines run, and what follows each must be printed
  (``...`` stands for anything, and runs of white space are alike).

The blocks of a page are run from the top down, share their names, and start in an empty folder.
"""

import contextlib
import doctest
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from buttpain.faces.cli import main

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n`]*\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\((?P<target>[^)#\s]+)")

MAIN_COMMAND = (
    "python -m pip install . && buttpain query --network runner sit_bone_tenderness=present "
    "pain_running_uphill=present burning_pain_past_knee=absent"
)
TEST_COMMAND = 'python -m pip install -e ".[test]" && python -m pytest'


class Block(NamedTuple):
    """A fenced block of a page, and the number of the line that opens it."""

    kind: str
    body: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    for found in FENCE.finditer(text):
        body = re.sub(f"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
        yield Block(found["kind"], body, text.count("\n", 0, found.start("kind")) + 1)


class Reader:
    """Someone who tries everything on a page."""

    def __init__(
        self, page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.page = page
        self.names: dict[str, Any] = {"__name__": "page"}
        self.capsys = capsys
        self.monkeypatch = monkeypatch

    def read(self, text: str) -> None:
        """Run the blocks of a page."""
        for block in blocks(text):
            if block.kind == "console":
                self.run_commands(block)
            elif block.kind == "python" and ">>>" in block.body:
                self.run_doctest(block)
            elif block.kind == "python":
                code = compile("\n" * block.line + block.body, self.page, "exec")
                exec(code, self.names)  # noqa: S102 - the page is our own

    def run_doctest(self, block: Block) -> None:
        """Run a block with prompts, and compare what it shows."""
        test = doctest.DocTestParser().get_doctest(block.body, self.names, self.page, self.page, block.line)
        report: list[str] = []
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
        if report:
            raise AssertionError("".join(report))
        self.names = test.globs

    def run_commands(self, block: Block) -> None:
        """Run the `buttpain` commands of a block, and compare what they print."""
        for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            words = shlex.split(command)
            if words[0] == "buttpain":
                printed = self.printed_by(words)
                if not doctest.OutputChecker().check_output(shown, printed, FLAGS):
                    where = f"{self.page}, line {block.line}: {command}"
                    raise AssertionError(f"{where}\nshows:\n{shown}\nprints:\n{printed}")

    def printed_by(self, words: list[str]) -> str:
        """Return what a command prints, as it does when nobody watches in colour."""
        self.monkeypatch.setattr(sys, "argv", words)
        self.monkeypatch.setenv("COLUMNS", "80")
        self.capsys.readouterr()
        with contextlib.suppress(SystemExit):
            main()
        printed = self.capsys.readouterr()
        return printed.out + printed.err


@pytest.fixture
def reader(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Reader:
    """Return a reader in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Reader(request.node.name, capsys, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_does_what_it_says(page: Path, reader: Reader) -> None:
    """Every Python block and every `buttpain` command of a page gives what the page shows."""
    reader.read(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_links_to_what_is_there(page: Path) -> None:
    """Every link of a page to a file of this repository leads to one."""
    targets = [found["target"] for found in LINK.finditer(page.read_text(encoding="utf-8"))]
    near = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in near if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected:\n    3\nGot:\n    2"),
        ("```python\nassert 1 + 1 == 3, 'wrong sum'\n```\n", "wrong sum"),
        ("1. List\n\n   ```python\n   x = 1\n   assert x == 2, 'in here'\n   ```\n", "in here"),
        ("```python\nx = 1\n```\n\n```python\n>>> x\n2\n```\n", "Got:\n    1"),
        ("```console\n$ buttpain networks\nno such line\n```\n", "shows:\nno such line"),
    ],
    ids=["doctest", "plain", "in a list", "shared names", "console"],
)
def test_an_untrue_page_is_caught(body: str, words: str, reader: Reader) -> None:
    """A page that shows a wrong result fails, whichever kind of block it stands in."""
    with pytest.raises(AssertionError, match=re.escape(words)):
        reader.read(body)


def test_a_true_page_passes(reader: Reader) -> None:
    """A page whose blocks are all right passes, and blocks of other kinds are left alone."""
    reader.read(
        "```python\nx = 1\n```\n```python\n>>> x\n1\n```\n```toml\nx = \n```\n```console\n$ rm x\n```\n"
    )
    assert reader.names["x"] == 1


def test_the_readme_begins_with_the_two_commands() -> None:
    """The first two shell commands of the README install and query, then install and test."""
    fenced = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    lines = [line.removeprefix("$ ") for block in fenced for line in block.body.splitlines()]
    assert [line for line in lines if "pip install" in line][:2] == [MAIN_COMMAND, TEST_COMMAND]


def test_the_checks_run_the_command_of_the_readme() -> None:
    """`.ci/run` installs and tests with the README's own words."""
    assert f"bash -c '{TEST_COMMAND}'" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_dependency_has_its_reason() -> None:
    """`docs/dependencies.md` has a row for each package that the project asks for, and no others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(item for extra in project["project"]["optional-dependencies"].values() for item in extra),
        *(item for group in project["dependency-groups"].values() for item in group),
    ]
    names = {re.split(r"[^\w.-]", item)[0] for item in asked} - {"buttpain"}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w.-]+)", page, re.MULTILINE)) == names
