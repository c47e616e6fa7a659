"""The command line: what it prints, how it complains, and that it starts fast."""

import io
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import buttpain as bp
from buttpain.faces.cli import main
from buttpain.faces.words import USE
from buttpain.model.network import NoisyOr, RedFlag, Table, Variable
from buttpain.model.priors import Provenance, Source

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST = (
    "query",
    "sit_bone_tenderness=present",
    "pain_running_uphill=present",
    "burning_pain_past_knee=absent",
)


class Told:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        self.lines = out.splitlines()


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> Told:
        """Run one command and return what became of it."""
        self.capsys.readouterr()
        code = main(words)
        return Told(code, *self.capsys.readouterr())

    def answer(self, *words: str) -> Told:
        """Run a command that must be answered, on stdout alone, and within 80 columns unless in JSON."""
        told = self(*words)
        assert (told.code, told.err) == (0, "")
        assert "--json" in words or max(map(len, told.lines)) <= 80
        assert told.out.endswith("\n")
        return told

    def complaint(self, *words: str) -> str:
        """Run a command that must fail, and return its reason: one line, on stderr alone."""
        told = self(*words)
        assert (told.code, told.out) == (2, "")
        assert told.err.count("\n") == 1
        assert told.err.startswith("buttpain: error: ")
        return told.err.removeprefix("buttpain: error: ").rstrip("\n")


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return a shell that knows one command."""
    return Shell(capsys)


@pytest.fixture
def trip(tmp_path: Path) -> str:
    """Return the path of a network that has every kind of thing to describe."""
    sure = Provenance("survey", "Counted at the gate.", ess=100, counts=(79.0, 20.0))
    weather = Provenance("survey", ess=10)
    net = bp.Network(
        "trip",
        (
            Variable("weather", ("sun", "rain", "snow"), "risk_factor", "Weather"),
            Variable("strike", role="condition", label="Strike", icd10="X1", urgency="same_day"),
            Variable("late", role="finding", label="Late", question="Is it late?", kind="history", cost=2),
            Variable("crowd", role="finding", label="Crowd"),
        ),
        {
            "weather": Table((), np.array([0.6, 0.3, 0.1]), (weather,)),
            "strike": Table((), np.array([0.795, 0.205]), (sure,)),
            "late": NoisyOr(
                ("strike", "weather"),
                0.1,
                ((None, 0.9), (None, 0.2, 0.5)),
                (
                    Provenance("us", "A guess.", range=(0.05, 0.2)),
                    Provenance("survey", ess=float("inf")),
                    Provenance("us", "A guess too.", range=(0.1, 0.3)),
                    Provenance("us", "And another.", range=(0.3, 0.7)),
                ),
            ),
            "crowd": Table(
                ("strike",),
                np.array([[0.9, 0.1], [0.2, 0.8]]),
                (Provenance("us", "Few.", ess=20), Provenance("us", "Many.", ess=30)),
            ),
        },
        sources={
            "survey": Source("survey", "Survey of 99 trips.", "cohort", doi="10.1/trips"),
            "us": Source("us", "We think so.", "elicited", url="https://example.org/us"),
        },
        description="Why a trip takes long.",
        red_flags=(
            RedFlag(
                "stay",
                "Stay at home",
                "emergency",
                "It is cold.",
                "us",
                "Make tea.",
                any=(("late", "present"), ("weather", "snow")),
                all=(("crowd", "present"),),
                at_least=2,
            ),
        ),
    )
    path = tmp_path / "trip.toml"
    bp.save_network(net, path)
    return str(path)


# -- query ---------------------------------------------------------------------------------------


def test_the_first_answer(shell: Shell) -> None:
    """The README's query ranks the tendinopathy first, tells the findings by label and ends with its use."""
    told = shell.answer(*FIRST)
    text = " ".join(told.out.split())
    for label in ("Observed: Sit-bone tenderness", "Pain on running uphill"):
        assert f"{label} present;" in text
    assert "Burning pain past the knee absent" in text
    ranked = told.lines[told.lines.index(next(line for line in told.lines if "posterior" in line)) + 1 :]
    assert re.fullmatch(r"Proximal hamstring tendinopathy  34\.7 %     81\.2 %  █{6}│█{9}▎", ranked[0])
    assert told.lines[-1] == USE
    assert told.out.count(USE) == 1


