"""The page to explore: complete, closed to the world, and it does what its buttons say."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import buttpain as bp
from buttpain.display.page import MOST_NUMBERS
from buttpain.display.use import USE
from buttpain.model.network import NoisyOr, Table, Variable
from buttpain.model.priors import Provenance, Source
from strategies import documented_networks

VOID = {"meta", "input", "br", "link", "img"}
EVIDENCE = {"sit_bone_tenderness": True, "hop_test_pain": {"present": 0.8, "absent": 0.3}}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Reader(HTMLParser):
    """Reads a page: whether it is well-formed, its elements, and the text in them."""

    def __init__(self, text: str) -> None:
        """Read it all."""
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep a text with the element that it stands in."""
        if data.strip():
            self.texts.append((self.open[-1], data))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def data(self) -> dict[str, Any]:
        """What the page knows."""
        (text,) = (text for tag, text in self.texts if tag == "script" and text.startswith("{"))
        found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert isinstance(found, dict)
        return found


def page_of(thing: bp.Network | bp.Case) -> str:
    """Return the page as text."""
    text = thing.to_html()
    assert text is not None
    return text


@pytest.fixture(scope="module")
def five() -> bp.Network:
    """Return the small network."""
    return bp.load_network("five_findings")


def test_every_node_is_there_with_all_that_is_known_of_it(five: bp.Network) -> None:
    """Nodes, arrows, numbers with their intervals, sources and notes are those of the network."""
    reader = Reader(page_of(five))
    nodes = reader.data["nodes"]
    assert [node["name"] for node in nodes] == list(five.nodes)
    spans = [text for tag, text in reader.texts if tag == "span"]
    assert all(spans.count(five.label(node)) == 1 for node in five.nodes)
    made = [button["id"] for button in reader.named("button") if button.get("class")]
    assert sorted(map(str, made)) == sorted(f"node{i}" for i in range(len(nodes)))
    ends = {(nodes[a["from"]]["name"], nodes[a["to"]]["name"]) for a in reader.data["arrows"]}
    assert ends == set(five.graph.edges)
    for node in nodes:
        rows = five.parameters[five.parameters["node"] == node["name"]]
        assert [row["value"] for row in node["numbers"]] == rows["value"].tolist()
        assert [row["low"] for row in node["numbers"]] == rows["low"].tolist()
        assert [row["source"] for row in node["numbers"]] == rows["source"].tolist()
        variable = five.variable(node["name"])
        assert (node["question"], node["description"]) == (variable.question, variable.description)
    hop = nodes[five.nodes.index("hop_test_pain")]
    assert hop["facts"] == "finding, test, cost 1"
    assert [row["what"] for row in hop["numbers"]][:2] == [
        "without any of these",
        "from Sacral stress fracture",
    ]
    assert hop["numbers"][1]["said"].startswith("elicited2026, grade F. p = 0.86")
    assert reader.data["sources"]["benazzo2013"]["link"] == "https://doi.org/10.1007/s10195-013-0226-2"


def test_a_case_adds_its_answers(five: bp.Network) -> None:
    """Posteriors and priors of what matters, what was observed, and what arrows carry."""
    case = bp.observe(five, EVIDENCE)
    reader = Reader(page_of(case))
    nodes = {node["name"]: node for node in reader.data["nodes"]}
    post = case.posterior()
    for condition in five.conditions:
        assert nodes[condition]["posterior"] == pytest.approx(post[condition].tolist(), abs=1e-12)
        assert nodes[condition]["prior"] == pytest.approx(bp.observe(five).posterior()[condition].tolist())
    assert nodes["sit_bone_tenderness"]["posterior"] == [0.0, 1.0]
    assert [name for name, node in nodes.items() if not node["matters"]] == [
        "pain_running_uphill",
        "burning_pain_past_knee",
        "isometric_hamstring_pain",
        "buttock_pain",
    ]
    moves = {(a["from"], a["to"]): a["move"] for a in reader.data["arrows"]}
    carried = {(five.nodes.index(p), five.nodes.index(n)): move for (p, n), move in case.carried.items()}
    assert {ends: move for ends, move in moves.items() if move} == pytest.approx(carried)
    classes = {b["id"]: b["class"] for b in reader.named("button") if b.get("class")}
    assert classes[f"node{five.nodes.index('sit_bone_tenderness')}"] == "node observed"
    assert classes[f"node{five.nodes.index('hop_test_pain')}"] == "node likelihood"
    assert "Observed: Sit-bone tenderness present; Pain on the hop test absent 0.3, present 0.8" in [
        text for tag, text in reader.texts if tag == "p"
    ]


