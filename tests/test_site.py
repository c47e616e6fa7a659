"""The documentation site: generated pages say what the network says, and every link leads somewhere.

The site itself is built by `docs/site/build.py`, which `.ci/run` calls; here are its parts.
"""

import ast
import doctest
import importlib
import inspect
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from posixpath import dirname, normpath

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import buttpain as bp
from api_pages import DEEPER, INNER, api_pages, led_to
from book import Book
from buttpain.model.network import NoisyOr, RedFlag, Table, Variable
from buttpain.model.priors import Provenance, Source, WithLeak
from implied import Figure, Implied, Sign, routes
from link_check import broken_links, outside_files
from markup import bullets, code, link, plain, table, toctree
from network_pages import network_pages
from phrases import MEASURES, between, ratio, stated
from reference import posterior, probability_of
from staging import ROOT_PAGES, pages_of, relinked, stage, stand_in
from strategies import documented_networks, networks

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MODULES = (
    "api_pages",
    "book",
    "implied",
    "link_check",
    "markup",
    "network_pages",
    "node_pages",
    "phrases",
    "staging",
)

LINK = re.compile(r"\]\(<(?P<target>[^>#]*)(?:#(?P<anchor>[^>]*))?>\)")
TOCTREE = re.compile(r"^```\{toctree\}\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def net() -> bp.Network:
    """Return the small network."""
    return bp.load_network("five_findings")


@pytest.fixture(scope="module")
def pages(net: bp.Network) -> dict[str, str]:
    """Return its pages."""
    return network_pages(net)


def sourced(value: float, note: str = "") -> Provenance:
    """Return the record of a number worth 20 cases."""
    return Provenance("us", note, 20.0 if 0 < value < 1 else math.inf)


def noisy_or(leak: float, **links: float) -> NoisyOr:
    """Return a leaky noisy-OR of binary parents."""
    numbers = (leak, *links.values())
    return NoisyOr(tuple(links), leak, tuple((None, p) for p in links.values()), tuple(map(sourced, numbers)))


@pytest.fixture(scope="module")
def knee() -> bp.Network:
    """Return a network with everything that a file can hold: mechanisms, tables, states, flags, odd words."""
    rate = Table((), np.array([0.8, 0.2]), (sourced(0.2, "A | b *c* <d> [e](f) `g` $h$"),))
    by_age = Table(("age",), np.array([[0.9, 0.1], [0.7, 0.3]]), (sourced(0.1), sourced(0.3, "Older.")))
    swelling = Table(
        ("sprain",), np.array([[0.8, 0.15, 0.05], [0.1, 0.5, 0.4]]), (sourced(0.1), sourced(0.2))
    )
    return bp.Network(
        "knee",
        (
            Variable("age", ("young", "old"), "risk_factor", "Age", question="How old?"),
            Variable("sprain", role="condition", label="Sprain & *strain*", icd10="S83", urgency="prompt"),
            Variable("tear", role="condition", label="Tear", urgency="same_day"),
            Variable("stretch_pain", role="mechanism", label="Pain on stretch"),
            Variable("limp", role="finding", label="Limp", question="A limp?", kind="symptom", cost=0.5),
            Variable("pivot", role="finding", label="Pivot_test|1", kind="test", cost=2),
            Variable("swelling", ("none", "some", "much"), "finding", "Swelling", kind="test"),
            Variable("extra"),
        ),
        {
            "age": replace(rate, values=np.array([0.6, 0.4])),
            "sprain": by_age,
            "tear": rate,
            "stretch_pain": noisy_or(0.05, sprain=0.7, tear=0.9),
            "limp": noisy_or(0.1, sprain=0.8, tear=0.6),
            "pivot": noisy_or(0.05, stretch_pain=0.6, tear=0.3),
            "swelling": swelling,
            "extra": noisy_or(0.3),
        },
        given={"limp": "present"},
        sources={"us": Source("us", "Our_own *judgement*.", "elicited", url="https://example.org/a_b")},
        description="A knee.",
        red_flags=(
            RedFlag("big", "Big swelling", "emergency", "Because.", "us", all=(("swelling", "much"),)),
            RedFlag("likely", "Tear likely", "same_day", "So.", "us", condition="tear", above=0.3),
        ),
    )


# -- what the pages say --------------------------------------------------------------------------


def test_every_node_has_a_page_under_its_role(knee: bp.Network) -> None:
    """There is a first page, a list for each role, a page for each node, and one of the sources."""
    assert set(network_pages(knee)) == {
        "index.md", "sources.md",
        "conditions/index.md", "conditions/sprain.md", "conditions/tear.md",
        "findings/index.md", "findings/limp.md", "findings/pivot.md", "findings/swelling.md",
        "mechanisms/index.md", "mechanisms/stretch_pain.md",
        "nodes/index.md", "nodes/extra.md",
        "risk_factors/index.md", "risk_factors/age.md",
    }  # fmt: skip


def lost(pages: Mapping[str, str], known: set[str]) -> list[str]:
    """Return the links of generated pages that lead neither to one of them nor to a known page."""
    wrong = []
    for place, text in pages.items():
        for found in LINK.finditer(text):
            target = found["target"]
            if "://" in target:
                continue
            there = normpath(f"{dirname(place)}/{target}".lstrip("/"))
            anchors = {
                line[3:].replace("\\", "").lower()
                for line in pages.get(there, "").splitlines()
                if line[:3] == "## "
            }
            if there not in {*pages, *known} or (found["anchor"] and found["anchor"] not in anchors):
                wrong.append(f"{place}: {found[0]}")
    return wrong


SITE = {
    f"../../{name}" for name in ("better_number.md", "concepts/noisy_or.md", "concepts/likelihood_ratios.md")
}
"""Pages of the site that those of a network lead to, seen from the network's folder."""


def test_links_between_pages_hold(pages: dict[str, str], knee: bp.Network) -> None:
    """Every link of a generated page leads to a page that is made, or to one in docs/."""
    assert lost(pages, SITE) == []
    assert lost(network_pages(knee), SITE) == []
    assert all((DOCS / name.removeprefix("../../")).is_file() for name in SITE)


def test_a_lost_link_is_seen(pages: dict[str, str]) -> None:
    """Without the page or the heading that it leads to, a link is reported."""
    without = {place: text for place, text in pages.items() if place != "findings/hop_test_pain.md"}
    assert any("hop_test_pain" in line for line in lost(without, SITE))
    renamed = {**pages, "sources.md": pages["sources.md"].replace("## benazzo2013", "## benazzo2014")}
    assert any("benazzo2013" in line for line in lost(renamed, SITE))


@given(net=documented_networks())
@settings(max_examples=12)
def test_any_network_has_pages_with_whole_links(net: bp.Network) -> None:
    """Whatever a network holds, its pages can be written, and their links hold."""
    made = network_pages(net)
    assert len([place for place in made if not place.endswith(("index.md", "sources.md"))]) == len(net.nodes)
    assert lost(made, SITE) == []


def test_arrows_can_be_followed_both_ways(knee: bp.Network) -> None:
    """A page links to the node's parents and to its children."""
    book, made = Book(knee), network_pages(knee)
    for node in knee.nodes:
        for parent in knee.parents(node):
            assert f"../{book.place(parent)}" in made[book.place(node)]
            assert f"../{book.place(node)}" in made[book.place(parent)]


def test_a_condition_leads_to_its_findings_through_the_mechanism(knee: bp.Network) -> None:
    """The line of a finding two arrows away names the mechanism between; one arrow away, it says directly."""
    page = network_pages(knee)["conditions/sprain.md"]
    shows = page.partition("## What it shows")[2].partition("\n## ")[0]
    (line,) = [line for line in shows.splitlines() if "pivot.md" in line]
    assert "[Pain on stretch](<../mechanisms/stretch_pain.md>)" in line
    for state in knee.states("swelling"):
        assert f"| [Swelling](<../findings/swelling.md>): {state} | directly |" in shows


def test_a_page_has_every_number_with_interval_and_source(net: bp.Network, pages: dict[str, str]) -> None:
    """The numbers of a finding stand on its page as in `net.parameters`, with the words of their authors."""
    page = pages["findings/hop_test_pain.md"]
    lines = [line for line in page.splitlines() if line.startswith("| Link from")]
    assert len(lines) == len(net.parents("hop_test_pain"))
    fracture = "[Sacral stress fracture](<../conditions/sacral_stress_fracture.md>)"
    row = net.parameters.loc["hop_test_pain <- sacral_stress_fracture"]
    low, high = f"{100 * row['low']:.1f}", f"{100 * row['high']:.1f}"
    assert (
        f"| Link from {fracture} | 85.6\u00a0% | 82.0\u00a0% | {low}–{high}\u00a0% | "
        "90\u00a0% range 62–94\u00a0% | [elicited2026](<../sources.md#elicited2026>) (F) |"
    ) in lines
    assert "No accuracy study found for the sacrum or pelvis." in page
    assert "**[elicited2026](<../sources.md#elicited2026>)**: Judgement of the buttpain authors" in page


def test_tables_and_states_are_named(knee: bp.Network) -> None:
    """A table has a line for each row; of a node with more than two states, for each state of it."""
    made = network_pages(knee)
    age = "[Age](<../risk_factors/age.md>)"
    assert f"| {age} young | 10.0\u00a0% |" in made["conditions/sprain.md"]
    assert f"| {age} old | 30.0\u00a0% |" in made["conditions/sprain.md"]
    sprain = "[Sprain \\& \\*strain\\*](<../conditions/sprain.md>)"
    assert f"| Much, if {sprain} present | 40.0\u00a0% |" in made["findings/swelling.md"]
    assert "| Old | 40.0\u00a0% |" in made["risk_factors/age.md"]
    assert f"| {sprain} | condition | in its table |" in made["risk_factors/age.md"]
    assert "| Base rate | 30.0\u00a0% |" in made["nodes/extra.md"]


def test_the_strongest_stands_first(pages: dict[str, str]) -> None:
    """Findings of a condition, and conditions of a finding, come in the order of their positive ratios."""
    shows = pages["conditions/proximal_hamstring_tendinopathy.md"].partition("## What it shows")[2]
    findings = re.findall(r"^\| \[[^\]]*\]\(<../findings/(\w+).md>\) \| directly", shows, re.MULTILINE)
    assert findings == [
        "sit_bone_tenderness", "isometric_hamstring_pain", "pain_running_uphill", "hop_test_pain",
    ]  # fmt: skip
    says = pages["findings/hop_test_pain.md"].partition("## What it says")[2]
    conditions = re.findall(r"^\| \[[^\]]*\]\(<../conditions/(\w+).md>\) \| directly", says, re.MULTILINE)
    assert conditions == [
        "sacral_stress_fracture",
        "lumbar_radicular_pain",
        "proximal_hamstring_tendinopathy",
    ]


def test_red_flags_stand_on_the_pages_of_what_they_name(knee: bp.Network) -> None:
    """A flag is told in full where something it names is, and on the first page, urgent ones first."""
    made = network_pages(knee)
    assert (
        "**Big swelling** (emergency: at once). Fires on [Swelling](<../findings/swelling.md>): much."
        in (made["findings/swelling.md"])
    )
    assert "**Tear likely** (same day)" in made["conditions/tear.md"]
    assert "Red flags that name it" not in made["conditions/sprain.md"]
    first = made["index.md"]
    assert first.index("Big swelling") < first.index("Tear likely")


def test_published_results_stand_beside_what_the_network_says(pages: dict[str, str]) -> None:
    """The count of tender sit bones among operated athletes is on the pages of finding and condition."""
    for place in ("findings/sit_bone_tenderness.md", "conditions/proximal_hamstring_tendinopathy.md"):
        (line,) = [line for line in pages[place].splitlines() if line.startswith("| Sensitivity:")]
        assert (
            "| 41.2\u00a0% | 21.6\u00a0% to 64.0\u00a0% | 67.2\u00a0% (**outside**) | 17 high-level athletes"
            in line
        )


def test_the_first_page_counts(pages: dict[str, str]) -> None:
    """Numbers are counted as their authors wrote them: a row of a binary table is one."""
    assert "5 conditions, 6 findings, and 25 numbers from 6 sources" in pages["index.md"]
    assert "| F | judgement | 24 | 96.0\u00a0% |" in pages["index.md"]


def test_sources_say_what_rests_on_them(pages: dict[str, str]) -> None:
    """A source names the nodes whose numbers it gave, or that none rests on it."""
    _, _, entry = pages["sources.md"].partition("## benazzo2013")
    assert (
        "Numbers of: [Pain on isometric hamstring contraction](<findings/isometric_hamstring_pain.md>)."
        in (entry.partition("\n## ")[0])
    )
    _, _, entry = pages["sources.md"].partition("## lesher2008")
    assert "No number rests on it" in entry


@pytest.mark.parametrize("name", ["five_findings", "knee"])
def test_every_page_says_what_it_is_for(name: str, pages: dict[str, str], knee: bp.Network) -> None:
    """Whoever lands on a node reads that it is no diagnosis, and where to propose a better number."""
    made = pages if name == "five_findings" else network_pages(knee)
    for place, text in made.items():
        if not place.endswith(("index.md", "sources.md")):
            assert "it is not a diagnosis" in text
            assert "better_number.md" in text
            assert f"`networks/{name}.toml`" in text


# -- what the numbers come to --------------------------------------------------------------------


def wanted_sign(net: bp.Network, condition: str, finding: str, state: str) -> tuple[float, ...] | None:
    """Return what a finding says about a condition, by enumeration; None where a probability is 0 or 1."""
    i, s = (
        net.states(condition).index(net.variable(condition).positive or ""),
        net.states(finding).index(state),
    )
    found, has = float(posterior(net, {}, finding)[s]), float(posterior(net, {}, condition)[i])
    if not (1e-12 < found < 1 - 1e-12 and 1e-12 < has < 1 - 1e-12):
        return None
    other = {name: 0.0 if k == i else 1.0 for k, name in enumerate(net.states(condition))}
    with_it = float(posterior(net, {condition: net.states(condition)[i]}, finding)[s])
    without = float(posterior(net, {condition: other}, finding)[s])
    unseen = {name: 0.0 if k == s else 1.0 for k, name in enumerate(net.states(finding))}
    after = float(posterior(net, {finding: state}, condition)[i])
    after_not = float(posterior(net, {finding: unseen}, condition)[i])
    return with_it, without, after, after_not


@given(net=networks(roles=True, max_nodes=5))
@settings(max_examples=60)
def test_signs_are_those_of_enumeration(net: bp.Network) -> None:
    """Probabilities with and without, and their ratios, agree with going through all states."""
    implied = Implied(net)
    if probability_of(net, {}) == 0 and implied.conditions:
        with pytest.raises(bp.ImpossibleEvidence, match="cannot hold together"):
            _ = implied.prior
        return
    for condition in implied.conditions:
        for finding in net.findings:
            for state in implied.events(finding):
                wanted, sign = (
                    wanted_sign(net, condition, finding, state),
                    implied.sign(condition, finding, state),
                )
                if wanted is None or sign is None:
                    continue
                values = [sign.present.value, sign.absent.value, sign.after.value, sign.after_not.value]
                assert values == pytest.approx(wanted, abs=1e-9)
                if wanted[1] > 1e-6:
                    assert sign.ratio.value == pytest.approx(wanted[0] / wanted[1], rel=1e-6)
                if wanted[1] < 1 - 1e-6:
                    assert sign.ratio_not.value == pytest.approx(
                        (1 - wanted[0]) / (1 - wanted[1]), rel=1e-5, abs=1e-9
                    )


def test_an_interval_is_that_of_the_draws_themselves(net: bp.Network) -> None:
    """P(finding | condition) turned round by Bayes has the interval that asking for it directly gives."""
    condition, finding = "sacral_stress_fracture", "hop_test_pain"
    sign = Implied(net).sign(condition, finding, "present")
    assert sign is not None
    for seen, figure in ((True, sign.present), (False, sign.absent)):
        asked = bp.uncertainty(bp.observe(net, {condition: seen}), targets=[finding], samples=1000, seed=0)
        ends = np.quantile(asked.draws[finding], (0.025, 0.975))
        assert [figure.low, figure.high] == pytest.approx(ends, abs=1e-9)


def test_a_network_that_does_not_say_how_sure_it_is_has_no_intervals(net: bp.Network) -> None:
    """Figures come without an interval, and pages are written all the same."""
    bare = bp.from_pgmpy(bp.to_pgmpy(net))
    roles = replace(bare, variables=tuple(replace(item, role="finding") for item in bare.variables))
    named = replace(roles, variables=(replace(roles.variables[0], role="condition"), *roles.variables[1:]))
    implied = Implied(named)
    (prior,) = implied.prior.values()
    assert prior.value == pytest.approx(0.155)
    assert math.isnan(prior.low)
    assert "unknown" not in network_pages(named)["index.md"]


def test_ways_along_the_arrows(knee: bp.Network) -> None:
    """Each way from a cause to an effect is found once, the shortest first."""
    assert list(routes(knee, "tear", "pivot")) == [(), ("stretch_pain",)]
    assert list(routes(knee, "sprain", "pivot")) == [("stretch_pain",)]
    assert list(routes(knee, "limp", "pivot")) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("runner", {"README.md": "{all} numbers", "CHANGELOG.md": "{all} numbers with sources"}),
        ("runner", {"docs/model_card.md": "**{judged} of the {all} numbers are judgements**"}),
        (
            "runner",
            {"docs/model_card.md": "| red flags | {rules} rules fire", "CHANGELOG.md": "{rules} red flags"},
        ),
        ("runner", {"docs/index.md": "{findings} findings", "docs/widget.md": "{findings} findings"}),
        ("five_findings", {"docs/five_findings.md": "{judged} of the {all} numbers are elicited"}),
        ("five_findings", {"docs/cli.md": "of these {lines} the file states {all}"}),
        ("five_findings", {"docs/sensitivity.md": "The {lines} are the {all} numbers that the file states"}),
        ("five_findings", {"notebooks/quick_start.ipynb": "Of the {lines} parameters the file states {all}"}),
        ("runner", {"notebooks/sensitivity_and_uncertainty.ipynb": "23 causes and {all} numbers"}),
    ],
)
def test_pages_count_a_number_once(name: str, said: Mapping[str, str]) -> None:
    """Where pages count numbers, red flags or findings of a network, it is as its file states."""
    counted = bp.load_network(name)
    authored = [i for node in counted.nodes for i in Book(counted).authored(node)]
    judged = int((counted.parameters["grade"].iloc[authored] == "F").sum())
    facts = {"all": len(authored), "judged": judged, "lines": len(counted.parameters)}
    facts |= {"rules": len(counted.red_flags), "findings": len(counted.findings)}
    for page, words in said.items():
        assert words.format(**facts) in (ROOT / page).read_text(encoding="utf-8")


