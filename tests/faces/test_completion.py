"""Completion: the words that the command offers, and that the shells take them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import buttpain as bp
from buttpain.faces.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
NET = bp.load_network("five_findings")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("que", ["query"]),
        ("query hop", ["hop_test_pain="]),
        ("query hop_test_pain=", ["hop_test_pain=absent", "hop_test_pain=present"]),
        ("query hop_test_pain=yes hop", []),
        ("query --js", ["--json"]),
        ("query --network r", ["runner"]),
        ("query --network runner age=5", ["age=50_and_over"]),
        ("explain --target sac", ["sacral_stress_fracture"]),
        ("describe fi", ["five_findings"]),
        ("describe five_findings hop", ["hop_test_pain"]),
        ("completion z", ["zsh"]),
        ("query --network nowhere hop", []),
        ("batch ", []),
    ],
)
def test_what_is_offered(capsys: pytest.CaptureFixture[str], line: str, words: list[str]) -> None:
    """Commands, options, networks, findings and their states complete."""
    assert main(["_complete", *line.split(" ")]) == 0
    assert capsys.readouterr().out.split() == words


def test_every_finding_is_offered_once(capsys: pytest.CaptureFixture[str]) -> None:
    """All nodes but the selection may be observed."""
    main(["_complete", "query", ""])
    assert set(capsys.readouterr().out.split()) == {f"{node}=" for node in NET.nodes if node not in NET.given}


@pytest.fixture
def shells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return an environment in which `buttpain` is this one, and the scripts are written."""
    for shell in ("bash", "zsh", "fish"):
        main(["completion", shell])
        (tmp_path / f"script.{shell}").write_text(capsys.readouterr().out, encoding="utf-8")
    command = tmp_path / "buttpain"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m buttpain "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, "S": str(tmp_path)}


BASH = """
source "$S/script.bash"
compopt() { :; }
for line in "buttpain query hop" "buttpain query hop_test_pain=pr" "buttpain query hop_test_pain="; do
    COMP_LINE="$line" COMP_POINT=${#line}
    _buttpain
    echo "${COMPREPLY[@]}"
done
"""


def test_bash(shells: dict[str, str]) -> None:
    """Bash gets what follows the last = of the word, as it wants it."""
    done = subprocess.run(
        [str(shutil.which("bash")), "-c", BASH], env=shells, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["hop_test_pain=", "present", "absent present"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(shells: dict[str, str]) -> None:
    """Fish completes findings, and files where the command offers nothing."""
    code = "source $S/script.fish; complete -C 'buttpain query hop'"
    done = subprocess.run(
        [str(shutil.which("fish")), "--no-config", "-c", code],
        env=shells,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["hop_test_pain="]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("query hop_test_pain=", ["hop_test_pain=absent", "hop_test_pain=present"]),
        ("batch cas", ["cases.csv"]),
    ],
)
def test_fish_and_files(shells: dict[str, str], tmp_path: Path, line: str, words: list[str]) -> None:
    """No file stands beside the states of a finding; where the command offers nothing, files do."""
    (tmp_path / "cases.csv").touch()
    code = f"source $S/script.fish; complete -C 'buttpain {line}'"
    done = subprocess.run(
        [str(shutil.which("fish")), "--no-config", "-c", code],
        env=shells,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == words


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh(shells: dict[str, str]) -> None:
    """Zsh is given findings apart from finished words, so that no space follows the =."""
    code = (
        'compdef() { :; }; compadd() { print -- "$@" }; source "$S/script.zsh"; words=(buttpain query hop); '
    )
    code += "CURRENT=3; _buttpain"
    done = subprocess.run(
        [str(shutil.which("zsh")), "-f", "-c", code], env=shells, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "-S  -- hop_test_pain="