def test_the_table_says_what_the_library_says(shell: Shell) -> None:
    """Order and figures of the table are those of the posterior that Python gives."""
    net = bp.load_network("five_findings")
    post = bp.observe(net, burning_pain_past_knee=True).posterior()
    rows = re.findall(
        r"^(\w[\w -]+?) +([\d.]+) % +([\d.]+) %",
        shell.answer("query", "burning_pain_past_knee=yes").out,
        re.MULTILINE,
    )
    prior = bp.observe(net).posterior().ranked()
    assert rows == [
        (net.label(node), f"{100 * prior[node]:.1f}", f"{100 * value:.1f}")
        for node, value in zip(post.ranked().index.astype(str), post.ranked(), strict=True)
    ]


def test_without_findings_the_priors_are_shown(shell: Shell) -> None:
    """Nothing observed is a question too, and its answer has no second column."""
    told = shell.answer("query")
    assert "Observed: nothing" in told.out
    assert "Proximal hamstring tendinopathy  34.7 %  ███████" in told.out
    assert "posterior" not in told.out


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("present", "present"),
        ("yes", "present"),
        ("True", "present"),
        ("no", "absent"),
        ("FALSE", "absent"),
        (" absent ", "absent"),
        ("present:0.7,absent:0.2", {"absent": 0.2, "present": 0.7}),
        ("absent : 1e-3, present : 2", {"absent": 0.001, "present": 2}),
    ],
)
def test_how_a_finding_may_be_stated(shell: Shell, stated: str, meant: object) -> None:
    """States go by name, by yes and no in any case, or by likelihoods."""
    told = shell.answer("query", f"hop_test_pain={stated}", "--json")
    assert json.loads(told.out)["evidence"] == {"hop_test_pain": meant}


def test_a_state_called_yes_is_that_state(shell: Shell, tmp_path: Path) -> None:
    """Where a node has a state of the very name, the name wins over what it could stand for."""
    variable = Variable("answer", ("present", "no", "yes"), "condition", "Answer")
    families = {"answer": Table((), np.array([0.5, 0.3, 0.2]), (Provenance("us", "So.", ess=9),))}
    sources = {"us": Source("us", "We say so.", "elicited")}
    bp.save_network(bp.Network("n", (variable,), families, sources=sources), tmp_path / "n.toml")
    told = shell.answer("query", "answer=yes", "--json", "--network", str(tmp_path / "n.toml"))
    assert json.loads(told.out)["evidence"] == {"answer": "yes"}


def test_findings_may_stand_before_and_after_options(shell: Shell) -> None:
    """The order of findings and options does not matter."""
    words = ("query", "--top", "2", FIRST[1], "--network", "five_findings", *FIRST[2:], "--json")
    assert shell.answer(*words).out == shell.answer(*FIRST, "--json", "--top", "2").out
    assert len(json.loads(shell.answer(*words).out)["evidence"]) == 3


def test_top_shows_the_first_and_counts_the_rest(shell: Shell) -> None:
    """With --top the table is cut after the first K and says how many are left out, if any are."""
    told = shell.answer(*FIRST, "--top", "2")
    assert "Gluteal myofascial pain" in told.out
    assert "Lumbar radicular pain" not in told.out
    assert "and 3 more" in told.lines
    assert (
        shell.answer(*FIRST, "--top", "5").out
        == shell.answer(*FIRST, "--top", "99").out
        == shell.answer(*FIRST).out
    )