# -- words ---------------------------------------------------------------------------------------


@given(text=st.text(alphabet=st.characters(codec="ascii"), max_size=30))
def test_words_stay_words(text: str) -> None:
    """What a label or a note holds reads as it is: all markup escaped, blanks alike."""
    escaped = plain(text)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped) == " ".join(text.split())
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>|$]", re.sub(r"\\.", "", escaped))


def test_a_table_keeps_its_columns() -> None:
    """A bar in a cell is no border, a column without a word is left out, a number keeps its percent sign."""
    made = table(("name", ">value", "none"), [(code("a | b"), "5 %", ""), (plain("c|d"), "6 %", "")])
    assert made == "| name | value |\n| --- | --: |\n| `a \\| b` | 5\u00a0% |\n| c\\|d | 6\u00a0% |"
    assert table(("name",), []) == ""


def test_lists_and_links() -> None:
    """A list has a line for each item, a link may lead to a place with blanks, a list of pages is hidden."""
    assert bullets(["a", "b"]) == "- a\n- b"
    assert link("x", "a b.md") == "[x](<a b.md>)"
    assert toctree(["a", "B <b>"]) == "```{toctree}\n:hidden:\n\na\nB <b>\n```"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Provenance("us", counts=(9.0, 8.0)), "8 of 17"),
        (Provenance("us", range=(0.05, 0.3)), "90 % range 5–30 %"),
        (Provenance("us", ess=9.0), "worth 9 cases"),
        (Provenance("us", ess=math.inf), "by definition"),
        (Provenance("us"), ""),
        (
            Provenance("us", with_leak=WithLeak(0.67, 0.18, range=(0.4, 0.85))),
            "90 % range 40–85 %, leak included",
        ),
        (Provenance("us", with_leak=WithLeak(0.67, 0.18, counts=(10.0, 20.0))), "20 of 30, leak included"),
    ],
    ids=["counts", "range", "cases", "definition", "unknown", "range with leak", "counts with leak"],
)
def test_a_number_is_told_as_its_author_stated_it(record: Provenance, said: str) -> None:
    """Counts, a range, a worth in cases, or nothing."""
    assert stated(record, 1) == said


