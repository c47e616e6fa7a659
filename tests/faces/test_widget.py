"""The explorer: Python's side against the library's own answers, and the page in a browser before it."""

import builtins
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import buttpain as bp
from buttpain.display.tables import percent
from buttpain.faces.widget import Explorer, answers_to, form_of, intervals_of
from buttpain.model.network import RedFlag, Table, Variable

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def five() -> bp.Network:
    """Return the small network."""
    return bp.load_network("five_findings")


@pytest.fixture(scope="module")
def runner() -> bp.Network:
    """Return the large network."""
    return bp.load_network("runner")


@pytest.fixture(scope="module")
def plain(five: bp.Network) -> bp.Network:
    """Return a network without roles, one node of which cannot be true or false, and a clash in it."""
    variables = (
        replace(five.variables[0], name="age", states=("young", "mid", "old"), role="", label="", kind=""),
        replace(five.variables[0], name="fall", states=("no", "yes"), role="", label="", kind=""),
    )
    families = {
        "age": Table((), [0.5, 0.3, 0.2]),  # type: ignore[arg-type] # made an array there
        "fall": Table(("age",), [[1.0, 0.0], [0.9, 0.1], [0.6, 0.4]]),  # type: ignore[arg-type] # the same
    }
    flag = RedFlag("fell", "Fall", "emergency", "It may be broken", "s", "Look.", any=(("fall", "yes"),))
    return bp.Network("plain", variables, families, red_flags=(flag,))


# -- the form ----------------------------------------------------------------------------


def test_the_form_has_all_that_can_be_ticked_once(runner: bp.Network) -> None:
    """Findings and risk factors by kind, as in a visit; nothing that the network observes itself."""
    form = form_of(runner)
    nodes = [item["node"] for group in form["groups"] for item in group["items"]]
    assert len(nodes) == len(set(nodes))
    assert set(nodes) == {*runner.findings, *runner.risk_factors} - set(runner.given)
    names = [group["name"] for group in form["groups"]]
    assert names == ["symptom", "history", "palpation", "test", "imaging"]
    for group in form["groups"]:
        assert {runner.variable(item["node"]).kind for item in group["items"]} == {group["name"]}
    assert json.loads(json.dumps(form)) == form


def test_a_network_without_roles_can_be_ticked_all_over(plain: bp.Network) -> None:
    """Every node is offered with all its states; only a node with an absent state names one."""
    (group,) = form_of(plain)["groups"]
    assert [(item["node"], item["states"], item["absent"]) for item in group["items"]] == [
        ("age", ["young", "mid", "old"], None),
        ("fall", ["no", "yes"], "no"),
    ]


# -- the answers -------------------------------------------------------------------------


def test_the_answers_are_the_librarys(runner: bp.Network) -> None:
    """Ranking, red flags and questions are those of the functions for them."""
    case = bp.observe(runner, hop_test_pain=True)
    found = answers_to(case)
    ranked, prior = case.posterior().ranked(), bp.observe(runner).posterior().ranked()
    assert [row["key"] for row in found["rows"]] == [f"{node}=present" for node in ranked.index]
    assert [row["p"] for row in found["rows"]] == pytest.approx(ranked.tolist())
    assert [row["before"] for row in found["rows"]] == pytest.approx(prior[ranked.index].tolist())
    assert found["rows"][0]["said"] == percent(ranked.iloc[0])
    assert tuple(flag["text"] for flag in found["alerts"]) == case.alerts() != ()
    assert found["urgency"] == bp.triage(case).urgency.replace("_", " ") == "prompt"
    best = bp.next_findings(case, n=3)
    assert tuple(item["node"] for item in found["next"]) == best.findings
    said = [(item["node"], answer) for item in found["next"] for answer in item["answers"]]
    for node, answer in said:
        changed = best.answers(node).loc[answer["state"]].to_dict()
        assert ("would lead" in answer["would"]) == changed["changes_leader"]
        assert ("urgency" in answer["would"]) == changed["changes_urgency"]
        assert answer["said"] == percent(changed["probability"])
    together = "; ".join(answer["would"] for _, answer in said)
    assert "would lead" in together
    assert "urgency: routine" in together
    assert json.loads(json.dumps(found)) == found