def test_running_out_of_memory(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in one line like any other trouble, with an exit code of its own."""

    def greedy(_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("buttpain.faces.verbs.triage", greedy)
    told = shell("triage")
    assert (told.code, told.out) == (70, "")
    assert told.err == (
        "buttpain: error: out of memory (Unable to allocate 9 TiB); ask for less at a time, or free memory\n"
    )


def test_red_flags_come_first(shell: Shell) -> None:
    """A flag that fires stands above everything, with its urgency, and the note that none fires is gone."""
    told = shell.answer("query", "hop_test_pain=present")
    assert told.lines[0].startswith("! PROMPT: Sacral stress fracture not excluded")
    assert "No red flag" not in told.out
    assert "No red flag fires" in shell.answer(*FIRST).out


def test_json(shell: Shell) -> None:
    """JSON holds the whole answer under its documented keys, the numbers to the last digit."""
    told = shell.answer(*FIRST, "--json")
    answer = json.loads(told.out)
    case = bp.observe(bp.load_network("five_findings"), dict(word.split("=") for word in FIRST[1:]))
    assert [key for key, value in answer.items() if value is not None] == [
        "schema",
        "network",
        "version",
        "library",
        "given",
        "evidence",
        "triage",
        "log_evidence",
        "posterior",
        "prior",
        "use",
    ]
    assert {key for key, value in answer.items() if value is None} == {
        "uncertainty",
        "sensitivity",
        "explanation",
        "next",
    }
    assert (answer["network"], answer["version"]) == ("five_findings", case.net.version)
    assert answer["evidence"] == dict(case.evidence)
    assert {node: states["present"] for node, states in answer["posterior"].items()} == dict(
        case.posterior().ranked()
    )
    assert list(answer["posterior"]) == list(case.posterior().ranked().index)
    assert answer["prior"].keys() == answer["posterior"].keys()
    assert answer["log_evidence"] == case.log_evidence
    assert answer["use"] == USE
    assert told.out.isascii()


def test_json_of_the_first_and_of_red_flags(shell: Shell) -> None:
    """With --top JSON holds the first K, and flags are told of conditions that were cut, too."""
    answer = json.loads(shell.answer("query", "hop_test_pain=yes", "--json", "--top", "1").out)
    assert list(answer["posterior"]) == list(answer["prior"]) == ["proximal_hamstring_tendinopathy"]
    result = bp.triage(bp.observe(bp.load_network("five_findings"), hop_test_pain=True)).to_dict()
    assert answer["triage"] == {**result, "rules": 1}
    assert answer["triage"]["red_flags"][0]["name"] == "sacral_bone_stress"


def test_a_network_of_ones_own(shell: Shell, trip: str) -> None:
    """A path serves as a network, and findings on a flag's list fire it."""
    told = shell.answer("query", "--network", trip, "weather=snow", "late=yes", "crowd=yes")
    assert told.lines[0].startswith("! EMERGENCY: Stay at home (Late present, Weather snow, Crowd present).")
    assert "Strike" in told.out
    assert "version" not in told.out


def test_a_network_without_roles(shell: Shell, tmp_path: Path) -> None:
    """A network of another tool answers with all that was not observed, by state where there is no yes."""
    variables = (Variable("rain"), Variable("road", ("dry", "wet", "icy")))
    families = {
        "rain": Table((), np.array([0.7, 0.3])),
        "road": Table(("rain",), np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1]])),
    }
    bp.save_network(bp.Network("roads", variables, families), tmp_path / "roads.bif")
    told = shell.answer("query", "--network", str(tmp_path / "roads.bif"), "rain=yes")
    assert [line.split("  ")[0] for line in told.lines[3:6]] == ["road = dry", "road = wet", "road = icy"]
    assert "Conditions" not in told.out


# -- networks and describe -----------------------------------------------------------------------


def test_networks(shell: Shell) -> None:
    """Every network that comes with the library is listed with how much there is in it."""
    told = shell.answer("networks")
    for name in bp.available_networks():
        net = bp.load_network(name)
        (line,) = [line for line in told.lines if line.startswith(f"{name} ")]
        counts = [len(net.nodes), len(net.conditions), len(net.findings), net.theta.size]
        assert [int(word) for word in line.split()[-4:]] == counts
    assert "Five bedside findings" in told.out


