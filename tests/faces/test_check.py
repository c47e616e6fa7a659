"""`check`: complaints with their lines, several at once, and what else looks wrong."""

import json
import re
from pathlib import Path

import pytest

import buttpain as bp
from buttpain.faces.check import check
from buttpain.faces.cli import main

NETWORKS = Path(__file__).resolve().parent.parent.parent / "networks"
TEXT = (NETWORKS / "five_findings.toml").read_text(encoding="utf-8")


def changed(tmp_path: Path, *changes: tuple[str, str], more: str = "") -> str:
    """Write the network of the five findings with some words replaced, and return the path."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "net.toml"
    path.write_text(text + more, encoding="utf-8")
    return str(path)


def line(path: str, words: str) -> int:
    """Return the line in which words stand first."""
    rows = Path(path).read_text(encoding="utf-8").split("\n")
    return next(i for i, row in enumerate(rows, 1) if words in row)


MISTAKES = {
    "a wrong word": ('urgency     = "routine"', 'urgency     = "soon"', "'soon' is not allowed", '"soon"'),
    "a range the wrong way": ("[0.10, 0.22]", "[0.22, 0.10]", "is no interval", "[0.22, 0.10]"),
    "an unknown source": ('source = "benazzo2013"', 'source = "bena"', "no key of [sources]", '"bena"'),
    "an unknown key": ("icd10 ", "icd11 ", "unknown key. Did you mean 'icd10'", "icd11"),
    "an unknown section": ("[sources.saleem]", "[source.saleem]", "unknown key", "[source.saleem]"),
    "a missing label": (
        'label       = "Proximal hamstring tendinopathy"\n',
        "",
        "label: expected text, found nothing",
        "[conditions.proximal_hamstring_tendinopathy]",
    ),
}


@pytest.mark.parametrize(("old", "new", "words", "where"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, words: str, where: str) -> None:
    """Each complaint stands at the line at which it is to be mended."""
    path = changed(tmp_path, (old, new))
    found = [item for item in check(path) if words in f"{item.key}: {item.message}"]
    assert [item.line for item in found] == [line(path, where)]


def test_several_mistakes_at_once(tmp_path: Path) -> None:
    """All of them are told, in the order of the file, and none that follows from another."""
    cases = [item for name, item in MISTAKES.items() if name not in ("a missing label", "an unknown section")]
    path = changed(tmp_path, *((old, new) for old, new, _, _ in cases))
    found = check(path)
    assert {item.line for item in found} == {line(path, where) for _, _, _, where in cases}
    assert [item.kind for item in found] == ["error"] * 4
    assert [item.line for item in found] == sorted(item.line for item in found)


def test_a_mistake_in_the_third_study_after_one_in_the_first(tmp_path: Path) -> None:
    """Lists are counted as they stand in the file, also after an item was left out."""
    text = TEXT.split("[[studies]]")
    for i in (1, 3):
        text[i] = re.sub(r'measure *= *"\w+"', 'measure = "guess"', text[i])
    path = tmp_path / "net.toml"
    path.write_text("[[studies]]".join(text), encoding="utf-8")
    assert [item.table for item in check(str(path))] == ["studies[0]", "studies[2]"]
    rows = path.read_text(encoding="utf-8").split("\n")
    assert all('"guess"' in rows[item.line - 1] for item in check(str(path)))


def test_broken_toml_has_its_line(tmp_path: Path) -> None:
    """What is no TOML is told with the line that the reader names."""
    path = changed(tmp_path, ("[sources.saleem]", "[sources.saleem"))
    (item,) = check(path)
    assert item.line == line(path, "[sources.saleem")
    assert "not valid TOML" in item.message


def test_warnings(tmp_path: Path) -> None:
    """Unused sources, lonely nodes and studies outside their interval are told; the file is still good."""
    lonely = '\n[sources.spare]\ncite = "x"\nkind = "cohort"\n[findings.alone]\nlabel = "Alone"\n'
    lonely += 'table = { value = 0.5, ess = 3, source = "elicited2026", note = "n" }\n'
    path = changed(tmp_path, more=lonely)
    found = check(path)
    told = {item.table: item for item in found}
    assert told["sources.spare"].message == "no number names this source"
    assert told["sources.spare"].line == line(path, "[sources.spare]")
    assert told["findings.alone"].message == "this node has neither causes nor effects"
    outside = bp.load_network(path).studies
    compared = [item for item in found if item.table.startswith("studies")]
    assert 0 < len(compared) <= len(outside)
    assert {item.kind for item in found} == {"warning"}
    assert all("name" in TEXT.split("\n")[item.line] for item in compared)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit codes tell good from bad, in text and in JSON; text fits 80 columns."""
    good, bad = str(NETWORKS / "five_findings.toml"), changed(tmp_path, ("[0.10, 0.22]", "[0.22, 0.10]"))
    assert main(["check", good]) == 0
    out = capsys.readouterr().out
    assert "is a network of 11 nodes and 30 numbers" in " ".join(out.split())
    assert main(["check", bad]) == 1
    out = capsys.readouterr().out
    assert out.endswith("1 error\n")
    assert f"{bad}:{line(bad, '[0.22, 0.10]')}: error: " in out.replace("\n  ", " ")
    assert main(["check", bad, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["valid"], len(answer["findings"])) == (False, 1)
    assert main(["check", str(tmp_path / "none.toml")]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none.bif", "none", "folder.toml", "folder"])
def test_what_is_no_file_is_a_wrong_argument(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A missing file and a folder end in 2, whatever their suffix, as they do for other commands."""
    for folder in ("folder.toml", "folder"):
        (tmp_path / folder).mkdir()
    assert main(["check", str(tmp_path / name)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert ("is a folder" if name.startswith("folder") else "No such file") in told.err


def test_the_verdict_fits_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A long path does not make the last line longer than a terminal."""
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    assert main(["check", changed(folder)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


UNREADABLE = {
    "UTF-16": (TEXT.encode("utf-16"), "the file is UTF-16; save it as UTF-8", 0),
    "Latin-1": (b"# one\n# \xfc\n", "not UTF-8 text", 2),
    "a number of 5000 digits": (b"x = " + b"1" * 5000, "a whole number has more than 4,300 digits", 0),
    "3000 brackets": (b"x = " + b"[" * 3000 + b"]" * 3000, "more than 20 deep", 0),
    "300 brackets": (b"x = " + b"[" * 300 + b"]" * 300, "more than 20 deep", 0),
    "3000 dots": (b"x" + b".x" * 3000 + b" = 1", "more than 20 deep", 0),
    "a list that breaks off": (b"# one\n# two\nx = [1,", "not valid TOML", 3),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_document(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """What cannot be read at all is one complaint, of `check` and of a question alike."""
    data, words, line = UNREADABLE[kind]
    path = tmp_path / "net.toml"
    path.write_bytes(data)
    (item,) = check(str(path))
    assert words in item.message
    assert item.line == line
    assert main(["query", "--network", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_a_byte_order_mark_moves_no_line(tmp_path: Path) -> None:
    """A file with the mark gets the very findings of one without."""
    plain, marked = tmp_path / "plain.toml", tmp_path / "marked.toml"
    plain.write_text(TEXT, encoding="utf-8")
    marked.write_text(TEXT, encoding="utf-8-sig")
    assert check(str(marked)) == check(str(plain))


def test_a_file_of_another_program(tmp_path: Path) -> None:
    """Other formats are read, and what the reader says is passed on."""
    bp.save_network(bp.load_network("five_findings"), tmp_path / "net.uai")
    assert check(str(tmp_path / "net.uai")) == []
    (tmp_path / "net.uai").write_text("BAYES\n1\n", encoding="utf-8")
    assert [item.kind for item in check(str(tmp_path / "net.uai"))] == ["error"]