def test_a_condition_without_a_present_state_may_take_the_lead() -> None:
    """What an answer would do names the condition and the state of it that would lead."""
    grade = Variable("grade", ("none", "mild", "severe"), role="condition", label="Grade")
    sign = Variable("sign", role="finding", label="Sign", question="Is it there?", kind="test", cost=1)
    families = {
        "grade": Table((), np.array([0.5, 0.3, 0.2])),
        "sign": Table(("grade",), np.array([[0.9, 0.1], [0.6, 0.4], [0.05, 0.95]])),
    }
    net = bp.Network("graded", (grade, sign), families)
    (asked,) = answers_to(bp.observe(net))["next"]
    assert [item["would"] for item in asked["answers"] if item["would"]] == ["Grade severe would lead"]


def test_the_intervals_are_the_librarys(five: bp.Network) -> None:
    """Each row of the answers has the interval of `uncertainty`."""
    case = bp.observe(five, hop_test_pain=True)
    found = intervals_of(case, samples=300, seed=3, ess=None)
    frame = bp.uncertainty(case, samples=300, seed=3).to_frame().set_index("node")
    assert set(found["rows"]) == {row["key"] for row in answers_to(case)["rows"]}
    for node in five.conditions:
        ends: list[float] = [frame[name][node] for name in ("q2.5", "q97.5")]
        assert found["rows"][f"{node}=present"]["ends"] == ends
        assert found["rows"][f"{node}=present"]["said"].endswith(percent(ends[1]))
    assert found["note"] == ""


def test_numbers_nobody_vouches_for_have_no_interval(plain: bp.Network) -> None:
    """It is said why; with a sample size there is one for every row, many-valued nodes among them."""
    case = bp.observe(plain)
    found = intervals_of(case, samples=50, seed=0, ess=None)
    assert found["rows"] == {}
    assert "Say how many cases each is worth with ess=" in found["note"]
    keys = ["age=mid", "age=old", "age=young", "fall=yes"]
    assert sorted(intervals_of(case, samples=50, seed=0, ess=40)["rows"]) == keys
    assert sorted(row["key"] for row in answers_to(case)["rows"]) == keys
    assert answers_to(case)["next"] == []


def test_a_clash_is_named_and_its_flags_stay(plain: bp.Network) -> None:
    """Impossible findings have no posterior; a flag that rests on a finding is shown all the same."""
    found = answers_to(bp.observe(plain, age="young", fall=True))
    assert found["error"].startswith("These observations cannot hold together: age=young, fall=yes")
    assert (found["rows"], found["next"], found["urgency"]) == ([], [], "")
    assert [flag["text"] for flag in found["alerts"]] == ["EMERGENCY: Fall (fall yes). Look."]
    assert [item["node"] for item in found["seen"]] == ["age", "fall"]


# -- the widget --------------------------------------------------------------------------


def test_the_case_follows_what_is_ticked(five: bp.Network) -> None:
    """What is ticked, changed and taken back is in `case`, and each change is answered anew."""
    explorer = bp.explore(bp.observe(five, hop_test_pain=True))
    assert dict(explorer.case.evidence) == {"hop_test_pain": "present"}
    assert explorer.answers == {"turn": 1, **answers_to(explorer.case)}
    explorer.observed = {"hop_test_pain": False, "sit_bone_tenderness": True}
    assert dict(explorer.case.evidence) == {"hop_test_pain": "absent", "sit_bone_tenderness": "present"}
    assert explorer.observed == dict(explorer.case.evidence)
    assert explorer.answers == {"turn": 2, **answers_to(explorer.case)}
    explorer.observed = {"sit_bone_tenderness": {"present": 0.7, "absent": 0.2}}
    assert explorer.case.evidence == {"sit_bone_tenderness": {"absent": 0.2, "present": 0.7}}
    explorer.observed = {}
    assert explorer.answers == {"turn": 4, **answers_to(bp.observe(five))}
    assert repr(explorer) == "Explorer of <Case in five_findings: nothing observed>"


def test_intervals_come_when_wanted_and_only_of_today(five: bp.Network) -> None:
    """The draws wait for the browser; what it wanted of an earlier case is not drawn."""
    explorer = bp.explore(five, samples=100, seed=2)
    assert explorer.intervals == {}
    explorer.wanted = 1
    first = explorer.intervals
    assert first == {"turn": 1, **intervals_of(explorer.case, samples=100, seed=2, ess=None)}
    explorer.observed = {"hop_test_pain": "present"}
    explorer.observed = {"hop_test_pain": "absent"}
    explorer.wanted = 2
    assert explorer.intervals == first
    explorer.wanted = 3
    assert explorer.intervals == {"turn": 3, **intervals_of(explorer.case, samples=100, seed=2, ess=None)}


