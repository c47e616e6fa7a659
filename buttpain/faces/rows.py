"""Cases from files, some rows at a time: as they stand there, and as the library takes them."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buttpain.errors import UnknownState, did_you_mean
from buttpain.faces.words import UsageError, said
from buttpain.inference.evidence import is_missing
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Chunk", "Reading", "arrow", "chunks", "header", "read"]

MISSING = ("", "NA", "N/A", "NaN", "nan", "None", "null", "NULL")
"""Words for "not observed" in a text file, unless a state is called so."""

FORMATS = (".csv", ".csv.gz", ".parquet")


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
        raise UsageError(
            "Parquet files need the package pyarrow, which comes with the extra 'parquet': "
            'python -m pip install "buttpain[parquet]"'
        ) from None


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
        with Path(path).open("rb") as file:
            names = list(arrow("parquet").ParquetFile(file).schema_arrow.names)
    else:
        with _opened(path) as file, _as_text(file) as text:
            names = [name.strip() for name in next(csv.reader(text), [])]
    if not names:
        raise UsageError(f"{path} is empty; its first line names the columns")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"{path} has two columns named {twice[0]!r}")
    return names


def _opened(path: str) -> Any:
    return gzip.open(path, "rb") if path.lower().endswith(".gz") else Path(path).open("rb")


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
    with Path(path).open("rb") as file:
        for batch in arrow("parquet").ParquetFile(file).iter_batches(batch_size=size):
            index = pd.RangeIndex(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            frame = pd.DataFrame(batch.to_pydict(), dtype=object).set_axis(index)
            yield Chunk(frame, (), done)


def _of_csv(path: str, size: int) -> Iterator[Chunk]:
    names = header(path)
    with _opened(path) as file:
        raw = getattr(file, "fileobj", file)
        with _as_text(file) as text:
            reader = csv.reader(text)
            next(reader)
            number = 0
            while records := _some(reader, size, path):
                yield _chunk(names, records, number, raw.tell())
                number += len(records)


def _some(reader: Any, size: int, path: str) -> list[list[str]]:
    records = []
    try:
        for record in reader:
            if record:  # an empty line is no row
                records.append(record)
                if len(records) == size:
                    break
    except csv.Error as error:
        raise UsageError(
            f"{path}, line {reader.line_num}: {error}; a quotation mark may be missing"
        ) from None
    return records


def _chunk(names: list[str], records: list[list[str]], number: int, place: int) -> Chunk:
    import pandas as pd

    width = len(names)
    whole = [len(record) == width for record in records]
    kept = [record for record, good in zip(records, whole, strict=True) if good]
    index = [number + i for i, good in enumerate(whole, 1) if good]
    broken = tuple(
        (number + i, f"{len(record)} field{'s' * (len(record) > 1)}, where the header has {width}", record)
        for i, record in enumerate(records, 1)
        if len(record) != width
    )
    columns = dict(zip(names, zip(*kept, strict=True) if kept else [()] * width, strict=True))
    return Chunk(pd.DataFrame(columns, index=pd.Index(index, dtype="int64"), dtype=object), broken, place)


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