def test_figures_in_words() -> None:
    """Intervals and ratios are short, and what is not known is not printed."""
    assert between(Figure(0.5)) == ""
    assert between(Figure(0.0, 0.0, 0.0)) == ""
    assert between(Figure(0.02, 0.0012, 0.0512)) == "0.12–5.1 %"
    assert [ratio(Figure(x)) for x in (math.inf, 1234.5, 9.96, 3.0, 0.996, 0.25)] == [
        "∞", "1,234", "10", "3.0", "1.0", "0.25",
    ]  # fmt: skip


def test_every_sign_has_its_parts() -> None:
    """The fields of a sign are figures, as its page takes them for."""
    assert set(Sign.__annotations__.values()) == {Figure}
    assert set(MEASURES) <= set(importlib.import_module("buttpain.model.network").MEASURES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    """The examples of the site's own modules run."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0


# -- the Python interface ------------------------------------------------------------------------


def test_every_public_name_has_a_page() -> None:
    """Each name of `bp.__all__` has a page, and the list of names leads to it."""
    made = api_pages()
    names = {name for name in bp.__all__ if not name.startswith("_")}
    assert {place.removesuffix(".md") for place in made} == {*names, "index", "types"}
    assert all(f"[`{name}`](<{name}.md>)" in made["index.md"] for name in names)
    assert ".. autofunction:: buttpain.observe" in made["observe.md"]
    assert ".. autoclass:: buttpain.Case" in made["Case.md"]


def test_the_example_of_the_interface_runs() -> None:
    """What the first page of the interface shows is what it gives."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", api_pages()["index.md"], re.MULTILINE | re.DOTALL)
    test = doctest.DocTestParser().get_doctest(example, {}, "api/index", None, 0)
    assert doctest.DocTestRunner().run(test) == (0, 4)