def test_a_case_can_be_put_in(five: bp.Network, runner: bp.Network) -> None:
    """A case of the same network replaces what was ticked; one of another is refused."""
    explorer = bp.explore(five)
    explorer.case = bp.observe(five, burning_pain_past_knee=True)
    assert explorer.observed == {"burning_pain_past_knee": "present"}
    with pytest.raises(ValueError, match="a case in another network"):
        explorer.case = bp.observe(runner)


def test_a_wrong_name_changes_nothing(five: bp.Network) -> None:
    """A misspelt finding is the library's own error, and the widget stays as it was."""
    explorer = bp.explore(bp.observe(five, hop_test_pain=True))
    with pytest.raises(bp.UnknownNode, match="hop_test_pain"):
        explorer.observed = {"hop_test_pian": "present"}
    with pytest.raises(bp.UnknownState, match="perhaps"):
        explorer.observed = {"hop_test_pain": "perhaps"}
    assert explorer.observed == dict(explorer.case.evidence) == {"hop_test_pain": "present"}
    assert explorer.answers["turn"] == 1


def test_what_explore_takes(five: bp.Network) -> None:
    """A name is no network, and an interval needs two draws."""
    with pytest.raises(TypeError, match=r"takes a network or a case.*this is str"):
        bp.explore("runner")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="samples must be at least 2; it is 1"):
        bp.explore(five, samples=1)