def test_describe_a_network(shell: Shell) -> None:
    """All nodes are there under their roles with label, question and states, and so is what is given."""
    net = bp.load_network("five_findings")
    told = shell.answer("describe", "five_findings")
    text = " ".join(told.out.split())
    assert "In every case: Buttock pain present (buttock_pain=present)." in text
    assert f"11 nodes, 30 numbers, {len(net.sources)} sources" in text
    heads = [line.split()[0] for line in told.lines if line.endswith("states")]
    assert heads == ["condition", "finding"]
    for node in net.nodes:
        assert re.search(rf"^{node}  .*absent, present$", told.out, re.MULTILINE)
    letters = re.sub(r"\s|absent,present", "", told.out)
    for node in net.findings:
        assert net.variable(node).question.split()[-1].replace(" ", "") in letters
    assert re.search(
        r"^Sacral stress fracture not +prompt +P\(Sacral stress fracture\) above$", told.out, re.MULTILINE
    )


def test_describe_a_rule_on_findings(shell: Shell, trip: str) -> None:
    """A red flag says what fires it, as the file has it."""
    text = " ".join(shell.answer("describe", trip).out.split())
    assert "Why a trip takes long." in text
    assert "emergency at least 2 of late=present, weather=snow, and all of crowd=present" in text
    assert "risk factor what it is states weather Weather sun, rain, snow" in text


def test_describe_a_noisy_or(shell: Shell, trip: str) -> None:
    """Each link has value, interval and the author's own words; notes and sources stand in full."""
    told = shell.answer("describe", trip, "late")
    text = " ".join(told.out.split())
    frame = bp.load_network(trip).parameters.loc["late <- leak"]
    interval = f"{100 * frame['low']:.1f}–{100 * frame['high']:.1f} %"
    for said in (
        "late: Late",
        "role finding",
        "question Is it late?",
        "kind history",
        "cost 2",
        "causes strike, weather",
        f"leak 10.0 % {interval} range 5–20 % us",
        "strike 90.0 % 90.0–90.0 % by definition survey",
        "late <- weather=snow: And another.",
        "[survey] Survey of 99 trips. https://doi.org/10.1/trips (cohort, grade B)",
        "[us] We think so. https://example.org/us (elicited, grade F)",
    ):
        assert said in text


def test_describe_a_table(shell: Shell, trip: str) -> None:
    """Of the two numbers in a row of a binary table one is shown, with its own note."""
    text = " ".join(shell.answer("describe", trip, "crowd").out.split())
    assert re.search(r"present \| strike=absent 10\.0 % [\d.–]+ % worth 20 cases us", text)
    assert re.search(r"present \| strike=present 80\.0 % [\d.–]+ % worth 30 cases us", text)
    assert "crowd=present | strike=present: Many." in text
    assert "absent |" not in text


def test_describe_counts_and_several_states(shell: Shell, trip: str) -> None:
    """Counts are shown as published, and of a node with three states all three numbers."""
    assert "20 of 99" in shell.answer("describe", trip, "strike").out
    told = shell.answer("describe", trip, "weather")
    values = re.findall(r"^(sun|rain|snow) +([\d.]+) %", told.out, re.MULTILINE)
    assert values == [("sun", "60.0"), ("rain", "30.0"), ("snow", "10.0")]
    assert "effects  late" in told.out


def test_describe_leaves_out_what_there_is_not(shell: Shell, tmp_path: Path) -> None:
    """A file without sources has no columns for them."""
    net = bp.Network("bare", (Variable("x", ("a", "b")),), {"x": Table((), np.array([0.5, 0.5]))})
    bp.save_network(net, tmp_path / "bare.bif")
    told = shell.answer("describe", str(tmp_path / "bare.bif"), "x")
    assert told.out == "x\n\nstates  a, b\n\nnumber   value\nb       50.0 %\n"


@pytest.mark.parametrize("node", bp.load_network("five_findings").nodes)
def test_every_node_can_be_described(shell: Shell, node: str) -> None:
    """No node's page is too wide, and each shows every number and every source in full."""
    net = bp.load_network("five_findings")
    text = " ".join(shell.answer("describe", "five_findings", node).out.split())
    for i in range(net.spans[node].start, net.spans[node].stop):
        source = net.sources[net.provenance[i].source]
        assert " ".join(source.cite.split()) in text
        assert " ".join(net.provenance[i].note.split()) in text


