"""`batch`: every row is answered or set aside, in little memory, and a killed run goes on where it was."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import buttpain as bp
from buttpain.faces import batch as module
from buttpain.faces.cli import main
from buttpain.faces.flags import bounded, flagged

ROOT = Path(__file__).resolve().parent.parent.parent
NET = bp.load_network("five_findings")
ASKED = ("sit_bone_tenderness", "pain_running_uphill", "burning_pain_past_knee", "hop_test_pain")


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return random cases with an id."""
    draw = np.random.default_rng(seed).integers(0, 3, (rows, len(ASKED)))
    cells = np.array(["yes", "absent", ""], dtype=object)[draw]
    return pd.DataFrame(cells, columns=list(ASKED)).assign(patient=[f"p{i}" for i in range(rows)])


def seen(row: pd.Series[Any]) -> dict[str, object]:
    """Return a row of such a table as `observe` takes it."""
    return {name: {"yes": True, "absent": False, "": None}[row[name]] for name in ASKED}


@pytest.mark.parametrize("source", ["cases.csv", "cases.csv.gz", "cases.parquet"])
@pytest.mark.parametrize("into", ["out.csv", "out.parquet"])
def test_each_row_has_the_answer_of_its_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, into: str
) -> None:
    """Posteriors, urgency and red flags are those of the case by itself, whatever the format."""
    monkeypatch.chdir(tmp_path)
    cases = table(23)
    cases.to_parquet(source) if source.endswith("parquet") else cases.to_csv(source, index=False)
    assert main(["batch", source, into, "--id", "patient", "--chunk", "10"]) == 0
    out = pd.read_parquet(into) if into.endswith("parquet") else pd.read_csv(into, keep_default_na=False)
    assert list(out.columns) == ["row", "patient", "urgency", "red_flags", *NET.conditions]
    assert out["row"].tolist() == list(range(1, 24))
    assert out["patient"].tolist() == cases["patient"].tolist()
    for i, (_, row) in enumerate(cases.iterrows()):
        case = bp.observe(NET, seen(row))
        triage = bp.triage(case)
        answer = out.iloc[i]
        assert answer["urgency"] == triage.urgency
        assert answer["red_flags"] == ";".join(item.flag.name for item in triage.red_flags)
        for node in NET.conditions:
            assert answer[node] == pytest.approx(case.probability(node), abs=1e-12)


BAD = """\
patient,hop_test_pain,sit_bone_tenderness,burning_pain_past_knee:present,burning_pain_past_knee:absent,buttock_pain
good,yes,1,0.7,0.2,
state,maybe,,,,
short,yes
long,yes,,,,,

half,,,0.5,,
minus,,,-1,1,
words,,,much,1,
zero,,,0,0,
clash,,,,,no
"quoted, \u00e4",NA,TRUE,,,yes
"""


