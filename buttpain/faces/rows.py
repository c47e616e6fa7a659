"""Cases from files, some rows at a time: as they stand there, and as the library takes them."""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from buttpain.errors import UnknownState, did_you_mean, which_comes_with
from buttpain.faces.words import UsageError, counted, said
from buttpain.inference.evidence import is_missing
from buttpain.model.files import UTF_16
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Chunk",
    "Reading",
    "arrow",
    "chunks",
    "evidence_columns",
    "header",
    "parquet_rows",
    "read",
    "refuse_nested",
]

MISSING = ("", "NA", "N/A", "NaN", "nan", "None", "null", "NULL")
"""Words for "not observed" in a text file, unless a state is called so."""

FORMATS = (".csv", ".csv.gz", ".parquet")

LARGEST = 2**17
"""Characters that a cell may have; the csv module's own bound, and far beyond any state's name."""

UNREADABLE = 2**24
"""Characters after which reading stops, as a quotation mark then probably swallows the file."""

_FIELD = re.compile(
    r"""(?:(?P<opened>")[^"]*+(?:""[^"]*+)*+(?P<closed>")?)?(?P<rest>[^,\r\n]*+)(?:,|\r\n?|\n|\Z)"""
)
"""A field as the csv module takes it: quoted only if the quotation mark stands first in it."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Parameters
    ----------
    frame
        As they stand there; indexed by number of the row, the first being 1.
    broken
        Rows that could not be told apart into columns: number, what is wrong, the fields.
    place
        How far the file has been read: bytes of text, rows of Parquet.
    """

    frame: pd.DataFrame
    broken: tuple[tuple[int, str, list[str]], ...]
    place: int


@dataclass(frozen=True)
class Reading:
    """Rows as the library takes them, and what is wrong with others.

    Parameters
    ----------
    frame
        States by name and likelihoods as numbers; without the rows that are wrong.
    wrong
        By number of the row, what is the matter.
    """

    frame: pd.DataFrame
    wrong: Mapping[int, str]


def arrow(name: str) -> Any:
    """Return a module of pyarrow.

    Raises
    ------
    UsageError
        If it is not installed.

    Examples
    --------
    >>> from buttpain.faces.rows import arrow
    >>> arrow("parquet").__name__
    'pyarrow.parquet'
    """
    try:
        return import_module(f"pyarrow.{name}")
    except ModuleNotFoundError:
        raise UsageError(f"Parquet files need the package pyarrow, {which_comes_with('parquet')}") from None


def header(path: str) -> list[str]:
    r"""Return the names of the columns of a file.

    Raises
    ------
    UsageError
        If the file is of another format, empty, or names a column twice.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from buttpain.faces.rows import header
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cases.csv"
    >>> _ = path.write_text("id,hop_test_pain\n1,yes\n")
    >>> header(str(path))
    ['id', 'hop_test_pain']
    """
    if not path.lower().endswith(FORMATS):
        raise UsageError(f"{path}: cases come in files that end in {', '.join(FORMATS)}")
    if path.lower().endswith(".parquet"):
        with _parquet(path) as table:
            names = list(table.schema_arrow.names)
    else:
        with _text_of(path) as (_, text):
            names = [name.strip() for name in next(_Records(text, path), _Record([])).cells]
    if not names:
        raise UsageError(f"{path} is empty; its first line names the columns")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"{path} has two columns named {twice[0]!r}")
    return names


@contextmanager
def _parquet(path: str) -> Iterator[Any]:
    """Open a Parquet file, and say in words what is no such file or is damaged."""
    parquet, lib = arrow("parquet"), arrow("lib")
    with Path(path).open("rb") as file:
        try:
            yield parquet.ParquetFile(file)
        except lib.ArrowException as error:
            raise UsageError(
                f"{path} is no Parquet file, or is damaged: {' '.join(str(error).split()).rstrip('.')}. "
                f"Write it again; text goes into a file that ends in .csv"
            ) from None


