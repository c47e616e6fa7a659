"""The interview: what it asks, what it takes for an answer, when it stops, and what it keeps."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import buttpain as bp
from buttpain.analysis.information import next_findings
from buttpain.faces.ask import interview
from buttpain.faces.cli import main
from buttpain.faces.visit import Visit, load_visit
from buttpain.faces.words import USE, UsageError
from buttpain.model.network import Table, Variable

ROOT = Path(__file__).resolve().parent.parent.parent
NET = bp.load_network("five_findings")
FIRST = "burning_pain_past_knee"


def talk(*answers: str, visit: Visit | None = None, echo: bool = False) -> tuple[str, Visit | None]:
    """Answer line by line; return what was written and where it ended."""
    out = io.StringIO()
    read = io.StringIO("".join(f"{line}\n" for line in answers)).readline
    ended = interview(visit or Visit(NET, "five_findings"), read, out, echo=echo)
    return out.getvalue(), ended


def steps(*answers: str, visit: Visit | None = None) -> tuple[object, ...]:
    """Return what the answers amounted to."""
    ended = talk(*answers, visit=visit)[1]
    assert ended is not None
    return ended.steps


@pytest.fixture
def shift(tmp_path: Path) -> Visit:
    """Return a visit to a network whose one finding has three states."""
    path = tmp_path / "shift.toml"
    path.write_text(
        """