def test_it_is_headed_by_red_flags_and_says_what_it_is_for() -> None:
    """Flags that fire stand above all else, in words; the sentence of use is there once."""
    case = bp.observe(bp.load_network("runner"), groin_pain=True, hop_test_pain=True)
    reader = Reader(page_of(case))
    texts = [text for tag, text in reader.texts if tag in ("p", "h1")]
    assert case.alerts()
    assert texts[: len(case.alerts()) + 1] == [*(f"! {alert}" for alert in case.alerts()), case.heading[0]]
    assert [p["class"] for p in reader.named("p") if p.get("class")][: len(case.alerts())] == ["alert"] * len(
        case.alerts()
    )
    for text in (page_of(case), page_of(case.net)):
        assert text.count(USE) == 1
    assert "alert" not in [p.get("class") for p in Reader(page_of(case.net)).named("p")]


def test_what_was_observed_has_its_prior(five: bp.Network) -> None:
    """The column "before" is filled for every node that matters."""
    case = bp.observe(five, EVIDENCE)
    nodes = {node["name"]: node for node in Reader(page_of(case)).data["nodes"]}
    before = bp.observe(five).probability("sit_bone_tenderness")
    assert nodes["sit_bone_tenderness"]["prior"] == pytest.approx([1 - before, before])
    assert all(("prior" in node) == ("posterior" in node) for node in nodes.values())


def assert_closed(text: str) -> None:
    """Demand that a page asks for nothing, and has a policy that says so; links are made when asked for."""
    reader = Reader(text)
    loading = {"src", "srcset", "data", "poster", "action", "background", "formaction", "href"}
    asked = [(tag, name) for tag, attributes in reader.elements for name in attributes if name in loading]
    assert asked == []
    assert not {"link", "img", "iframe", "object", "embed", "base", "audio", "video"} & {
        t for t, _ in reader.elements
    }
    styles = "".join(text for tag, text in reader.texts if tag == "style")
    assert not re.search(r"url\(|@import|@font-face", styles)
    script = "".join(text for tag, text in reader.texts if tag == "script" and not text.startswith("{"))
    assert not re.search(
        r"https?:|fetch\(|XMLHttpRequest|WebSocket|import\(|importScripts|sendBeacon|\.src\b", script
    )
    (policy,) = (
        m["content"] for m in reader.named("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def test_it_asks_for_nothing(five: bp.Network) -> None:
    """Neither page loads anything from anywhere."""
    assert_closed(page_of(five))
    assert_closed(page_of(bp.observe(five, EVIDENCE)))


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="x.js"></script>',
        '<img src="x">',
        "<style>a{background:url(x)}</style>",
        '<script>fetch("x")</script>',
    ],
)
def test_what_asks_for_something_is_seen(loads: str, five: bp.Network) -> None:
    """The check of closedness can fail."""
    with pytest.raises(AssertionError, match="assert"):
        assert_closed(page_of(five).replace("</body>", f"{loads}</body>"))


NASTY = '</script><script>alert("1")</script> & <b>"{{data}}"</b> \u2028 it\'s'


def test_words_stay_words() -> None:
    """Whatever a file says in labels, notes and sources neither ends an element nor becomes one."""
    source = Source("k", NASTY, "cohort", url="javascript:alert(1)")
    net = bp.Network(
        NASTY,
        (Variable("a", (NASTY, "other"), role="condition", label=NASTY, question=NASTY, description=NASTY),),
        {"a": Table((), np.array([0.5, 0.5]), (Provenance("k", NASTY, ess=3.0),))},
        sources={"k": source},
    )
    text = page_of(net)
    assert_closed(text)
    reader = Reader(text)
    (node,) = reader.data["nodes"]
    assert (node["label"], node["question"], node["states"]) == (NASTY, NASTY, [NASTY, "other"])
    assert NASTY in [said for tag, said in reader.texts if tag == "span"]
    assert len(reader.named("script")) == 2
    assert not reader.named("b")
    assert reader.data["sources"]["k"]["link"] == ""


