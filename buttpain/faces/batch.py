"""`buttpain batch`: a table of cases in, a table of answers out, some rows at a time.

Until all is done the answers stand in files that end in ``.part``, and ``.progress`` says how
much of them counts.  A run that was killed leaves at most some rows too many behind; resuming
cuts them off and goes on, so that no row is lost and none stands there twice.
"""

from __future__ import annotations

import csv
import io
import json
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buttpain.display.tables import wrapped
from buttpain.errors import ImpossibleEvidence
from buttpain.faces.flags import bounded, flagged
from buttpain.faces.rows import (
    Chunk,
    Reading,
    arrow,
    chunks,
    evidence_columns,
    header,
    parquet_rows,
    read,
    refuse_nested,
)
from buttpain.faces.words import DEFAULT_NETWORK, UsageError, as_json, counted, of_network, say
from buttpain.inference.case import known_targets, observe
from buttpain.inference.cohort import posteriors
from buttpain.model.files import load_network
from buttpain.model.network import Network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["command"]

_CLASHES = 1000
"""Different impossible rows whose clash is looked for; it takes a query each."""


def command(args: Namespace) -> int:
    """Answer every row of a table; 1 if some were set aside."""
    job = _job(args)
    state = _begin(job, resume=args.resume, force=args.force)
    done = _go_on(job, state)
    if done.read != done.answered + done.aside:
        raise AssertionError(
            f"{done.read} rows were read, {done.answered} answered and {done.aside} set aside"
        )
    _finish(job, done)
    said = {"rows": done.read, "answered": done.answered, "set_aside": done.aside}
    files = {"into": job.into, "aside": job.aside if done.aside else None}
    if args.json:
        say(as_json(of_network(job.net, {**said, **files})))
    else:
        aside = f"{done.aside:,} set aside in {job.aside}" if done.aside else "none set aside"
        text = f"{counted(done.read, 'row')} read = {done.answered:,} answered in {job.into} + {aside}."
        say("\n".join(wrapped(text)))
    return 1 if done.aside else 0


@dataclass(frozen=True)
class _Job:
    """What is to be done.

    Parameters
    ----------
    net, source, into, aside, chunk
        As the command says.
    names
        Columns of the source.
    evidence, carried
        Those of them that are evidence, and that are carried through.
    targets
        Nodes asked for.
    """

    net: Network
    source: str
    into: str
    aside: str
    chunk: int
    names: tuple[str, ...]
    evidence: tuple[str, ...]
    carried: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def is_parquet(self) -> bool:
        return self.into.lower().endswith(".parquet")

    @property
    def part(self) -> Path:
        return Path(f"{self.into}.part")

    @property
    def aside_part(self) -> Path:
        return Path(f"{self.aside}.part")

    @property
    def progress(self) -> Path:
        return Path(f"{self.into}.progress")

    @property
    def fingerprint(self) -> str:
        """Changes with whatever would change the answers."""
        net, stat = self.net, Path(self.source).stat()
        said: list[Any] = [net.name, net.version, net.nodes, [net.parents(node) for node in net.nodes]]
        said += [dict(net.given), [asdict(flag) for flag in net.red_flags]]
        asked = [self.chunk, self.names, self.evidence, self.carried, self.targets, self.aside]
        file = [os.path.realpath(self.source), stat.st_size, stat.st_mtime_ns]
        return sha256(repr([said, asked, file]).encode() + net.theta.tobytes()).hexdigest()


@dataclass(frozen=True)
class _State:
    """How far a run has come.

    Parameters
    ----------
    read, answered, aside
        Rows.
    bytes, aside_bytes
        How much of the files counts.
    parts
        Parquet files that count.
    """

    read: int = 0
    answered: int = 0
    aside: int = 0
    bytes: int = 0
    aside_bytes: int = 0
    parts: int = 0


def _job(args: Namespace) -> _Job:
    net = load_network(args.network or DEFAULT_NETWORK)
    if not args.into.lower().endswith((".csv", ".parquet")):
        raise UsageError(f"{args.into}: answers go into a file that ends in .csv or .parquet")
    if args.into.lower().endswith(".parquet"):
        arrow("parquet")
    names = header(args.source)
    evidence = evidence_columns(net, names, args.id, ignore=args.ignore)
    refuse_nested(args.source, evidence)
    seen = {name.partition(":")[0] for name in evidence}
    targets = known_targets(net, args.targets, {*seen, *net.given})
    aside = args.aside or f"{Path(args.into).with_suffix('')}.aside.csv"
    files = [os.path.realpath(path) for path in (args.source, args.into, aside)]
    if len(set(files)) < len(files):
        raise UsageError("source, answers and rows set aside must be three different files")
    job = _Job(
        net,
        args.source,
        args.into,
        aside,
        args.chunk,
        tuple(names),
        tuple(evidence),
        tuple(args.id),
        tuple(targets),
    )
    _refuse_clash(job)
    return job


