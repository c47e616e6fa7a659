"""Networks are found by name or path, and whatever goes wrong is said with the path."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from buttpain.errors import NetworkFileError
from buttpain.model import files
from buttpain.model.files import available_networks, load_network, save_network
from buttpain.model.network import Network
from checks import described

TEXT = """
[network]
name = "A network"

[sources.panel]
cite = "Judgement of a panel"
kind = "elicited"

[conditions.strain]
label = "Muscle strain, m\N{LATIN SMALL LETTER U WITH DIAERESIS}de"
table = { value = 0.3, range = [0.2, 0.4], source = "panel", note = "A guess" }
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put two networks of our own in the place of the shipped ones."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("runner", "five_findings"):
        (folder / f"{name}.toml").write_text(TEXT.replace("A network", name), encoding="utf-8")
    (folder / "notes.txt").write_text("no network", encoding="utf-8")
    monkeypatch.setattr(files, "_shipped", lambda: folder)
    return folder


@pytest.fixture
def net(tmp_path: Path) -> Network:
    """Return the network of the text above."""
    path = tmp_path / "net.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load_network(path)


def test_available_networks_are_listed_by_name(shelf: Path) -> None:
    """Files of other kinds are no networks."""
    assert shelf.is_dir()
    assert available_networks() == ["five_findings", "runner"]


def test_a_shipped_network_is_loaded_by_name(shelf: Path) -> None:
    """The name is that of the file without its suffix."""
    assert shelf.is_dir()
    assert load_network("runner").name == "runner"


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("name", ["mine.toml", "MINE.TOML", "two words.toml"])
def test_a_file_is_loaded_by_path(tmp_path: Path, kind: type[str] | type[Path], name: str) -> None:
    """A path may be text or a Path, with the suffix in any case."""
    path = tmp_path / name
    path.write_text(TEXT, encoding="utf-8")
    assert load_network(kind(path)).label("strain").endswith("m\N{LATIN SMALL LETTER U WITH DIAERESIS}de")