def test_types_that_results_lead_to_are_found() -> None:
    """What a public function or method gives back is told somewhere, public name or not."""
    found = {kind.__name__ for kind in led_to(bp)}
    assert {"NoisyOr", "RedFlag", "SensitivityFunction", "Table", "TwoWay", "Variable"} <= found
    assert {"Provenance", "WithLeak"} <= found  # two and three steps away: in a network's families
    assert found.isdisjoint({*bp.__all__, "Diagram", "Grid"})  # the last two through inner members only


def test_inner_members_are_there_and_no_part_of_the_contract() -> None:
    """What the pages leave out exists, and no caller was promised it."""
    text = (ROOT / "tests" / "test_public_api.py").read_text(encoding="utf-8")
    contract = next(
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "CLASSES"
    )
    for name, members in INNER.items():
        assert [
            member for member in members if inspect.getattr_static(getattr(bp, name), member, None) is None
        ] == []
        assert set(members).isdisjoint(contract[name])


def test_names_from_inside_are_there_and_the_pages_use_no_others() -> None:
    """What the pages import from modules inside is on the list of the interface, and all of it exists."""
    listed = {(module, name) for module, (names, _) in DEEPER.items() for name in names}
    assert [pair for pair in listed if not hasattr(importlib.import_module(pair[0]), pair[1])] == []
    imports = re.compile(r"from (buttpain\.[\w.]+) import ([\w, ]+)$", re.MULTILINE)
    texts = [path.read_text(encoding="utf-8") for path in (*DOCS.rglob("*.md"), ROOT / "README.md")]
    texts += [
        cell["source"]
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
    ]
    used = {
        (found[1], name)
        for text in texts
        for found in imports.finditer(text)
        for name in found[2].split(", ")
    }
    assert used - listed == set()
    assert listed - used <= {("buttpain.faces.server", "serve")}
    assert all(f"`{name}`" in api_pages()["index.md"] for _, name in listed)