def parquet_rows(path: str) -> int:
    """Return how many rows a Parquet file has.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> from buttpain.faces.rows import parquet_rows
    >>> path = str(pathlib.Path(tempfile.mkdtemp()) / "cases.parquet")
    >>> pd.DataFrame({"hop_test_pain": ["yes", "no"]}).to_parquet(path)
    >>> parquet_rows(path)
    2
    """
    with _parquet(path) as table:
        return int(table.metadata.num_rows)


def refuse_nested(path: str, columns: Iterable[str]) -> None:
    """Refuse evidence that comes as lists or structs, which only Parquet has.

    Raises
    ------
    UsageError

    Examples
    --------
    >>> from buttpain.faces.rows import refuse_nested
    >>> refuse_nested("cases.csv", ["hop_test_pain"])
    """
    if not path.lower().endswith(".parquet"):
        return
    is_nested = arrow("types").is_nested
    with _parquet(path) as table:
        for name in columns:
            kind = table.schema_arrow.field(name).type
            if is_nested(kind):
                raise UsageError(
                    f"{path}: column {name!r} holds values of the type {kind}, and a case has one state. "
                    f"Write states as text, or likelihoods in columns {name}:state"
                )


@contextmanager
def _text_of(path: str) -> Iterator[tuple[Any, Any]]:
    """Open a file of text: as bytes, packed if it is, and as text; say in words that it is damaged."""
    packed = path.lower().endswith(".gz")
    try:
        with gzip.open(path, "rb") if packed else Path(path).open("rb") as file:
            if file.peek(2).startswith(UTF_16):
                raise UsageError(f"{path} is UTF-16; save it as UTF-8")
            with _as_text(file) as text:
                yield getattr(file, "fileobj", file), text
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UsageError(
            f"{path} is no gzip file, or is cut short or damaged: {error}. Pack it again, or copy it anew"
        ) from None


def _as_text(file: Any) -> Any:
    import io

    # Bytes that are no UTF-8 come back as they were in the rows set aside.
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def chunks(path: str, size: int) -> Iterator[Chunk]:
    r"""Yield the rows of a file, `size` at a time.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from buttpain.faces.rows import chunks
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "cases.csv"
    >>> _ = path.write_text("id,hop_test_pain\na,yes\nb\n")
    >>> [(list(chunk.frame.index), chunk.broken) for chunk in chunks(str(path), 10)]
    [([1], ((2, '1 field, where the header has 2', ['b']),))]
    """
    return _of_parquet(path, size) if path.lower().endswith(".parquet") else _of_csv(path, size)