@settings(max_examples=20)
@given(documented_networks())
def test_any_network_has_a_page(net: bp.Network) -> None:
    """Whatever names, notes and numbers there are, the page is well-formed and holds them."""
    reader = Reader(page_of(net))
    assert [node["name"] for node in reader.data["nodes"]] == list(net.nodes)
    assert sum(len(node["numbers"]) + node["more"] for node in reader.data["nodes"]) == net.theta.size


def test_what_is_not_known_is_left_out(five: bp.Network) -> None:
    """Numbers without a measure of certainty have no interval, and words that are not there no place."""
    (first, *_), bare = five.variables, replace(five, sources={})
    families = {n: replace(f, provenance=()) for n, f in bare.families.items()}
    net = replace(
        bare, variables=tuple(Variable(n) for n in five.nodes), families=families, red_flags=(), studies=()
    )
    node = Reader(page_of(net)).data["nodes"][five.nodes.index(first.name)]
    assert node["facts"] == ""
    assert {(row["low"], row["high"], row["said"]) for row in node["numbers"]} == {(None, None, "")}


def test_a_large_table_is_cut_and_counted() -> None:
    """A table of many parents shows its first numbers and says how many more there are."""
    names = "abcdef"
    families: dict[str, Table | NoisyOr] = {n: Table((), np.array([0.5, 0.5])) for n in names}
    families["z"] = Table(tuple(names), np.full((2,) * 7, 0.5))
    net = bp.Network("wide", tuple(Variable(n) for n in families), families)
    node = Reader(page_of(net)).data["nodes"][-1]
    assert (len(node["numbers"]), node["more"]) == (MOST_NUMBERS, 128 - MOST_NUMBERS)
    assert node["numbers"][1]["what"] == "present if " + ", ".join(f"{n} absent" for n in names)


def test_it_is_written_where_asked(five: bp.Network, tmp_path: Path) -> None:
    """With a path the same text goes into the file, and nothing is returned."""
    path = tmp_path / "five.html"
    assert five.to_html(path) is None
    assert path.read_text(encoding="utf-8") == five.to_html()
    assert bp.observe(five, EVIDENCE).to_html(str(path)) is None
    assert path.read_text(encoding="utf-8") == bp.observe(five, EVIDENCE).to_html()


# -- in a browser --------------------------------------------------------------------------

LOOK = """
<script>
const seen = {}, trouble = [];
addEventListener("error", event => trouble.push(event.message));
addEventListener("securitypolicyviolation", event => trouble.push(event.blockedURI));
const at = name => buttons[data.nodes.findIndex(node => node.name === name)];
const names = some => data.nodes.filter((_, i) => some(buttons[i])).map(node => node.name);
const visible = () => names(button => !button.parentElement.hidden);
const lit = () => names(button => button.classList.contains("on"));
const press = (key, target = document.activeElement) =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const frames = n => new Promise(done => setTimeout(done, 20 * n));
(async () => {
  await frames(3);
  STEPS
  seen.trouble = trouble;
  seen.loaded = performance.getEntriesByType("resource").map(entry => entry.name);
  document.title = "seen " + JSON.stringify(seen);
})();
</script>
"""


