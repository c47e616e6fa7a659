"""`batch`: every row is answered or set aside, in little memory, and a killed run goes on where it was."""

from __future__ import annotations

import csv
import gzip
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
    "an id named row": ("row,hop_test_pain\n7,yes\n", ["--id", "row"], "--id row: the answers have a column"),
    "an id named urgency": ("urgency,hop_test_pain\n7,yes\n", ["--id", "urgency"], "Rename it in in.csv, or"),
    "an id named red_flags": (
        "red_flags,hop_test_pain\n7,yes\n",
        ["--id", "red_flags"],
        "leave it out of --id",
    ),
    "an id that is a target": (
        "lumbar_radicular_pain\nyes\n",
        ["--id", "lumbar_radicular_pain"],
        "'lumbar_radicular_pain' of their own. Rename it in in.csv, or name --targets without it",
    ),
    "an id twice": ("a,hop_test_pain\n1,yes\n", ["--id", "a,a"], "--id names 'a' twice"),
    "a quotation mark opened in the last line": (
        'a,hop_test_pain\n1,"',
        ["--ignore"],
        "line 2: the quotation",
    ),
    "a header that does not end": ('"hop_test_pain\nyes\n', [], "line 1: the quotation mark"),
    "a cell beyond all measure": ("hop_test_pain\nyes\n" + "x" * 2**25, [], "line 3: field larger than"),
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