def _of_parquet(path: str, size: int) -> Iterator[Chunk]:
    import pandas as pd

    done = 0
    with _parquet(path) as table:
        for batch in table.iter_batches(batch_size=size):
            index = pd.RangeIndex(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            frame = pd.DataFrame(batch.to_pydict(), dtype=object).set_axis(index)
            yield Chunk(frame, (), done)


def _of_csv(path: str, size: int) -> Iterator[Chunk]:
    names = header(path)
    with _text_of(path) as (raw, text):
        reader = _Records(text, path)
        next(reader)
        number = 0
        while records := list(islice(reader, size)):
            yield _chunk(names, records, number, raw.tell())
            number += len(records)


class _Record(NamedTuple):
    """The cells of a row, which lines it is if several, and whether text follows a closing quotation mark."""

    cells: list[str]
    span: str = ""
    torn: bool = False


class _Records:
    """The records of a CSV file, with the lines of the newest one at hand; short-lived.

    Parameters
    ----------
    text
        The lines.
    path
        What to call the file in complaints.
    """

    def __init__(self, text: Iterable[str], path: str) -> None:
        # The bound is one for the whole process; another reader may have set it higher.
        csv.field_size_limit(max(csv.field_size_limit(), UNREADABLE))
        self.path = path
        self.lines: list[str] = []
        self.ended = False
        self.reader = csv.reader(self.noted(text))

    def noted(self, text: Iterable[str]) -> Iterator[str]:
        for line in text:
            self.lines.append(line)
            yield line
        self.ended = True

    def __iter__(self) -> Iterator[_Record]:
        """Return itself."""
        return self

    def __next__(self) -> _Record:
        """Return the next record; an empty line is none."""
        cells: list[str] = []
        while not cells:
            cells = self.cells()
        if len(self.lines) == 1:
            return _Record(cells)
        last = self.reader.line_num
        torn = any(field["closed"] and field["rest"] for field in _fields("".join(self.lines)))
        return _Record(cells, f"lines {last - len(self.lines) + 1:,} to {last:,} are one row", torn)

    def cells(self) -> list[str]:
        """Read on, unless a quotation mark runs through to the end."""
        self.lines.clear()
        try:
            record = next(self.reader)
        except csv.Error as error:
            raise self.complaint(str(error)) from None
        # The reader asks for a line beyond the last one only if that did not end the record.
        if self.ended:
            raise self.complaint("the file ends in the middle of a record")
        return record

    def complaint(self, what: str) -> UsageError:
        before = self.reader.line_num - len(self.lines)
        fields = _fields("".join(self.lines))
        place = next((item.start() for item in fields if item["opened"] and not item["closed"]), None)
        if place is None:
            return UsageError(f"{self.path}, line {before + len(self.lines)}: {what}")
        opened = 1 + sum(end <= place for end in accumulate(map(len, self.lines)))
        swallowed = counted(len(self.lines) - opened, "line")
        return UsageError(
            f"{self.path}, line {before + opened}: the quotation mark that opens here is not closed and has "
            f"swallowed {swallowed} after this one; a quotation mark may be missing"
        )


def _fields(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text) and (field := _FIELD.match(text, at)):
        yield field
        at = field.end()


def _chunk(names: list[str], records: list[_Record], number: int, place: int) -> Chunk:
    import pandas as pd

    width = len(names)
    reasons = [_misfit(record, names) for record in records]
    kept = [record.cells for record, reason in zip(records, reasons, strict=True) if not reason]
    index = [number + i for i, reason in enumerate(reasons, 1) if not reason]
    broken = tuple(
        (number + i, reason, record.cells)
        for i, (record, reason) in enumerate(zip(records, reasons, strict=True), 1)
        if reason
    )
    columns = dict(zip(names, zip(*kept, strict=True) if kept else [()] * width, strict=True))
    return Chunk(pd.DataFrame(columns, index=pd.Index(index, dtype="int64"), dtype=object), broken, place)


def _misfit(record: _Record, names: list[str]) -> str:
    """Return why a record is no row of the table; nothing if it is one."""
    cells, span, torn = record
    if torn:
        return f"text follows a closing quotation mark, and {span}; a quotation mark may be missing"
    if len(cells) != len(names):
        swallowed = f"; {span}, and a quotation mark may be missing" if span else ""
        return f"{counted(len(cells), 'field')}, where the header has {len(names)}{swallowed}"
    sizes = [len(cell) for cell in cells]
    size = max(sizes)
    if size <= LARGEST:
        return ""
    name = names[sizes.index(size)]
    return f"the cell of {name!r} has {size:,} characters, and at most {LARGEST:,} are read"


# -- as the library takes them -----------------------------------------------------------


def evidence_columns(
    net: Network, names: Sequence[str], carried: Sequence[str], *, ignore: bool
) -> list[str]:
    """Return which columns are evidence.

    Raises
    ------
    UsageError
        If a column to carry is not there, or another one names no node.

    Examples
    --------
    >>> import buttpain as bp
    >>> from buttpain.faces.rows import evidence_columns
    >>> net = bp.load_network("five_findings")
    >>> evidence_columns(net, ["id", "hop_test_pain"], ["id"], ignore=False)
    ['hop_test_pain']
    """
    for name in carried:
        if name not in names:
            raise UsageError(f"there is no column {name!r} to carry. {did_you_mean(name, names)}")
    found = []
    for name in names:
        node, colon, state = name.partition(":")
        if name in net.nodes or (colon and node in net.nodes and state in net.states(node)):
            found.append(name)
        elif not ignore and name not in carried:
            raise UsageError(
                f"column {name!r} names no node of network {net.name!r}. "
                f"{did_you_mean(node if colon else name, net.nodes)} "
                f"Carry it through with --id {name}, or leave such columns out with --ignore"
            )
    return found


def read(net: Network, frame: pd.DataFrame, columns: Sequence[str]) -> Reading:
    """Return rows with states by name and likelihoods as numbers, and what is wrong with the others.

    Examples
    --------
    >>> import buttpain as bp, pandas as pd
    >>> from buttpain.faces.rows import read
    >>> frame = pd.DataFrame({"hop_test_pain": ["yes", "", "maybe"]})
    >>> read(bp.load_network("five_findings"), frame, ["hop_test_pain"]).wrong
    {2: "'maybe' is no state of 'hop_test_pain'. Use one of 'absent', 'present'."}
    """
    import pandas as pd

    wrong: dict[int, str] = {}
    made: dict[str, pd.Series[Any]] = {}
    likely: dict[str, list[str]] = {}
    for name in columns:
        node, colon, _ = name.partition(":")
        made[name] = _numbers(name, frame[name], wrong) if colon else _states(net, node, frame[name], wrong)
        if colon:
            likely.setdefault(node, []).append(name)
    told = pd.DataFrame(made, index=frame.index)
    for node, names in likely.items():
        _check_likelihoods(net, node, told, names, wrong)
    return Reading(told.drop(index=list(wrong)), wrong)


def _states(net: Network, node: str, column: pd.Series[Any], wrong: dict[int, str]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    codes, found = pd.factorize(column, use_na_sentinel=True)
    states = np.empty(len(found) + 1, dtype=object)
    for i, value in enumerate(found):
        try:
            states[i] = _state(net, node, value)
        except UnknownState as error:
            for row in column.index[codes == i]:
                wrong.setdefault(row, str(error))
    return pd.Series(states[codes], index=column.index, dtype=object)


def _state(net: Network, node: str, value: Any) -> str | None:
    variable = net.variable(node)
    if isinstance(value, str):
        value = value.strip()
        if value in MISSING and value not in variable.states:
            return None
        value = said(variable, value)
    elif is_missing(value):
        return None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        word = f"{value:g}"
        value = said(variable, word)
    return variable.states[variable.index(value)]


def _numbers(name: str, column: pd.Series[Any], wrong: dict[int, str]) -> pd.Series[Any]:
    import pandas as pd

    texts = column.map(lambda value: value.strip() if isinstance(value, str) else value)
    blank = texts.isna() | texts.isin(MISSING)
    numbers = pd.to_numeric(texts.where(~blank, None), errors="coerce").astype("float64")
    for row in column.index[~blank & ~((numbers >= 0) & (numbers < math.inf))]:
        wrong.setdefault(row, f"{name}: {column[row]!r} is no likelihood, a number of at least 0")
    return numbers


def _check_likelihoods(
    net: Network, node: str, told: pd.DataFrame, names: Sequence[str], wrong: dict[int, str]
) -> None:
    absent = [state for state in net.states(node) if f"{node}:{state}" not in names]
    if absent:
        raise UsageError(
            f"likelihoods of {node!r} need a column for each state; there is no {node}:{absent[0]}"
        )
    there = told[list(names)].notna()
    for row in told.index[there.any(axis=1) & ~there.all(axis=1)]:
        wrong.setdefault(row, f"likelihoods of {node!r} must be there for each state, or for none")
    if node in told:
        for row in told.index[there.any(axis=1) & told[node].notna()]:
            wrong.setdefault(row, f"a state and likelihoods of {node!r}; give one")
    for row in told.index[there.all(axis=1) & (told[list(names)] == 0).all(axis=1)]:
        wrong.setdefault(row, f"all likelihoods of {node!r} are 0")