def looked_at(text: str, steps: str, folder: Path, *more: str) -> dict[str, Any]:
    """Open a page in a browser, do what is asked there, and return what was seen."""
    path = folder / "page.html"
    path.write_text(text.replace("</body>", LOOK.replace("STEPS", steps) + "</body>"), encoding="utf-8")
    assert CHROMIUM is not None
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1400,900",
        "--virtual-time-budget=4000",
    ]
    done = subprocess.run(
        [CHROMIUM, *flags, *more, f"--user-data-dir={folder}", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = re.search(r"<title>seen (.*?)</title>", done.stdout)
    assert found is not None, done.stdout[-2000:]
    words = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    seen = json.loads(words)
    assert isinstance(seen, dict)
    assert (seen.pop("trouble"), seen.pop("loaded")) == ([], [])
    return seen


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_it_does_what_it_says(five: bp.Network, tmp_path: Path) -> None:
    """Clicking, searching, filtering, the keyboard and the two themes work, and nothing is loaded."""
    steps = """
  at("hop_test_pain").dispatchEvent(new PointerEvent("pointerenter"));
  draw();
  seen.pointed = lit();
  at("hop_test_pain").dispatchEvent(new PointerEvent("pointerleave"));
  seen.left_alone = lit().length;
  seen.lines = svg.querySelectorAll("path:not(.head)").length;
  at("hop_test_pain").click();
  seen.chosen = [lit(), details.querySelector("h2").textContent, at("hop_test_pain").ariaPressed];
  seen.numbers = details.querySelectorAll("table tr").length;
  seen.hash = location.hash;
  only.click();
  await frames(2);
  seen.narrowed = [visible(), svg.querySelectorAll("path:not(.head)").length];
  details.querySelector("li button").click();
  seen.followed = document.activeElement.textContent.trim();
  press("Escape");
  await frames(2);
  seen.cleared = [visible().length, lit().length, location.hash];
  only.click();
  press("/");
  seen.focused = document.activeElement.id;
  search.value = "PAIN landing";
  search.dispatchEvent(new Event("input"));
  seen.sought = [found.textContent, buttons.filter(b => b.matches(".match")).map(b => b.textContent.trim())];
  press("Enter");
  seen.entered = data.nodes[selected].name;
  press("Escape");
  at("deep_gluteal_syndrome").focus();
  press("ArrowRight");
  seen.right = data.nodes[buttons.indexOf(document.activeElement)].column;
  press("ArrowDown");
  seen.down = document.activeElement.closest("section") === buttons.at(-1).closest("section");
  press("ArrowLeft");
  seen.left = data.nodes[buttons.indexOf(document.activeElement)].column;
  const shade = () => getComputedStyle(document.body).backgroundColor;
  seen.light = shade();
  document.getElementById("theme").click();
  seen.dark = shade();
  document.getElementById("theme").click();
  seen.again = shade();
"""
    seen = looked_at(page_of(five), steps, tmp_path)
    causes = ["proximal_hamstring_tendinopathy", "lumbar_radicular_pain", "sacral_stress_fracture"]
    assert seen["pointed"] == [*causes, "hop_test_pain"]
    assert seen["left_alone"] == 0
    assert seen["lines"] == len(five.graph.edges)
    assert seen["chosen"] == [[*causes, "hop_test_pain"], "Pain on the hop test", "true"]
    assert seen["numbers"] == 1 + 2 * 4
    assert seen["hash"] == "#hop_test_pain"
    assert seen["narrowed"] == [[*causes, "hop_test_pain"], 3]
    assert seen["followed"] == "Sacral stress fracture"
    assert seen["cleared"] == [len(five.nodes), 0, ""]
    assert seen["focused"] == "search"
    assert seen["sought"] == ["1 found", ["Pain on the hop test test"]]
    assert seen["entered"] == "hop_test_pain"
    assert (seen["right"], seen["down"], seen["left"]) == (1, True, 0)
    assert seen["light"] == seen["again"] == "rgb(255, 255, 255)"
    assert seen["dark"] == "rgb(20, 23, 27)"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_case_can_be_explored(five: bp.Network, tmp_path: Path) -> None:
    """At first what matters is shown, heavy arrows carry much, a dark system gets a dark page."""
    steps = """
  seen.first = visible();
  const heavy = svg.querySelectorAll("path.more:not(.head), path.less:not(.head)");
  seen.heavy = [...heavy].map(p => [data.arrows[p.dataset.arrow].move > 0, p.classList.contains("more")]);
  mattering.click();
  await frames(2);
  seen.all = visible().length;
  at("proximal_hamstring_tendinopathy").click();
  const words = details.querySelector("table").innerText.split(/\\s+/);
  seen.states = words.filter(word => /^[0-9.]+$/.test(word));
  seen.dark = getComputedStyle(document.body).backgroundColor;
"""
    case = bp.observe(five, EVIDENCE)
    seen = looked_at(page_of(case), steps, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert seen["first"] == [*five.conditions, "sit_bone_tenderness", "hop_test_pain"]
    assert seen["all"] == len(five.nodes)
    heavy = [move for move in case.carried.values() if abs(move) >= 0.01]
    assert sorted(map(tuple, seen["heavy"])) == sorted((move > 0, move > 0) for move in heavy)
    before = bp.observe(five).probability("proximal_hamstring_tendinopathy")
    after = case.probability("proximal_hamstring_tendinopathy")
    assert seen["states"] == [f"{100 * p:.1f}" for p in (1 - before, 1 - after, before, after)]
    assert seen["dark"] == "rgb(20, 23, 27)"