# -- the pages put together ----------------------------------------------------------------------


def entries(text: str) -> Iterator[str]:
    """Yield the pages that the lists of a page name."""
    for found in TOCTREE.finditer(text):
        for line in found["body"].splitlines():
            if line.strip() and not line.startswith(":"):
                yield line.partition("<")[2].rstrip(">") or line


def listed() -> dict[str, list[str]]:
    """Return for each entry of the navigation the pages that list it."""
    found: dict[str, list[str]] = {}
    for page in sorted(DOCS.rglob("*.md")):
        place = page.relative_to(DOCS).as_posix()
        for entry in entries(page.read_text(encoding="utf-8")):
            found.setdefault(normpath(f"{dirname(place)}/{entry}".lstrip("/")), []).append(place)
    return found


def test_every_page_is_in_the_navigation_once() -> None:
    """No page of docs/ is missing from the lists, and none stands in two."""
    found = listed()
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")} - {"index"}
    pages |= {place.removesuffix(".md") for place in ROOT_PAGES.values()} - {"index"}
    pages |= {f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    by_pattern = {
        page for page in pages for entry in found if entry.endswith("*") and Path(page).match(entry)
    }
    assert pages - found.keys() - by_pattern == set()
    assert [entry for entry, places in found.items() if len(places) > 1] == []
    made = {"api/index", "networks/*/index"}
    assert {entry for entry in found if not entry.endswith("*")} - pages - made == set()


def test_every_extra_is_told() -> None:
    """The page on installing names each extra that there is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = (DOCS / "install.md").read_text(encoding="utf-8")
    assert [name for name in project["project"]["optional-dependencies"] if f"`{name}`" not in page] == []


def test_links_are_led_to_their_places_on_the_site() -> None:
    """Pages of the root and files of the repository move, and the links to them with them."""
    text = (
        "[a](../CONTRIBUTING.md#the-house) [b](cli.md) [c](../LICENSE) [d](https://x.org/a) [e](../README.md)"
    )
    moved, led_to_files = relinked(text, "docs/install.md", ROOT)
    assert (
        moved
        == "[a](contributing.md#the-house) [b](cli.md) [c](files/LICENSE) [d](https://x.org/a) [e](index.md)"
    )
    assert led_to_files == {"CONTRIBUTING.md", "docs/cli.md", "LICENSE", "README.md"}
    assert relinked("[x](../cli.md)", "docs/concepts/index.md", ROOT)[0] == "[x](../cli.md)"
    assert relinked("[x](docs/cli.md)", "CONTRIBUTING.md", ROOT)[0] == "[x](cli.md)"
    assert relinked("a[0](i)", "docs/cli.md", ROOT) == ("a[0](i)", set())


def test_the_pages_are_put_together(tmp_path: Path) -> None:
    """Pages, notebooks, generated pages and linked files stand in one folder; what is gone is removed."""
    (tmp_path / "old.md").write_text("# Old\n")
    stage(ROOT, tmp_path, {"api/index.md": "# Names\n"})
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {
        "index.md",
        "cli.md",
        "contributing.md",
        "changelog.md",
        "concepts/noisy_or.md",
        "api/index.md",
    } <= there
    assert {"notebooks/quick_start.ipynb", "files/LICENSE"} <= there
    assert "old.md" not in there
    assert {stand_in(page) for page in pages_of(ROOT)} <= there
    kept = (tmp_path / "cli.md").stat().st_mtime_ns
    stage(ROOT, tmp_path, {"api/index.md": "# Names\n"})
    assert (tmp_path / "cli.md").stat().st_mtime_ns == kept


def test_the_end_of_a_doctest_is_trimmed(tmp_path: Path) -> None:
    """The empty line that doctest wants at the end of a block is not shown, and no other line is touched."""
    (tmp_path / "docs").mkdir()
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("# A\n")
    page = "# B\n\n```python\n>>> 1\n1\n\n>>> 2\n2\n\n```\n\n```text\na\n\n```\n"
    (tmp_path / "docs" / "b.md").write_text(page)
    stage(tmp_path, tmp_path / "out", {})
    assert (tmp_path / "out" / "b.md").read_text() == page.replace("2\n2\n\n```", "2\n2\n```")


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """Missing pages, missing places in a page and files from elsewhere are reported; good links are not."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text('<p id="here"></p><img src="../gone.png">')
    (tmp_path / "a.html").write_text(
        '<a href="sub/b.html#here">1</a><a href="sub/b.html#there">2</a><a href="c.html">3</a>'
        '<a href="#own">4</a><i id="own"></i><a href="https://a.org/x">5</a><a href="mailto:a@b.c">6</a>'
        '<script src="https://cdn.example.org/x.js"></script><link href="//fonts.example.org/f.css">'
    )
    assert broken_links(tmp_path) == ["a.html: c.html", "a.html: sub/b.html#there", "sub/b.html: ../gone.png"]
    assert outside_files(tmp_path) == [
        "a.html: //fonts.example.org/f.css", "a.html: https://cdn.example.org/x.js",
    ]  # fmt: skip


def test_the_build_is_strict_and_part_of_the_checks() -> None:
    """Warnings fail the build, notebooks that fail do too, and `.ci/run` runs the command of CONTRIBUTING."""
    build = (DOCS / "site" / "build.py").read_text(encoding="utf-8")
    assert '"-W"' in build
    assert "nb_execution_raise_on_error = True" in (DOCS / "site" / "conf.py").read_text(encoding="utf-8")
    command = "python docs/site/build.py"
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