[network]
name = "shift"
[sources.us]
cite = "We think so."
kind = "elicited"
[conditions.tired]
label = "Tired"
table = { value = 0.3, ess = 10, source = "us", note = "n" }
[conditions.ill]
label = "Ill"
table = { value = 0.35, ess = 10, source = "us", note = "n" }
[findings.shift]
label = "Shift"
question = "Which shift?"
states = ["early", "late_one", "night"]
[[findings.shift.table]]
given = { tired = "absent" }
values = { early = 0.5, late_one = 0.3, night = 0.2 }
ess = 9
source = "us"
note = "n"
[[findings.shift.table]]
given = { tired = "present" }
values = { early = 0.05, late_one = 0.05, night = 0.9 }
ess = 9
source = "us"
note = "n"
""",
        encoding="utf-8",
    )
    return Visit(bp.load_network(str(path)), str(path))


def test_the_first_question_is_the_most_telling() -> None:
    """What is asked first is what `next_findings` puts first, with its question."""
    said, _ = talk("stop")
    best = next_findings(bp.observe(NET), 1).findings[0]
    assert best == FIRST
    assert f"1. {NET.variable(best).question}"[:60] in said


def test_costs_change_the_order() -> None:
    """Where the first question costs much another goes first."""
    visit = Visit(NET, "five_findings", cost={FIRST: 100.0})
    assert visit.question is not None
    assert (
        visit.question.finding == next_findings(bp.observe(NET), 1, cost={FIRST: 100.0}).findings[0] != FIRST
    )


@pytest.mark.parametrize("word", ["yes", "y", "Y", "YES.", "present", "yeah", "pres", " 1 "])
def test_words_for_yes(word: str) -> None:
    """Yes comes in many shapes."""
    assert steps(word, "stop") == ((FIRST, "present"),)


@pytest.mark.parametrize("word", ["no", "n", "No!", "absent", "nope", "0"])
def test_words_for_no(word: str) -> None:
    """So does no."""
    assert steps(word, "stop") == ((FIRST, "absent"),)


@pytest.mark.parametrize(
    "word", ["d", "don't know", "don\u2019t know", "dont  know", "?", "skip", "DK", "unknown"]
)
def test_words_for_not_knowing(word: str) -> None:
    """What nobody knows is noted, observed nowhere, and not asked again."""
    said, ended = talk(word, "stop")
    assert ended is not None
    assert ended.steps == ((FIRST, None),)
    assert dict(ended.case.evidence) == {}
    assert "Not known: Burning pain past the knee" in said
    assert ended.question is not None
    assert ended.question.finding != FIRST


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("2", "late_one"),
        ("night", "night"),
        ("NIGHT", "night"),
        ("late", "late_one"),
        ("late one", "late_one"),
    ],
)
def test_states_by_name_number_and_beginning(word: str, meant: str, shift: Visit) -> None:
    """Where there are more than two states they are numbered, and any of these names one."""
    assert steps(word, visit=shift) == (("shift", meant),)
    assert "   2  late_one" in talk("stop", visit=shift)[0]


@pytest.mark.parametrize("word", ["4", "0", "yes", "noon", ""])
def test_what_is_no_state_is_asked_again(word: str, shift: Visit) -> None:
    """A word that is no state tells what is, and the question stays."""
    said, ended = talk(word, visit=shift)
    assert ended is not None
    assert ended.steps == ()
    assert "1 (early), 2 (late_one), 3" in " ".join(said.split())


def test_something_volunteered() -> None:
    """What somebody says unasked counts, with yes, states and likelihoods alike; the question is kept."""
    told = steps("hop_test_pain=no", "sit_bone_tenderness=present:0.7,absent:0.2", "stop")
    assert told == (("hop_test_pain", "absent"), ("sit_bone_tenderness", {"absent": 0.2, "present": 0.7}))
    assert "Did you mean 'hop_test_pain'?" in talk("hop_test=no")[0]


def test_evidence_that_cannot_be(shift: Visit) -> None:
    """What contradicts the population is refused, and nothing is lost."""
    said, ended = talk("yes", "buttock_pain=absent", "stop")
    assert "cannot hold together" in said
    assert ended is not None
    assert ended.steps == ((FIRST, "present"),)
    assert shift.answer("shift", "night").steps == (("shift", "night"),)


def test_back() -> None:
    """Back takes the last answer back and asks that question again; with none left it says so."""
    said, ended = talk("back", "yes", "no", "back", "back", "stop")
    assert ended is not None
    assert ended.steps == ()
    assert said.count("There is no answer to take back.") == 1
    assert "Taken back: Burning pain past the knee." in said
    assert said.count(f"1. {NET.variable(FIRST).question}"[:40]) == 1


def test_back_leaves_what_was_given() -> None:
    """Back stops where the interview began, says so, and says how to take back what was given before."""
    given = Visit(NET, "five_findings").answer("hop_test_pain", True)
    said, ended = talk("back", "yes", "back", "back", "stop", visit=given)
    assert ended is not None
    assert ended.steps == (("hop_test_pain", "present"),)
    assert said.count("There is no answer to take back.") == 2
    assert (
        "(Pain on the hop test); to take one back, say that you do not know it: hop_test_pain=?"
        in " ".join(said.split())
    )
    assert dict(talk("hop_test_pain=?", visit=given)[1].case.evidence) == {}  # type: ignore[union-attr]


def test_back_brings_back_what_an_answer_replaced() -> None:
    """An answer that took the place of a given one leaves it as it was when it is taken back."""
    given = Visit(NET, "five_findings").answer("hop_test_pain", True)
    assert steps("hop_test_pain=no", "stop", visit=given) == (("hop_test_pain", "absent"),)
    assert steps("hop_test_pain=no", "back", "stop", visit=given) == given.steps


def test_back_where_it_would_stop() -> None:
    """Where one may stop, back takes an answer back as well, and says if there is none."""
    given = Visit(NET, "five_findings").answer(FIRST, True).answer("pain_running_uphill", False)
    said, ended = talk("no", "back", "stop", visit=given)
    assert ended is not None
    assert ended.steps == given.steps
    assert "Taken back: Pain on the hop test." in said
    said, ended = talk("back", "no", visit=given.answer("hop_test_pain", False))
    assert "There is no answer to take back." in said
    assert ended is not None
    assert len(ended.steps) == 3


def test_a_flag_that_goes_out() -> None:
    """An answer that lowers the urgency names no flag for it."""
    said, _ = talk("why", visit=Visit(NET, "five_findings").answer("hop_test_pain", True))
    assert "present: urgency becomes routine." in said


def test_red_flags_come_first() -> None:
    """After an answer that fires one, the flag stands above the ranking, and so in the summary."""
    said, _ = talk("hop_test_pain=yes", "stop")
    for part in (said, said[said.index("Summary") :]):
        assert (
            0
            < part.index("! PROMPT: Sacral stress fracture")
            < part.index("Proximal hamstring tendinopathy  ")
        )
    assert "No red flag fires" not in said


def test_why() -> None:
    """Why tells what each answer would do, as `next_findings` has it, and why the leader leads."""
    said, _ = talk("why", "yes", "why", "stop")
    row = next_findings(bp.observe(NET), 1).to_dict()["findings"][0]
    chance = [f"{100 * answer['probability']:.1f} %" for answer in row["answers"]]
    (line,) = [line for line in said.splitlines() if line.startswith("how probable") and chance[0] in line]
    assert chance[1] in line
    leader = row["answers"][1]["posterior"]["lumbar_radicular_pain"]
    assert f"{100 * leader:.1f} %" in said
    assert "Lumbar radicular pain is at 43.7 %, up from 12.8 %." in " ".join(said.split())


def test_it_stops_when_nothing_would_change() -> None:
    """It ends by itself exactly when no answer by itself changes leader or urgency, and says so."""
    said, ended = talk("yes", "no", "no", "")
    assert ended is not None
    rows = next_findings(ended.case, None).to_dict()["findings"]
    assert rows
    assert all(row["changes_leader"] == row["changes_urgency"] == 0 for row in rows)
    before = next_findings(ended.back().case, None).to_dict()["findings"]
    assert any(row["changes_leader"] or row["changes_urgency"] for row in before)
    assert "None of the answers still to be had" in said
    assert "two or more together still may" in " ".join(said.split())


def test_one_may_go_on_to_the_end() -> None:
    """Whoever wants to is asked the rest, and then nothing is left."""
    said, ended = talk("yes", "no", "no", "maybe", "yes", "no", "no")
    assert ended is not None
    assert {finding for finding, _ in ended.steps} == {*NET.findings} - {*NET.given}
    assert "Please answer yes or no." in said
    assert "Nothing is left to ask." in said


def test_an_emergency_stops_it(tmp_path: Path) -> None:
    """A flag of the highest urgency asks to be acted on before the next question."""
    text = (
        (ROOT / "networks/five_findings.toml").read_text(encoding="utf-8").replace('"prompt"', '"emergency"')
    )
    (tmp_path / "net.toml").write_text(text, encoding="utf-8")
    visit = Visit(bp.load_network(str(tmp_path / "net.toml")), "net")
    said, _ = talk("hop_test_pain=yes", "no", visit=visit)
    assert said.index("! EMERGENCY") < said.index("act on it before asking on") < said.index("Summary")


@pytest.mark.parametrize("answers", [(), ("yes",), ("nonsense",)])
def test_the_end_of_input_is_polite(answers: tuple[str, ...]) -> None:
    """Where nothing more is to be read the summary ends it."""
    said, ended = talk(*answers)
    assert ended is not None
    assert "Summary after" in said
    assert said.rstrip().endswith(USE)


def test_quit_leaves_without_a_summary() -> None:
    """Quit ends at once."""
    said, ended = talk("yes", "quit")
    assert ended is None
    assert "Summary" not in said


def test_help_and_all() -> None:
    """Help names every word, and `all` shows every condition."""
    said, _ = talk("help", "all", "stop")
    for word in ("back", "why", "stop", "quit", "don't know", "FINDING=STATE"):
        assert word in said
    for node in NET.conditions:
        assert NET.label(node) in said


def test_every_line_fits() -> None:
    """Nothing is wider than a terminal."""
    said, _ = talk("why", "help", "yes", "why", "all", "no", "why", "?", "yes", "why", "no", "no", echo=True)
    assert max(map(len, said.splitlines())) <= 80


# -- what is to be found out ---------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """Return the file of a network whose one condition is none, mild or severe."""
    path = tmp_path / "graded.toml"
    path.write_text(
        """