def test_a_relative_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: Path) -> None:
    """A name with a suffix means a file here, even where a shipped network is called alike."""
    assert shelf.is_dir()
    (tmp_path / "runner.toml").write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_network("runner.toml").name == "A network"
    assert load_network("runner").name == "runner"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Some editors put one before UTF-8; the network is the same."""
    path = tmp_path / "net.toml"
    path.write_text(TEXT, encoding="utf-8-sig")
    assert load_network(path).label("strain").startswith("Muscle strain")


@pytest.mark.parametrize("mark", [BOM_UTF16_LE, BOM_UTF16_BE])
def test_utf_16_is_told_by_its_name(tmp_path: Path, mark: bytes) -> None:
    """What some programs save as Unicode text says how to save it."""
    path = tmp_path / "wide.toml"
    path.write_bytes(mark + TEXT.encode("utf-16-le" if mark == BOM_UTF16_LE else "utf-16-be"))
    with pytest.raises(NetworkFileError, match=r"wide\.toml: the file is UTF-16; save it as UTF-8$"):
        load_network(path)


def test_latin_1_is_told_with_its_line(tmp_path: Path) -> None:
    """The complaint says where the first letter stands that is no UTF-8."""
    path = tmp_path / "old.toml"
    path.write_bytes(TEXT.encode("latin-1"))
    line = 1 + TEXT[: TEXT.index("strain, m")].count("\n")
    with pytest.raises(NetworkFileError, match=rf"not UTF-8 text: .*at line {line}; save it as UTF-8$"):
        load_network(path)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_lines_may_end_otherwise(tmp_path: Path, end: str) -> None:
    """A file from another system is the same network."""
    path = tmp_path / "net.toml"
    path.write_bytes(TEXT.replace("\n", end).encode("utf-8"))
    assert load_network(path).name == "A network"


MISTAKES = {
    "a misspelt name": (
        "five_finding",
        (
            r"five_finding: no network of this name comes with the library\. Did you mean 'five_findings'\? "
            r"A path must end in \.toml, \.bif, \.bif\.gz, \.xmlbif, \.xdsl, \.net, \.uai"
        ),
    ),
    "a name like no other": ("xyz", r"xyz: no network of this name.*Choose from: five_findings, runner\."),
    "a name with a strange suffix": ("runner.json", r"runner\.json: no network of this name comes with"),
    "an empty name": ("", "no network of this name comes with the library"),
    "a file that is not there": ("nowhere/net.toml", r"nowhere/net\.toml: there is no such file"),
    "a foreign file that is not there": ("nowhere/net.bif.gz", r"net\.bif\.gz: there is no such file"),
    "a path of an unknown format": (
        "nowhere/net.json",
        r"nowhere/net\.json: unknown format; a network file ends in \.toml, \.bif,",
    ),
    "a path without a suffix": ("nowhere/net", "nowhere/net: unknown format"),
    "a zipped file of no kind we know": ("nowhere/net.toml.gz", "unknown format"),
}


@pytest.mark.parametrize(("given", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_is_not_there_is_refused_with_what_is(shelf: Path, given: str, words: str) -> None:
    """The error begins with what was asked for and says what would have worked."""
    assert shelf.is_dir()
    with pytest.raises(NetworkFileError, match=words) as caught:
        load_network(given)
    assert caught.value.file == given


def test_a_folder_is_no_network(tmp_path: Path) -> None:
    """A folder named like a network is not opened."""
    (tmp_path / "net.toml").mkdir()
    with pytest.raises(NetworkFileError, match=r"net\.toml: there is no such file"):
        load_network(tmp_path / "net.toml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    """Text that is not UTF-8 is named as such."""
    path = tmp_path / "old.toml"
    path.write_bytes(TEXT.encode("latin-1"))
    with pytest.raises(
        NetworkFileError, match=r"old\.toml: not UTF-8 text: .*invalid start byte|invalid cont"
    ):
        load_network(path)


def test_a_mistake_in_a_shipped_file_names_the_file(shelf: Path) -> None:
    """The complaint speaks of the file, not of the name by which it was asked for."""
    (shelf / "broken.toml").write_text("[network", encoding="utf-8")
    with pytest.raises(NetworkFileError, match=r"^broken\.toml: not valid TOML: "):
        load_network("broken")


def test_a_saved_network_comes_back(tmp_path: Path, net: Network) -> None:
    """TOML keeps everything."""
    save_network(net, tmp_path / "saved.toml")
    assert described(load_network(tmp_path / "saved.toml")) == described(net)


@pytest.mark.parametrize("name", ["net.json", "net", "net.toml.gz", "net.gz"])
def test_an_unknown_format_is_not_written(tmp_path: Path, net: Network, name: str) -> None:
    """The error lists the formats, and no file is left behind."""
    path = tmp_path / "saved" / name
    path.parent.mkdir()
    with pytest.raises(NetworkFileError, match=rf"{name}: unknown format; a network file ends in \.toml,"):
        save_network(net, path)
    assert list(path.parent.iterdir()) == []


def without_role(net: Network) -> Network:
    """Return the network with nodes that have no role."""
    return replace(net, variables=tuple(replace(item, role="") for item in net.variables))


def without_notes(net: Network) -> Network:
    """Return the network with judgements that do not say why."""
    families = {
        node: replace(family, provenance=tuple(replace(item, note="") for item in family.provenance))
        for node, family in net.families.items()
    }
    return replace(net, families=families)


UNWRITABLE = {
    "what the writer refuses": (without_role, r"saved\.toml: a TOML network gives each node a role"),
    "what the reader would refuse": (
        without_notes,
        r"saved\.toml, \[conditions\.strain\], key 'table': an elicited number must carry a note",
    ),
}


@pytest.mark.parametrize(("change", "words"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, net: Network, change: Callable[[Network], Network], words: str
) -> None:
    """A file that stands there is left as it was."""
    path = tmp_path / "saved.toml"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(NetworkFileError, match=words) as caught:
        save_network(change(net), path)
    assert caught.value.node == "strain"
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_missing_folder_is_not_made(tmp_path: Path, net: Network) -> None:
    """Saving where there is no folder is the caller's mistake, and Python says so."""
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_network(net, tmp_path / "nowhere" / "net.toml")