def _refuse_clash(job: _Job) -> None:
    """Refuse to carry a column through under a name that the answers need, or twice."""
    own = _columns(replace(job, carried=())) if job.carried else []
    for name in job.carried:
        if name in own:
            other = "name --targets without it" if name in job.targets else "leave it out of --id"
            raise UsageError(
                f"--id {name}: the answers have a column {name!r} of their own. "
                f"Rename it in {job.source}, or {other}"
            )
        if job.carried.count(name) > 1:
            raise UsageError(f"--id names {name!r} twice; name it once")


# -- where it stands ---------------------------------------------------------------------


def _begin(job: _Job, *, resume: bool, force: bool) -> _State:
    """Return where to begin, with all behind that place cut off."""
    if resume and job.progress.exists():
        kept = json.loads(job.progress.read_text(encoding="utf-8"))
        if kept.pop("fingerprint") != job.fingerprint:
            raise UsageError(
                f"{job.progress} is of another run: the cases, the network or the options have changed "
                f"since. Start anew with --force"
            )
        state = _State(**kept)
        _cut(job.aside_part, state.aside_bytes)
        if not job.is_parquet:
            _cut(job.part, state.bytes)
        return state
    for path in (Path(job.into), Path(job.aside), job.progress):
        if path.exists() and not force:
            advice = "go on with --resume, or " if path == job.progress else ""
            raise UsageError(f"{path} is there already; {advice}write over it with --force")
    _remove_parts(job)
    for path in (Path(job.into), Path(job.aside), job.part, job.progress):
        if path.is_file():
            path.unlink()
    job.aside_part.write_text(_csv([["row", "reason", *job.names]]), encoding="utf-8")
    state = _State(aside_bytes=job.aside_part.stat().st_size)
    if job.is_parquet:
        job.part.mkdir()
    else:
        job.part.write_bytes(b"")
    _commit(job, state)
    return state


def _cut(path: Path, size: int) -> None:
    if path.stat().st_size < size:
        raise UsageError(f"{path} is shorter than it was; start anew with --force")
    os.truncate(path, size)


