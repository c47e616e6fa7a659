"""Networks by name or path: which reader or writer a file wants, and where the shipped ones are."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from functools import cache
from pathlib import Path

from buttpain.errors import InvalidNetwork, NetworkFileError, did_you_mean
from buttpain.model.definition import from_toml, to_toml
from buttpain.model.network import Network

__all__ = ["UTF_16", "available_networks", "load_network", "read_text", "save_network"]

UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)
"""How a file begins that some programs call Unicode text."""

FOREIGN = (".bif", ".bif.gz", ".xmlbif", ".xdsl", ".net", ".uai")
"""Formats read and written through pgmpy."""

SUFFIXES = (".toml", *FOREIGN)


@cache
def _shipped() -> Path:
    """Return the folder of shipped networks: in the wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    folders = (package / "networks", package.parent / "networks")
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def available_networks() -> list[str]:
    """Return the names of the networks that come with the library.

    Examples
    --------
    >>> import buttpain as bp
    >>> "five_findings" in bp.available_networks()
    True
    """
    return sorted(path.stem for path in _shipped().glob("*.toml"))


def load_network(name_or_path: str | Path) -> Network:
    """Load a shipped network by name, or any network file by path.

    Parameters
    ----------
    name_or_path
        A name from `available_networks`, or a path that ends in .toml, .bif, .bif.gz,
        .xmlbif, .xdsl, .net or .uai.  All but TOML go through pgmpy, whose import takes
        seconds.

    Raises
    ------
    NetworkFileError
        If there is no such name or file, or the file is no network; it says where and why.

    Examples
    --------
    >>> import buttpain as bp
    >>> bp.load_network("five_findings").name
    'five_findings'
    """
    given = str(name_or_path)
    if isinstance(name_or_path, str) and _suffix(given) not in SUFFIXES and Path(given).name == given:
        shipped = available_networks()
        if given not in shipped:
            raise NetworkFileError(
                f"no network of this name comes with the library. {did_you_mean(given, shipped)} "
                f"A path must end in {', '.join(SUFFIXES)}",
                given,
            )
        return _load(_shipped() / f"{given}.toml", given + ".toml")
    return _load(Path(name_or_path), given)


def _load(path: Path, shown: str) -> Network:
    suffix = _suffix(shown)
    if suffix not in SUFFIXES:
        raise NetworkFileError(f"unknown format; a network file ends in {', '.join(SUFFIXES)}", shown)
    if not path.is_file():
        raise NetworkFileError("there is no such file", shown)
    if suffix == ".toml":
        return from_toml(read_text(path, shown), shown)
    from buttpain.model import interop

    return interop.read(path, suffix)


def read_text(path: Path, shown: str) -> str:
    r"""Return the text of a TOML file, with or without the mark that some editors put before it.

    Raises
    ------
    NetworkFileError
        If it is no UTF-8, with the line where it is not.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from buttpain.model.files import read_text
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.toml"
    >>> _ = path.write_bytes(b"\xef\xbb\xbf[network]")
    >>> read_text(path, "net.toml")
    '[network]'
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        if error.object.startswith(UTF_16):
            raise NetworkFileError("the file is UTF-16; save it as UTF-8", shown) from None
        line = error.object.count(b"\n", 0, error.start) + 1
        raise NetworkFileError(f"not UTF-8 text: {error}, at line {line}; save it as UTF-8", shown) from None


def save_network(net: Network, path: str | Path) -> None:
    """Write a network; the suffix of the path says in which format.

    TOML keeps everything.  The other formats keep structure and numbers, not roles,
    labels, sources or uncertainty; which of them give back the very same numbers and
    names is said in `docs/formats.md`.

    Parameters
    ----------
    path
        Ends in .toml, .bif, .bif.gz, .xmlbif, .xdsl, .net or .uai.

    Raises
    ------
    NetworkFileError
        If the suffix is none of these, or the format cannot hold the network.
    """
    shown = str(path)
    suffix = _suffix(shown)
    if suffix not in SUFFIXES:
        raise NetworkFileError(f"unknown format; a network file ends in {', '.join(SUFFIXES)}", shown)
    if suffix == ".toml":
        try:
            text = to_toml(net)
        except InvalidNetwork as error:
            raise NetworkFileError(str(error), shown, node=error.node) from None
        from_toml(text, shown)  # What the reader would refuse is refused here, before anything is written.
        Path(path).write_text(text, encoding="utf-8")
        return
    from buttpain.model import interop

    interop.write(net, Path(path), suffix)


def _suffix(name: str) -> str:
    lowered = name.lower()
    return ".bif.gz" if lowered.endswith(".bif.gz") else Path(lowered).suffix