def test_a_carried_node_is_evidence_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--id adds a column to the answers and takes none away from the evidence."""
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("hop_test_pain\nyes\n", encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", "--id", "hop_test_pain"]) == 0
    out = pd.read_csv("out.csv")
    assert out["hop_test_pain"].tolist() == ["yes"]
    known = bp.observe(NET, hop_test_pain=True).probability("sacral_stress_fracture")
    assert out["sacral_stress_fracture"].tolist() == pytest.approx([known])


def test_a_cell_beyond_measure_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell of three million characters costs its own row and no other, and is kept whole."""
    monkeypatch.chdir(tmp_path)
    big = "x" * 3_000_000
    Path("in.csv").write_text(f"id,hop_test_pain\na,yes\nb,{big}\nc,no\n", encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", "--id", "id"]) == 1
    assert pd.read_csv("out.csv")["id"].tolist() == ["a", "c"]
    (aside,) = pd.read_csv("out.aside.csv").to_dict("records")
    assert aside["reason"] == (
        "the cell of 'hop_test_pain' has 3,000,000 characters, and at most 131,072 are read"
    )
    assert (aside["row"], aside["id"], aside["hop_test_pain"]) == (2, "b", big)


OPEN = {
    "at once": ('a,hop_test_pain\n1,yes\n2,"no\n3,yes\n4,yes\n', 3, "2 lines"),
    "after a field of two lines": ('a,hop_test_pain\n"1\n1",yes\n"2\n2","no\n3,yes\n', 5, "1 line"),
    "after quotation marks in a quotation": (
        'a,hop_test_pain\n"1 ""x""\n",""\n"2,""no\n3,yes\n',
        4,
        "1 line",
    ),
    "lines that end in a carriage return": ('a,hop_test_pain\r1,yes\r2,"no\r3,yes\r', 3, "1 line"),
    "with other ends of lines in it": ('a,hop_test_pain\n"\x0b\u2028",yes\n2,"no\n3,yes\n', 3, "1 line"),
    "longer than is read": ('a,hop_test_pain\n1,yes\n2,"' + "no,yes\n" * 3_000_000, 3, "2,396,745 lines"),
}


@pytest.mark.parametrize("kind", OPEN)
def test_an_open_quotation_mark_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """The complaint names the line where it opens, not the one where reading stopped, and what it cost."""
    text, line, swallowed = OPEN[kind]
    monkeypatch.chdir(tmp_path)
    with Path("in.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(text)
    assert main(["batch", "in.csv", "out.csv", "--ignore"]) == 2
    told = capsys.readouterr().err
    assert f"in.csv, line {line}: the quotation mark that opens here is not closed" in told
    assert f"has swallowed {swallowed} after this one" in told


def test_rows_that_a_quotation_mark_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a later mark closes it, the row is set aside with its lines, though its fields can be counted."""
    monkeypatch.chdir(tmp_path)
    rows = ["a,fine,yes", '"two\n  lines",fine,yes', 'b,"open,yes', 'c,fine,"no"', "d,fine,no", 'e,"open,yes']
    rows += ["f,fine,no", 'g,"fine",yes', "h,fine,no"]
    Path("in.csv").write_text("\n".join(["id,note,hop_test_pain", *rows, ""]), encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", "--id", "id,note"]) == 1
    assert pd.read_csv("out.csv")["id"].tolist() == ["a", "two\n  lines", "d", "h"]
    with Path("out.aside.csv").open(encoding="utf-8", newline="") as file:
        _, *aside = csv.reader(file)
    said = "text follows a closing quotation mark, and lines {} are one row; a quotation mark may be missing"
    assert [row[1] for row in aside] == [said.format("5 to 6"), said.format("8 to 10")]


def test_a_row_of_too_many_fields_says_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that a pair of quotation marks ties together are named with the row."""
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text('id,hop_test_pain\na,yes\nc,"yes\nd",no\n', encoding="utf-8")
    assert main(["batch", "in.csv", "out.csv", "--id", "id"]) == 1
    with Path("out.aside.csv").open(encoding="utf-8", newline="") as file:
        _, (_, why, *_) = csv.reader(file)
    said = "3 fields, where the header has 2; lines 3 to 4 are one row, and a quotation mark may be missing"
    assert why == said


PACKED = gzip.compress(b"hop_test_pain\n" + b"yes\nno\n,\n" * 5000)
BROKEN = {
    "cases.parquet": (b"hop_test_pain\nyes\n", "is no Parquet file, or is damaged: Parquet magic bytes"),
    "empty.parquet": (b"", "is no Parquet file, or is damaged"),
    "cut.csv.gz": (PACKED[:-10], "is cut short or damaged: Compressed file ended before"),
    "plain.csv.gz": (b"hop_test_pain\nyes\n", "is no gzip file"),
    "spoilt.csv.gz": (PACKED[:10] + b"\xff" * 9 + PACKED[19:], "or is cut short or damaged: Error -3"),
    "wrong.csv.gz": (PACKED[:-8] + bytes(4) + PACKED[-4:], "is cut short or damaged: CRC check failed"),
    "wide.csv": ("hop_test_pain\nyes\n".encode("utf-16"), "wide.csv is UTF-16; save it as UTF-8"),
    "wide.csv.gz": (gzip.compress("hop_test_pain\n".encode("utf-16")), "is UTF-16; save it as UTF-8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_what_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """What is no such file, or half of one, is told in one line, by `diff` as well."""
    data, words = BROKEN[name]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(data)
    for command in (["batch", name, "out.csv"], ["diff", "five_findings", "five_findings", "--cases", name]):
        assert main(command) == 2
        told = capsys.readouterr().err
        assert words in told
        assert told.count("\n") == 1
    assert not Path("out.csv").exists()


def test_lists_are_no_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Parquet column of lists is refused as evidence, and carried through otherwise."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"hop_test_pain": [["yes"], ["no"]]}).to_parquet("in.parquet")
    for command in (
        ["batch", "in.parquet", "out.csv"],
        ["diff", "five_findings", "five_findings", "--cases", "in.parquet"],
    ):
        assert main(command) == 2
        assert "column 'hop_test_pain' holds values of the type list<" in capsys.readouterr().err
    pd.DataFrame({"hop_test_pain": ["yes"], "tags": [["a", "b"]]}).to_parquet("in.parquet")
    assert main(["batch", "in.parquet", "out.parquet", "--id", "tags"]) == 0
    assert [list(item) for item in pd.read_parquet("out.parquet")["tags"]] == [["a", "b"]]


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