[network]
name = "graded"
[sources.us]
cite = "We think so."
kind = "elicited"
[conditions.grade]
label = "Grade"
states = ["none", "mild", "severe"]
table = { values = { none = 0.5, mild = 0.3, severe = 0.2 }, ess = 10, source = "us", note = "n" }
[findings.f]
label = "F"
leak = { value = 0.1, ess = 10, source = "us", note = "n" }
[findings.f.causes.grade]
mild = { value = 0.4, ess = 10, source = "us", note = "n" }
severe = { value = 0.9, ess = 10, source = "us", note = "n" }
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def plain() -> bp.Network:
    """Return a network without roles: wet and slippery after rain."""
    families = {
        "rain": Table((), np.array([0.8, 0.2])),
        "wet": Table(("rain",), np.array([[0.9, 0.1], [0.1, 0.9]])),
        "slippery": Table(("wet",), np.array([[0.95, 0.05], [0.3, 0.7]])),
    }
    return bp.Network("plain", tuple(map(Variable, families)), families)


def test_conditions_without_a_present_state(graded: Path) -> None:
    """Such a condition leads in one of its states, an answer may change in which, and `why` explains it."""
    visit = Visit(bp.load_network(str(graded)), str(graded))
    assert visit.question is not None
    assert visit.question.for_whom == "leader"
    said, ended = talk("why", "yes", visit=visit)
    (line,) = [line for line in said.splitlines() if line.startswith("Grade = severe") and "2.9 %" in line]
    assert line.split() == ["Grade", "=", "severe", "20.0", "%", "2.9", "%", "49.2", "%"]
    assert "Grade severe is at 49.2 %, up from 20.0 %." in said
    assert ended is not None
    assert ended.leader is not None
    assert (ended.leader.node, ended.leader.state) == ("grade", "severe")