def _commit(job: _Job, state: _State) -> None:
    beside = Path(f"{job.progress}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"fingerprint": job.fingerprint, **asdict(state)}))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(job.progress)


def _append(path: Path, text: str) -> int:
    """Write at the end of a file, onto the disk; return the size that it has then."""
    with path.open("ab") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _remove_parts(job: _Job) -> None:
    if job.part.is_dir():
        for path in job.part.glob("*.parquet"):
            path.unlink()
        job.part.rmdir()


# -- the rows ----------------------------------------------------------------------------


def _go_on(job: _Job, state: _State) -> _State:
    """Answer what is left, and return how far it came: to the end."""
    from tqdm import tqdm

    rows = job.source.lower().endswith(".parquet")
    total = parquet_rows(job.source) if rows else Path(job.source).stat().st_size
    clashes: dict[Any, str] = {}
    unit = {"unit": "row"} if rows else {"unit": "B", "unit_scale": True}
    # disable=None: no bar unless standard error is a terminal.
    with tqdm(total=total, disable=None, desc=job.source, **unit) as bar:
        passed = 0
        for chunk in chunks(job.source, job.chunk):
            passed += len(chunk.frame) + len(chunk.broken)
            if passed > state.read:
                state = _write(job, state, passed, *_answer(job, chunk, clashes))
            bar.update(chunk.place - bar.n)
    return state


def _write(
    job: _Job, state: _State, passed: int, answers: pd.DataFrame, aside: Sequence[Sequence[Any]]
) -> _State:
    """Write the answers of some rows, and then that they count."""
    state = replace(
        state,
        read=passed,
        answered=state.answered + len(answers),
        aside=state.aside + len(aside),
        aside_bytes=_append(job.aside_part, _csv(aside)),
    )
    if job.is_parquet:
        table = arrow("lib").Table.from_pandas(answers, preserve_index=False)
        arrow("parquet").write_table(table, job.part / f"{state.parts:08}.parquet")
        state = replace(state, parts=state.parts + 1)
    else:
        columns = [answers[name].tolist() for name in answers.columns]
        head = [] if state.bytes else [list(answers.columns)]
        # The csv module writes floats in full, three times as fast as pandas.
        text = _csv([*head, *zip(*columns, strict=True)])
        state = replace(state, bytes=_append(job.part, text))
    _commit(job, state)
    return state


def _finish(job: _Job, state: _State) -> None:
    """Give the files their names, now that they are whole."""
    if job.is_parquet:
        _join(job, state)
    elif not state.bytes:
        job.part.write_text(_csv([_columns(job)]), encoding="utf-8")
    if state.aside:
        job.aside_part.replace(job.aside)
    else:
        job.aside_part.unlink()
    if job.is_parquet:
        _remove_parts(job)
    else:
        job.part.replace(job.into)
    job.progress.unlink()


def _columns(job: _Job) -> list[str]:
    """Return the columns of the answers of no rows."""
    import pandas as pd

    frame = pd.DataFrame({name: [] for name in job.names}, dtype=object)
    return list(_answer(job, Chunk(frame, (), 0), {})[0].columns)


def _join(job: _Job, state: _State) -> None:
    """Write the Parquet files of all chunks as one, a chunk at a time."""
    parquet, whole = arrow("parquet"), Path(f"{job.into}.whole")
    parts = [job.part / f"{i:08}.parquet" for i in range(state.parts)]
    tables = map(parquet.read_table, parts) if parts else [_nothing(job)]
    writer = None
    for table in tables:
        if writer is None:
            writer = parquet.ParquetWriter(whole, table.schema)
        writer.write_table(table.cast(writer.schema))
    if writer is not None:
        writer.close()
    whole.replace(job.into)


def _nothing(job: _Job) -> Any:
    lib = arrow("lib")
    return lib.table({name: lib.array([], lib.string()) for name in _columns(job)})


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _answer(job: _Job, chunk: Chunk, clashes: dict[Any, str]) -> tuple[pd.DataFrame, list[list[Any]]]:
    """Return the answers of some rows, and the rows that have none with the reason."""
    import pandas as pd

    reading = read(job.net, chunk.frame, job.evidence)
    asked = list(dict.fromkeys((*job.targets, *bounded(job.net))))
    found = posteriors(job.net, reading.frame, asked, impossible="nan", progress=False)
    impossible = found.isna().any(axis=1)
    wrong = {**reading.wrong, **_clashing(job.net, reading, impossible, clashes)}
    found, seen = found[~impossible], reading.frame[~impossible]
    shown = {_named(column): found[column] for column in found.columns if _node(column) in job.targets}
    carried = chunk.frame.loc[found.index, list(job.carried)]
    answers = pd.concat(
        [carried, flagged(job.net, seen, found), pd.DataFrame(shown, index=found.index)], axis=1
    )
    answers.insert(0, "row", found.index)
    aside = [[row, reason, *chunk.frame.loc[row]] for row, reason in wrong.items()]
    return answers, sorted([*aside, *([row, why, *fields] for row, why, fields in chunk.broken)], key=_first)


def _first(row: Sequence[Any]) -> Any:
    return row[0]


def _node(column: Any) -> str:
    return str(column[0]) if isinstance(column, tuple) else str(column)


def _named(column: Any) -> str:
    return "=".join(column) if isinstance(column, tuple) else str(column)


def _clashing(
    net: Network, reading: Reading, impossible: pd.Series[bool], known: dict[Any, str]
) -> Mapping[int, str]:
    wrong = {}
    for row, values in reading.frame[impossible].iterrows():
        key = tuple(values.fillna("").items())
        if key not in known and len(known) < _CLASHES:
            known[key] = _clash(net, {str(name): value for name, value in key if value != ""})
        wrong[int(str(row))] = known.get(key, "the observations cannot hold together")
    return wrong


def _clash(net: Network, values: Mapping[str, Any]) -> str:
    evidence: dict[str, Any] = {}
    for name, value in values.items():
        node, colon, state = name.partition(":")
        if colon:
            evidence.setdefault(node, {})[state] = value
        else:
            evidence[node] = value
    try:
        _ = observe(net, evidence).log_evidence
    except ImpossibleEvidence as error:
        return str(error)
    raise AssertionError(f"no clash among {evidence}")