# -- complaints ----------------------------------------------------------------------------------


COMPLAINTS = {
    "a misspelt finding": (
        "query sit_bone_tendernes=present",
        "'sit_bone_tendernes' is no node of network 'five_findings'. Did you mean 'sit_bone_tenderness'?",
    ),
    "a state that is none": (
        "query hop_test_pain=presnt",
        "'presnt' is no state of 'hop_test_pain'. Use one of 'absent', 'present'. Did you mean 'present'?",
    ),
    "a finding without its state": (
        "query hop_test_pain",
        "seen; write finding=state, here hop_test_pain=present (states: absent, present)",
    ),
    "a finding with an empty state": ("query hop_test_pain=", "'hop_test_pain=' does not say what was seen"),
    "a misspelt finding without its state": ("query hop_test", "Did you mean 'hop_test_pain'?"),
    "no finding at all": ("query =present", "'' is no node of network 'five_findings'"),
    "the same finding again": (
        "query hop_test_pain=yes sit_bone_tenderness=no hop_test_pain=yes",
        "'hop_test_pain' is given more than once; say each finding once",
    ),
    "a likelihood that is no number": (
        "query hop_test_pain=present:high,absent:0.2",
        "'high' is no number; likelihoods are written finding=present:0.7,absent:0.2",
    ),
    "a likelihood without a state": (
        "query hop_test_pain=present:0.5,0.2",
        "'' is no state of 'hop_test_pain'",
    ),
    "a state's likelihood twice": ("query hop_test_pain=present:1,present:0", "names 'present' twice"),
    "a likelihood that is missing": ("query hop_test_pain=present:1", "missing: absent"),
    "a likelihood below 0": ("query hop_test_pain=present:-1,absent:1", "must be finite and not negative"),
    "a likelihood that is not a number": ("query hop_test_pain=present:nan,absent:1", "must be finite"),
    "likelihoods of 0": ("query hop_test_pain=present:0,absent:0", "cannot hold together: hop_test_pain="),
    "evidence against the population": (
        "query buttock_pain=absent",
        "These observations cannot hold together: buttock_pain=absent, buttock_pain (given)=present.",
    ),
    "an unknown network": ("query --network five_finding", "Did you mean 'five_findings'?"),
    "a file that is not there": ("describe nowhere/net.toml", "nowhere/net.toml: there is no such file"),
    "an unknown node": ("describe five_findings hop_test", "Did you mean 'hop_test_pain'?"),
    "no command": ("", "name a command: query, ask, next, explain,"),
    "an unknown command": ("diagnose", "'diagnose' is no command. Choose from: query, ask,"),
    "nothing to describe": ("describe", "the following arguments are required: NETWORK"),
    "too much to describe": (
        "describe five_findings hop_test_pain x",
        "'x' is nothing that buttpain describe takes.",
    ),
    "an unknown option": (
        "query --jsn",
        "'--jsn' is nothing that buttpain query takes. Did you mean '--json'?",
    ),
    "an option cut short": ("query --net five_findings", "'--net' is nothing that buttpain query takes."),
    "an option without its value": ("query --network", "argument --network: expected one argument"),
    "a top of nothing": ("query --top 0", "argument --top: expected a whole number of at least 1, found '0'"),
    "a top that is no number": ("query --top all", "found 'all'"),
}