def test_a_target(plain: bp.Network) -> None:
    """Questions are chosen for the target, which alone is shown and explained; `all` shows the others."""
    visit = Visit(plain, "plain", target="rain")
    said, ended = talk("yes", "yes", "all", "stop", visit=visit, echo=True)
    assert ended is not None
    assert visit.question is not None
    assert visit.question.finding == next_findings(bp.observe(plain), 1, "rain").findings[0] == "wet"
    assert ended.steps == (("wet", "present"),)
    before, after = said.split("> all")
    assert [line for line in before.splitlines() if line.startswith("rain ")]
    assert not [line for line in before.splitlines() if line.startswith("slippery ")]
    assert [line for line in after.splitlines() if line.startswith("slippery ")]
    chance = f"{100 * bp.observe(plain, wet=True).probability('rain'):.1f} %"
    assert f"rain is at {chance}, up from 20.0 %." in after


def test_a_target_among_conditions() -> None:
    """Where there are conditions the target stands alone, and beside it who leads."""
    said, ended = talk("stop", visit=Visit(NET, "n", target="gluteal_myofascial_pain").answer(FIRST, True))
    assert ended is not None
    shown = said[: said.index("1. ")]
    assert "Gluteal myofascial pain " in shown
    assert "Leads now: Lumbar radicular pain, 43.7 %" in shown
    assert "Deep gluteal syndrome" not in said
    assert "Gluteal myofascial pain is at" in said
    assert list(ended.to_dict()["posterior"]) == ["gluteal_myofascial_pain"]


