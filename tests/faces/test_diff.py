"""`diff`: what changed between two networks, and what it does to cases."""

import json
from pathlib import Path

import pandas as pd
import pytest

import buttpain as bp
from buttpain.faces.cli import main
from buttpain.faces.diff import changes, effects

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "networks/five_findings.toml").read_text(encoding="utf-8")
OLD = bp.load_network("five_findings")

EDITS = {
    "a number": (
        "value = 0.155, range = [0.10, 0.22]",
        "value = 0.12, range = [0.08, 0.2]",
        ("number", "proximal_hamstring_tendinopathy=present"),
    ),
    "a question": (
        "Press on the sit bone",
        "Press hard on the sit bone",
        ("node", "sit_bone_tenderness, question"),
    ),
    "a red flag": ("above     = 0.05", "above     = 0.03", ("red flag", "sacral_bone_stress")),
    "a source": ("Tsatsaragkou et al.", "Tsatsaragkou and others.", ("source", "tsatsaragkou2022")),
    "the selection": ('given       = { buttock_pain = "present" }', "given = {}", ("network", "given")),
}


def edited(tmp_path: Path, *names: str) -> bp.Network:
    """Return the network with some edits, which is also in a file."""
    text = TEXT
    for name in names:
        old, new, _ = EDITS[name]
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "new.toml").write_text(text, encoding="utf-8")
    return bp.load_network(str(tmp_path / "new.toml"))


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found_and_nothing_else(tmp_path: Path, name: str) -> None:
    """Each kind of edit is one change, under its own name, with old and new."""
    (found,) = changes(OLD, edited(tmp_path, name))
    assert (found.what, found.name) == EDITS[name][2]
    assert found.old != found.new


def test_the_same_network_has_no_change() -> None:
    """A network differs in nothing from itself."""
    assert list(changes(OLD, OLD)) == []


def test_nodes_and_parents() -> None:
    """Nodes and arrows that came and went are told, each once and the other way round as well."""
    new = bp.load_network("runner")
    there = {(item.what, item.name): item for item in changes(OLD, new)}
    back = {(item.what, item.name): item for item in changes(new, OLD)}
    assert there.keys() == back.keys()
    assert there["node", "fever"].old == ""
    assert back["node", "fever"].new == ""
    gained = set(there["parents", "hop_test_pain"].new.split(", "))
    assert gained == set(new.parents("hop_test_pain")) - set(OLD.parents("hop_test_pain"))


def test_effects_are_differences_of_answers(tmp_path: Path) -> None:
    """Moves, leaders and urgencies are those of the cases one by one."""
    new = edited(tmp_path, "a number", "a red flag")
    cases = bp.posteriors  # the function under test may not be its own witness
    frame = pd.DataFrame(
        {"hop_test_pain": ["present", "absent", None], "burning_pain_past_knee": ["present", None, "absent"]},
        index=[1, 2, 3],
    )
    assert callable(cases)
    found = effects(OLD, new, frame, "three cases")
    pairs = [[bp.observe(net, dict(row.dropna())) for net in (OLD, new)] for _, row in frame.iterrows()]
    node = found.moves[0]["node"]
    moved = [after.probability(node) - before.probability(node) for before, after in pairs]
    assert found.moves[0]["largest"] == pytest.approx(max(moved, key=abs))
    assert found.moves[0]["mean"] == pytest.approx(sum(map(abs, moved)) / 3)
    leaders = [tuple(case.posterior().ranked().index[0] for case in pair) for pair in pairs]
    assert found.new_leaders == sum(before != after for before, after in leaders)
    urgent = [tuple(bp.triage(case).urgency for case in pair) for pair in pairs]
    assert sum(found.new_urgencies.values()) == sum(before != after for before, after in urgent)


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit codes say whether anything changed; the seed fixes the cases; a table of cases serves as well."""
    edited(tmp_path, "a number")
    monkeypatch.chdir(tmp_path)
    assert main(["diff", "five_findings", "five_findings", "--samples", "5"]) == 0
    assert "no change" in capsys.readouterr().out
    words = ["diff", "five_findings", "new.toml", "--samples", "20"]
    assert main(words) == 1
    first = capsys.readouterr().out
    assert max(map(len, first.splitlines())) <= 80
    assert main([*words, "--seed", "0"]) == 1
    assert capsys.readouterr().out == first
    Path("cases.csv").write_text("id,hop_test_pain\na,yes\nb,maybe\n", encoding="utf-8")
    assert main(["diff", "five_findings", "new.toml", "--cases", "cases.csv", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["effects"]["cases"] == 1
    assert "1 row left out" in answer["effects"]["from"]
    assert [item["what"] for item in answer["changes"]] == ["number"]