def test_bad_rows_are_set_aside_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost: each row is in one of the two files, the bad ones with number and reason."""
    monkeypatch.chdir(tmp_path)
    Path("cases.csv").write_text(BAD, encoding="utf-8")
    assert (
        main(["batch", "cases.csv", "out.csv", "--id", "patient", "--targets", "sacral_stress_fracture"]) == 1
    )
    with Path("out.aside.csv").open(encoding="utf-8", newline="") as file:
        head, *aside = list(csv.reader(file))
    out = pd.read_csv("out.csv")
    assert out["patient"].tolist() == ["good", "quoted, \u00e4"]
    assert list(out.columns) == ["row", "patient", "urgency", "red_flags", "sacral_stress_fracture"]
    assert head[:3] == ["row", "reason", "patient"]
    reasons = {row[2]: (int(row[0]), row[1]) for row in aside}
    wanted = {
        "state": (2, "'maybe' is no state of 'hop_test_pain'"),
        "short": (3, "2 fields, where the header has 6"),
        "long": (4, "7 fields, where the header has 6"),
        "half": (5, "must be there for each state, or for none"),
        "minus": (6, "'-1' is no likelihood"),
        "words": (7, "'much' is no likelihood"),
        "zero": (8, "all likelihoods of 'burning_pain_past_knee' are 0"),
        "clash": (9, "cannot hold together: buttock_pain=absent"),
    }
    assert reasons.keys() == wanted.keys()
    for name, (row, words) in wanted.items():
        assert reasons[name][0] == row
        assert words in reasons[name][1]
    assert sorted([*out["row"], *(row for row, _ in reasons.values())]) == list(range(1, 11))
    said = " ".join(capsys.readouterr().out.split())
    assert said == "10 rows read = 2 answered in out.csv + 8 set aside in out.aside.csv."
    assert {path.name for path in tmp_path.iterdir()} == {"cases.csv", "out.csv", "out.aside.csv"}


def test_urgency_from_likelihoods_that_leave_one_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Likelihoods with one state left count as observed for certain, as in `triage`."""
    monkeypatch.chdir(tmp_path)
    flags = '[[red_flags]]\nname = "hop"\nlabel = "Hop"\nurgency = "same_day"\nreason = "r"\n'
    flags += 'source = "elicited2026"\nall = ["hop_test_pain"]\n'
    text = (ROOT / "networks/five_findings.toml").read_text(encoding="utf-8")
    Path("net.toml").write_text(f"{text}\n{flags}", encoding="utf-8")
    Path("in.csv").write_text("hop_test_pain:present,hop_test_pain:absent\n2,0\n2,1\n,\n", encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", "--network", "net.toml"]) == 0
    net = bp.load_network("net.toml")
    evidence = [{"present": 2, "absent": 0}, {"present": 2, "absent": 1}, None]
    wanted = [bp.triage(bp.observe(net, {"hop_test_pain": item})).urgency for item in evidence]
    assert pd.read_csv("out.csv")["urgency"].tolist() == wanted
    assert wanted[0] == "same_day"


@pytest.mark.parametrize("text", ["hop_test_pain\n", "hop_test_pain"])
@pytest.mark.parametrize("into", ["out.csv", "out.parquet"])
def test_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, into: str) -> None:
    """A table without rows gives one without rows, with its columns."""
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(text, encoding="utf-8")
    assert main(["batch", "in.csv", into]) == 0
    out = pd.read_parquet(into) if into.endswith("parquet") else pd.read_csv(into)
    assert out.shape == (0, 3 + len(NET.conditions))


COMPLAINTS = {
    "a misspelt column": (
        "hop_test\nyes\n",
        [],
        "names no node of network 'five_findings'. Did you mean 'hop_test_pain'",
    ),
    "an unknown id": ("hop_test_pain\nyes\n", ["--id", "who"], "there is no column 'who' to carry"),
    "a column twice": ("hop_test_pain,hop_test_pain\n", [], "has two columns named 'hop_test_pain'"),
    "an empty file": ("", [], "is empty; its first line names the columns"),
    "a likelihood missing": ("hop_test_pain:present\n1\n", [], "there is no hop_test_pain:absent"),
    "an unknown target": ("hop_test_pain\nyes\n", ["--targets", "nose"], "'nose' is no node"),
    "an open quotation mark": ('hop_test_pain\n"' + "x" * 200_000, [], "a quotation mark may be missing"),
}