def test_a_target_that_is_volunteered() -> None:
    """Once the target itself is told nothing is left to find out, and that ends it."""
    told = "lumbar_radicular_pain=yes"
    said, ended = talk(told, visit=Visit(NET, "n", target="lumbar_radicular_pain"))
    assert ended is not None
    assert ended.question is None
    assert "Lumbar radicular pain was to be found out, and was observed." in said
    assert said.index("was observed.") < said.index("Summary after 1 answer")


def test_nothing_is_said_before_it_is_refused(plain: bp.Network) -> None:
    """What cannot be asked about is refused before the heading."""
    out = io.StringIO()
    with pytest.raises(UsageError, match="has no conditions; name what to find out with target="):
        interview(Visit(plain, "plain"), io.StringIO().readline, out)
    assert out.getvalue() == ""


# -- kept ----------------------------------------------------------------------------------------


def test_a_saved_visit_goes_on(tmp_path: Path) -> None:
    """What was saved is loaded as it was: answers, what nobody knows, likelihoods, and the next question."""
    visit = (
        Visit(NET, "five_findings").answer(FIRST, None).answer("hop_test_pain", {"present": 3, "absent": 0})
    )
    visit.save(tmp_path / "visit.json")
    again = load_visit(tmp_path / "visit.json", NET, "five_findings")
    assert again.steps == visit.steps
    assert again.question == visit.question
    assert again.back().steps == visit.steps
    aimed = Visit(NET, "five_findings", target="lumbar_radicular_pain")
    aimed.save(tmp_path / "aimed.json")
    assert load_visit(tmp_path / "aimed.json", NET, "five_findings").target == "lumbar_radicular_pain"
    kept = json.loads((tmp_path / "visit.json").read_text())
    assert (kept["network"], kept["version"], kept["library"]) == (NET.name, NET.version, bp.__version__)
    assert kept["triage"]["urgency"] == "prompt"
    assert kept["use"] == USE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "0"}, "was made with version 0 of 'five_findings', and this is 1"),
        ({"network": "runner"}, "was made with network 'runner', and this is 'five_findings'"),
        ({"format": "x"}, "is no saved visit; one is written by buttpain ask --save"),
        ({"steps": 3}, "is damaged"),
        ({"target": []}, "is damaged"),
        (
            {"steps": [{"finding": "nose", "observed": "present"}]},
            "does not fit the network: 'nose' is no node",
        ),
    ],
)
def test_a_visit_that_does_not_fit(tmp_path: Path, change: dict[str, object], words: str) -> None:
    """Another edition, another network or another file is refused, and why."""
    path = tmp_path / "visit.json"
    path.write_text(json.dumps({**Visit(NET, "five_findings").to_dict(), **change}))
    with pytest.raises(UsageError, match=words):
        load_visit(path, NET, "five_findings")


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """What the system refuses is told in words about the file that was named, and leaves nothing behind."""
    visit = Visit(NET, "five_findings")
    with pytest.raises(
        FileNotFoundError, match=r"^[^\[]*nope.json cannot be read: No such file.*--save FILE$"
    ):
        load_visit(tmp_path / "nope.json", NET, "five_findings")
    with pytest.raises(
        FileNotFoundError, match=r"^[^\[]*x.json cannot be written: No such file.*a folder that"
    ):
        visit.save(tmp_path / "nowhere" / "x.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder cannot be written: "):
        visit.save(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_another_version_on_request(tmp_path: Path) -> None:
    """Whoever wants the answers under another edition gets them."""
    path = tmp_path / "visit.json"
    saved = Visit(NET, "five_findings").answer(FIRST, True).to_dict()
    path.write_text(json.dumps({**saved, "version": "0"}))
    assert load_visit(path, NET, "five_findings", any_version=True).steps == ((FIRST, "present"),)
    path.write_text("{")
    with pytest.raises(UsageError, match="is no saved visit: "):
        load_visit(path, NET, "five_findings")


# -- the command ---------------------------------------------------------------------------------


def run(text: bytes, *words: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run `ask` in a process of its own, with its input from a pipe."""
    command = [sys.executable, "-W", "error", "-m", "buttpain", "ask", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, input=text, env=environment, cwd=cwd, capture_output=True, check=False)


def test_over_a_pipe(tmp_path: Path) -> None:
    """Answers piped in are echoed; bytes that are no text are no answer; the visit is saved and resumed."""
    done = run(b"\xff\nyes\n", "hop_test_pain=no", "--save", "visit.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    out = done.stdout.decode()
    assert "> yes\n" in out
    assert out.endswith("Saved in visit.json; buttpain ask --load visit.json goes on from there.\n")
    again = run(b"", "--load", "visit.json", "--json", cwd=tmp_path)
    answer = json.loads(again.stdout)
    assert answer["evidence"] == {"hop_test_pain": "absent", FIRST: "present"}
    assert "Summary after 2 answers" in again.stderr.decode()


def test_over_a_pipe_where_nobody_is_left_to_lead(tmp_path: Path) -> None:
    """If every condition was observed there is nobody to explain, and the summary comes all the same."""
    told = [f"{node}={'yes' if i == 0 else 'no'}" for i, node in enumerate(NET.conditions)]
    done = run(b"yes\nwhy\nyes\n", *told, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Summary after 6 answers" in done.stdout.decode()
    assert " is at " not in done.stdout.decode()


def test_over_a_pipe_without_a_present_state(graded: Path) -> None:
    """A visit on a network of grades ends with its summary, too."""
    done = run(b"yes\nno\n", "--network", graded.name, cwd=graded.parent)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Grade severe is at 49.2 %" in done.stdout.decode()


def test_over_a_pipe_without_roles(tmp_path: Path, plain: bp.Network) -> None:
    """A network without conditions needs an option, which is named before anything is said or written."""
    bp.save_network(plain, tmp_path / "plain.bif")
    for command in (["ask", "--save", "v.json"], ["next"]):
        line = [sys.executable, "-m", "buttpain", *command, "--network", "plain.bif"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            line, input=b"", env=environment, cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"has no conditions; name what to find out with --target NODE\n" in done.stderr
    assert not (tmp_path / "v.json").exists()
    done = run(b"yes\nstop\n", "--network", "plain.bif", "--target", "rain", cwd=tmp_path)
    assert done.returncode == 0
    assert "rain  20.0 %     69.2 %" in done.stdout.decode()


def test_what_was_saved_outlives_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is written after each answer, so an interruption loses none."""
    lines = iter(["yes\n"])

    def readline() -> str:
        for line in lines:
            return line
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(readline=readline, isatty=lambda: False))
    path = tmp_path / "visit.json"
    assert main(["ask", "--save", str(path)]) == 130
    assert load_visit(path, NET, "five_findings").steps == ((FIRST, "present"),)


def test_in_a_terminal() -> None:
    """In a real terminal the prompt waits on its line, the answer is not echoed twice, Ctrl-D ends it."""
    pexpect = pytest.importorskip("pexpect")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, ["-m", "buttpain", "ask"], env=environment, encoding="utf-8", timeout=20, echo=True
    )
    child.expect("\r\n> ")
    child.send("yes\n")
    child.expect("Lumbar radicular pain .*43.7 %")
    assert child.before.count("yes\r\n") == 1
    child.expect("\r\n> ")
    child.sendeof()
    child.expect("Summary after 1 answer\r\n")
    child.expect(pexpect.EOF)
    assert "\x1b" not in child.before
    child.close()
    assert child.exitstatus == 0


def test_kinds_left_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings of a kind can be left out; a kind that none has is a complaint."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["ask", "--without", "symptom"]) == 0
    assert "1. Press on the sit bone" in capsys.readouterr().out
    assert main(["ask", "--without", "opinion"]) == 2
    assert "no finding is of this kind; choose from" in capsys.readouterr().err