def test_without_the_extra_it_is_named(five: bp.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks anywidget is told what to install, and `bp.explore` itself can be had."""
    real = builtins.__import__

    def lacking(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "anywidget":
            raise ModuleNotFoundError("No module named 'anywidget'", name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ModuleNotFoundError, match=re.escape('python -m pip install ".[widgets]"')) as raised:
        bp.explore(five)
    assert raised.value.name == "anywidget"


def test_knocking_does_not_load_the_widget() -> None:
    """`bp.explore` is there before anywidget is loaded."""
    code = "import sys, buttpain as bp\nbp.explore\nprint('anywidget' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- in a browser ------------------------------------------------------------------------

PAGE = """
<!DOCTYPE html><meta charset="utf-8"><title>not yet</title>
<link rel="stylesheet" href="/explorer.css"><div id="here"></div>
<script>
const trouble = [];
addEventListener("error", event => trouble.push(String(event.message)));
addEventListener("unhandledrejection", event => trouble.push(String(event.reason)));
</script>
<script type="module">
import widget from "/explorer.js";
// The part of a notebook: it keeps what both sides share, and sends what was changed.
const post = body => body && { method: "POST", body: JSON.stringify(body) };
const asked = async body => (await fetch("/state", post(body))).json();
const shared = await asked(), heard = new Map();
let changed = {}, wire = Promise.resolve();
const tell = name => { for (const act of heard.get("change:" + name) ?? []) act(); };
const take = now => {
  const other = Object.keys(now).filter(name => JSON.stringify(now[name]) !== JSON.stringify(shared[name]));
  Object.assign(shared, now);
  other.forEach(tell);
};
const model = {
  get: name => shared[name],
  set: (name, value) => { shared[name] = changed[name] = value; tell(name); },
  save_changes: () => {
    const sent = changed;
    changed = {};
    wire = wire.then(async () => take(await asked(sent)));
  },
  on: (event, act) => heard.set(event, [...(heard.get(event) ?? []), act]),
  off: (event, act) => heard.set(event, heard.get(event).filter(one => one !== act)),
};
const here = document.getElementById("here"), seen = {};
const leave = widget.render({ model, el: here });
const $ = (selector, root = here) => root.querySelector(selector);
const all = (selector, root = here) => [...root.querySelectorAll(selector)];
const text = (selector, root = here) => all(selector, root).map(one => one.textContent);
const wait = ms => new Promise(done => setTimeout(done, ms));
const until = async (what, why) => {
  for (let i = 0; i < 200 && !what(); i++) await wait(50);
  if (!what()) throw new Error("waited in vain for " + why);
};
const fresh = () => $(".results").ariaBusy === "false" && shared.intervals.turn === shared.answers.turn;
const settled = () => until(fresh, "an answer");
const item = label => all(".item").find(one => $(".name", one).textContent === label);
const choices = label => all(".choices label", item(label));
const tick = (label, word) => choices(label).find(one => one.textContent === word).click();
const ticked = label => choices(label).filter(one => $("input", one).checked).map(one => one.textContent);
const shown = () => all(".item").filter(one => one.checkVisibility()).map(one => $(".name", one).textContent);
try {
  await settled();
  STEPS
} catch (error) { trouble.push(String(error)); }
seen.trouble = trouble;
document.title = "seen " + JSON.stringify(seen);
</script>
"""

FACES = Path(bp.__file__).parent / "faces"
SHARED = ("form", "observed", "answers", "wanted", "intervals")


@contextmanager
def served(explorer: Explorer, page: str) -> Iterator[str]:
    """Serve the page on this machine, with the explorer behind it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/state":
                self.reply("application/json", self.state())
            elif self.path.startswith("/explorer."):
                kind = "text/css" if self.path.endswith("css") else "text/javascript"
                self.reply(kind, (FACES / self.path[1:]).read_text(encoding="utf-8"))
            else:
                self.reply("text/html", page if self.path == "/" else "")

        def do_POST(self) -> None:
            for name, value in json.loads(self.rfile.read(int(self.headers["Content-Length"]))).items():
                setattr(explorer, name, value)
            self.reply("application/json", self.state())

        def state(self) -> str:
            return json.dumps({name: getattr(explorer, name) for name in SHARED})

        def reply(self, kind: str, body: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is theirs
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def looked_at(explorer: Explorer, steps: str, folder: Path) -> dict[str, Any]:
    """Show an explorer in a browser, do what is asked there, and return what was seen."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900", "--timeout=60000"]
    flags += ["--virtual-time-budget=20000", f"--user-data-dir={folder}", "--dump-dom"]
    with served(explorer, PAGE.replace("STEPS", steps)) as address:
        done = subprocess.run(
            [CHROMIUM, *flags, address], capture_output=True, text=True, check=True, timeout=120
        )
    found = re.search(r"<title>seen (.*?)</title>", done.stdout)
    assert found is not None, done.stdout[-2000:]
    words = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    seen: dict[str, Any] = json.loads(words)
    assert seen.pop("trouble") == []
    return seen


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_ticking_moves_the_answer(five: bp.Network, tmp_path: Path) -> None:
    """Ticks, the chips, the proposed question and Clear reach Python, and the page shows its answer."""
    steps = """
  const rows = () => all(".row").map(row => [".label", ".p", ".range"].map(part => $(part, row).textContent));
  seen.first = rows();
  tick("Burning pain past the knee", "present");
  await settled();
  seen.ticked = [ticked("Burning pain past the knee"), rows()];
  seen.ticked.push($(".row .fill").style.width, $(".row .mark").style.left);
  seen.reach = [$(".row .reach").style.left, $(".row .reach").hidden];
  const asked = $(".asked b").textContent;
  $(".asked .answer button").click();
  await settled();
  seen.asked = [asked, ticked(asked), text(".seen button")];
  $(".seen button").click();
  await settled();
  seen.back = [text(".seen button"), ticked("Burning pain past the knee")];
  tick("Pain on the hop test", "present");
  tick("Pain on running uphill", "absent");
  await settled();
  seen.both = [shared.observed, text(".alert"), shared.answers.turn];
  all(".tools button")[0].click();
  await settled();
  seen.cleared = [rows(), text(".seen button"), $(".tools button").disabled, text(".alert")];
"""
    explorer = bp.explore(five, samples=200)
    seen = looked_at(explorer, steps, tmp_path)

    def rows(case: bp.Case) -> list[list[str]]:
        intervals = intervals_of(case, samples=200, seed=0, ess=None)["rows"]
        return [
            [row["label"], row["said"], intervals[row["key"]]["said"]] for row in answers_to(case)["rows"]
        ]

    case = bp.observe(five, burning_pain_past_knee=True)
    leader = answers_to(case)["rows"][0]
    assert seen["first"] == seen["cleared"][0] == rows(bp.observe(five))
    assert seen["ticked"][:2] == [["present"], rows(case)]
    assert float(seen["ticked"][2][:-1]) == pytest.approx(100 * leader["p"], abs=0.01)
    assert float(seen["ticked"][3][:-1]) == pytest.approx(100 * leader["before"], abs=0.01)
    low = intervals_of(case, samples=200, seed=0, ess=None)["rows"][leader["key"]]["ends"][0]
    assert float(seen["reach"][0][:-1]) == pytest.approx(100 * low, abs=0.01)
    assert seen["reach"][1] is False
    best = answers_to(case)["next"][0]
    answer = best["answers"][0]["state"]
    chip = f"{best['label']} {answer} ×"  # noqa: RUF001 -- the sign on the button
    assert seen["asked"] == [best["label"], [answer], ["Burning pain past the knee present ×", chip]]  # noqa: RUF001
    assert seen["back"] == [[chip], ["not asked"]]
    both = {best["node"]: answer, "hop_test_pain": "present", "pain_running_uphill": "absent"}
    assert seen["both"][0] == both
    assert tuple(seen["both"][1]) == bp.observe(five, both).alerts() != ()
    assert seen["cleared"][1:] == [[], True, []]
    assert dict(explorer.case.evidence) == {}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_searching_the_large_network(runner: bp.Network, tmp_path: Path) -> None:
    """Groups begin closed, search opens and closes them again, and what was observed can be shown alone."""
    steps = """
  const open = () => all("details").filter(one => one.open).map(one => $("summary", one).textContent);
  const search = $("input[type=search]");
  const type = words => { search.value = words; search.dispatchEvent(new Event("input")); };
  seen.begun = open();
  type("HAMSTRING bent knee");
  seen.sought = [shown(), $(".tools span").textContent];
  type("zzz");
  seen.none = [shown(), $(".tools span").textContent];
  search.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  seen.escaped = [search.value, open()];
  $("input[type=checkbox]").click();
  seen.only = [shown(), all(".item.observed .said").map(one => one.textContent).filter(Boolean)];
  seen.ten = all(".row").length;
  $("button.quiet").click();
  seen.every = [all(".row").length, $("button.quiet").textContent];
  tick("Age", "40 to 59");
  await settled();
  seen.age = shared.observed.age;
  leave();
  seen.left = [...heard.values()].flat().length;
"""
    begun = bp.observe(runner, perineal_pain=True, groin_pain={"present": 0.7, "absent": 0.2})
    age = runner.states("age")[1]
    steps = steps.replace("40 to 59", age.replace("_", " ")).replace('"Age"', json.dumps(runner.label("age")))
    seen = looked_at(bp.explore(begun, samples=50), steps, tmp_path)
    assert [name.split()[0] for name in seen["begun"]] == ["Symptom"]
    words = ("hamstring", "bent", "knee")
    items = [item for group in form_of(runner)["groups"] for item in group["items"]]
    found = [
        item["label"]
        for item in items
        if all(word in f"{item['label']} {item['question']} {item['node']}".lower() for word in words)
    ]
    assert seen["sought"] == [found, f"{len(found)} shown"]
    assert seen["none"] == [[], "0 shown"]
    assert seen["escaped"] == ["", seen["begun"]]
    assert sorted(seen["only"][0]) == sorted(map(runner.label, begun.evidence))
    assert seen["only"][1] == ["likelihoods: absent 0.2, present 0.7"]
    assert seen["ten"] == 10
    assert seen["every"] == [len(runner.conditions), "Show ten"]
    assert seen["age"] == age
    assert seen["left"] == 0


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_clash_and_hostile_words_on_the_page(plain: bp.Network, tmp_path: Path) -> None:
    """A clash stands where the posteriors were; words of a file are shown as words; no interval is drawn."""
    labels = tuple(
        replace(item, label=f"<img src=x onerror=alert(1)> {item.name}") for item in plain.variables
    )
    net = replace(plain, variables=labels)
    steps = """
  seen.note = $("p.soft").textContent;
  seen.rows = all(".row").length;
  tick("<img src=x onerror=alert(1)> age", "young");
  tick("<img src=x onerror=alert(1)> fall", "yes");
  await until(() => shared.answers.error, "the clash");
  seen.clash = [text(".alert"), all(".row").length, $("p.soft").textContent, all("img").length];
"""
    seen = looked_at(bp.explore(net), steps, tmp_path)
    assert seen["note"].startswith("No credible intervals: 7 of the 9 parameters")
    assert seen["rows"] == 4
    flag, clash = seen["clash"][0]
    assert flag.startswith("EMERGENCY: Fall (<img")
    assert clash.startswith("These observations cannot hold together")
    assert seen["clash"][1:] == [0, "", 0]