@pytest.mark.parametrize("complaint", COMPLAINTS.values(), ids=COMPLAINTS)
def test_complaints(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    complaint: tuple[str, list[str], str],
) -> None:
    """What is wrong with the whole table is told before anything has the name of the answers."""
    text, more, words = complaint
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text(text, encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", *more]) == 2
    assert words in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_nothing_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers that are there already stay, unless told otherwise; a column may be left out on request."""
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("hop_test_pain,x\nyes,1\n", encoding="utf-8")
    Path("out.csv").write_text("mine", encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", "--ignore"]) == 2
    assert "out.csv is there already" in capsys.readouterr().err
    assert Path("out.csv").read_text(encoding="utf-8") == "mine"
    assert main(["batch", "in.csv", "out.csv", "--ignore", "--force"]) == 0
    assert main(["batch", "in.csv", "in.csv", "--ignore", "--force"]) == 2
    assert "must be three different files" in capsys.readouterr().err


# -- broken off and resumed ----------------------------------------------------------------------


def start(*words: str, cwd: Path) -> subprocess.Popen[bytes]:
    """Start a batch in a process of its own."""
    command = [sys.executable, "-m", "buttpain", "batch", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("into", ["out.csv", "out.parquet"])
def test_a_killed_run_goes_on(tmp_path: Path, into: str) -> None:
    """After a kill, resuming gives the same files as a run that was left alone, to the byte."""
    cases = table(2_000)
    cases.loc[[5, 1_500], "hop_test_pain"] = "perhaps"
    cases.to_csv(tmp_path / "cases.csv", index=False)
    words = ("cases.csv", into, "--id", "patient", "--chunk", "100")
    running = start(*words, cwd=tmp_path)
    progress = tmp_path / f"{into}.progress"
    while not (progress.exists() and '"read": 0' not in progress.read_text()) and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    assert not (tmp_path / into).exists()
    refused = start(*words, cwd=tmp_path)
    assert b"go on with --resume" in refused.communicate()[1]
    again = start(*words, "--resume", cwd=tmp_path)
    assert b"2,000 rows read = 1,998 answered" in again.communicate()[0]
    alone = start("cases.csv", f"alone-{into}", *words[2:], cwd=tmp_path)
    alone.communicate()
    assert (again.returncode, alone.returncode) == (1, 1)
    assert (tmp_path / into).read_bytes() == (tmp_path / f"alone-{into}").read_bytes()
    aside = [(tmp_path / name).read_bytes() for name in ("out.aside.csv", "alone-out.aside.csv")]
    assert aside[0] == aside[1]
    assert {path.name for path in tmp_path.iterdir() if "out" not in path.name} == {"cases.csv"}


@pytest.mark.parametrize("place", range(1, 7))
@pytest.mark.parametrize("into", ["out.csv", "out.parquet"])
def test_a_crash_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, into: str) -> None:
    """Wherever between two steps onto the disk a run breaks off, each row is there once after resuming."""
    monkeypatch.chdir(tmp_path)
    table(40).to_csv("cases.csv", index=False)
    words = ["batch", "cases.csv", into, "--id", "patient", "--chunk", "10"]
    steps = [0]

    def breaking(path: Path, text: str) -> int:
        size = module_append(path, text)
        steps[0] += 1
        if steps[0] == place:
            raise KeyboardInterrupt
        return size

    module_append = module._append
    monkeypatch.setattr(module, "_append", breaking)
    first = main(words)
    assert first == (130 if place <= (4 if into.endswith("parquet") else 8) else 0)
    if first == 130:
        assert main([*words, "--resume"]) == 0
    out = pd.read_parquet(into) if into.endswith("parquet") else pd.read_csv(into)
    assert out["row"].tolist() == list(range(1, 41))


def test_another_run_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was begun with other cases or options is not gone on with."""
    monkeypatch.chdir(tmp_path)
    table(40).to_csv("cases.csv", index=False)
    words = ["batch", "cases.csv", "out.csv", "--chunk", "10"]
    calls = iter([None])

    def once(*_: object) -> int:
        next(calls, None)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(module, "_append", once)
        assert main([*words, "--id", "patient"]) == 130
    assert main([*words, "--ignore", "--resume"]) == 2
    assert "is of another run" in capsys.readouterr().err
    assert main([*words, "--ignore", "--force"]) == 0


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten times the rows take no more memory than a few chunks more."""
    code = (
        "import resource, sys; from buttpain.faces.cli import main; code = main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    used = []
    for rows in (6_000, 60_000):
        source, into = tmp_path / f"{rows}.csv", tmp_path / f"{rows}-out.csv"
        cases = pd.concat([table(6_000)] * (rows // 6_000))
        cases.to_csv(source, index=False)
        words = ["batch", str(source), str(into), "--ignore", "--chunk", "2000"]
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
        used.append(int(done.stderr.split()[-1]))
        with into.open(encoding="utf-8") as file:
            assert sum(1 for _ in file) == rows + 1
    assert used[1] - used[0] < 6_000  # KiB, where the answers take some 8,000


def test_rules_of_every_kind_fire_as_in_triage() -> None:
    """On the runner network, whose rules count, combine and bound, all rows agree with `triage`."""
    net = bp.load_network("runner")
    signs = dict.fromkeys(node for flag in net.red_flags for node, _ in (*flag.any, *flag.all))
    draw = np.random.default_rng(5)
    rows = [{node: draw.choice([*net.states(node), ""]) for node in signs} for _ in range(12)]
    cases = pd.DataFrame(rows, dtype=object).replace("", None)
    answers = bp.posteriors(net, cases, list(bounded(net)), impossible="nan")
    possible = answers.notna().all(axis=1).to_numpy()
    found = flagged(net, cases, answers)[possible]
    wanted = [bp.triage(bp.observe(net, dict(cases.loc[i].dropna()))) for i in found.index]
    assert found["urgency"].tolist() == [item.urgency for item in wanted]
    names = [";".join(fired.flag.name for fired in item.red_flags) for item in wanted]
    assert found["red_flags"].tolist() == names
    assert len({*found["urgency"]}) > 1