@pytest.mark.parametrize(("command", "words"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_complaint_says_what_is_wrong(shell: Shell, command: str, words: str) -> None:
    """A wrong argument is told in one line on stderr, with what would be right, and exit code 2."""
    assert words in shell.complaint(*command.split())


def test_an_unreadable_file_is_a_complaint(shell: Shell, tmp_path: Path) -> None:
    """A file that is no network is told with its place, whether it is TOML or not."""
    path = tmp_path / "net.toml"
    path.write_text("[network]\nname = 1\n", encoding="utf-8")
    assert f"{path}, [network], key 'name'" in shell.complaint("describe", str(path))
    path.write_text("[network", encoding="utf-8")
    assert "not valid TOML" in shell.complaint("query", "--network", str(path))


def test_a_file_that_may_not_be_read_is_a_complaint(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operating system refuses is told like any other failure."""

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", "net.toml")

    monkeypatch.setattr(Path, "read_text", refuse)
    assert "Permission denied" in shell.complaint("describe", "five_findings")


def test_a_mistake_of_ours_is_not_hidden(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that the library does not raise on purpose keeps its traceback."""

    def break_down(*_: object) -> object:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("buttpain.faces.words.observe", break_down)
    with pytest.raises(ZeroDivisionError, match="ours"):
        shell(*FIRST)


def test_an_interruption_is_quiet(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the command without a traceback, with the code that a shell expects."""

    def interrupt(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("buttpain.faces.words.observe", interrupt)
    told = shell(*FIRST)
    assert (told.code, told.out, told.err) == (130, "", "")


# -- help and version ----------------------------------------------------------------------------


def test_version(shell: Shell) -> None:
    """The version is the library's, and its exit code 0."""
    assert shell.answer("--version").out == f"buttpain {bp.__version__}\n"


@pytest.mark.parametrize("command", ["", "networks", "describe", "query"])
def test_help(shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Help fits the terminal and names what can be given."""
    monkeypatch.setenv("COLUMNS", "80")
    told = shell.answer(*command.split(), "--help")
    assert told.lines[0].startswith(f"usage: buttpain {command}".rstrip())
    wanted = {"": ["networks", "describe", "query", USE], "query": ["--json", "--top", "--network", USE]}
    for words in wanted.get(command, []):
        assert words in told.out


# -- in a process of its own ---------------------------------------------------------------------


def run(*words: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a new interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-W", "error", *words]
    return subprocess.run(command, env=environment, capture_output=True, check=False)


def test_the_module_is_the_command() -> None:
    """`python -m buttpain` answers, and its exit code is that of `main`."""
    good, bad = run("-m", "buttpain", *FIRST), run("-m", "buttpain", "query", "hop_test")
    assert (good.returncode, good.stderr) == (0, b"")
    assert b"81.2 %" in good.stdout
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert bad.stderr.startswith(b"buttpain: error: 'hop_test' is no node")
    assert b"Traceback" not in bad.stderr


def test_a_query_loads_numpy_alone() -> None:
    """The answer in text or in JSON does not wait for pandas or anything heavier."""
    code = (
        "import sys; from buttpain.faces.cli import main; "
        "main(sys.argv[1:]); main([*sys.argv[1:], '--json']); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    loaded = set(run("-c", code, *FIRST, "hop_test_pain=yes").stderr.decode().split())
    assert loaded & {"numpy", "pandas", "scipy", "networkx", "matplotlib", "pgmpy", "tqdm"} == {"numpy"}


def test_a_reader_who_goes_away() -> None:
    """When the output is no longer read the command ends quietly, with the code of a closed pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "buttpain", "describe", "five_findings"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_without_block_characters() -> None:
    """Where the output cannot hold block characters the bars are drawn with signs that it can."""
    done = run("-m", "buttpain", *FIRST, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.search(rb"81\.2 %  #{6}\|#{9}\n", done.stdout)


def test_a_terminal_with_some_other_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that the output cannot hold does not stop the answer."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["describe", "five_findings", "hop_test_pain"]) == 0
    stream.seek(0)
    assert "7.0-37.7 %" in stream.read()


# -- the README's picture ------------------------------------------------------------------------


def test_the_picture_of_the_readme_is_of_today() -> None:
    """The picture was drawn from the numbers that the network has now; docs/make_images.py draws it anew."""
    drawing = runpy.run_path(str(ROOT / "docs" / "make_images.py"))
    wanted = drawing["described"](drawing["leaders"]()).replace(">", "&gt;")
    assert f"<dc:description>{wanted}</dc:description>" in (ROOT / "docs/images/posterior.svg").read_text(
        encoding="utf-8"
    )
