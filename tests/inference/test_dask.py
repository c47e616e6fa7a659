"""Cohorts on a real dask cluster of several processes."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster

import buttpain as bp

ROWS, PARTS = 20_000, 16


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Start two worker processes with a nanny each, which starts a killed one again."""
    # Arrow strings would turn missing values and categories into text on the way.
    with (
        dask.config.set({"dataframe.convert-string": False}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as cluster,
        Client(cluster) as connected,
    ):
        yield connected


@pytest.fixture(scope="module")
def net() -> bp.Network:
    """Load the network once."""
    return bp.load_network("five_findings")


@pytest.fixture(scope="module")
def frame(net: bp.Network) -> pd.DataFrame:
    """Make cases with gaps; the index says which is which."""
    rng = np.random.default_rng(5)
    columns = {name: rng.choice(np.array(["present", "absent", None]), ROWS) for name in net.findings[:5]}
    return pd.DataFrame(columns, index=pd.RangeIndex(1000, 1000 + ROWS, name="patient"))


def test_a_cluster_gives_what_one_process_gives(client: Client, net: bp.Network, frame: pd.DataFrame) -> None:
    """Lazy until computed; the same rows, columns and numbers as without dask."""
    lazy = bp.posteriors(net, dd.from_pandas(frame, npartitions=PARTS))
    assert isinstance(lazy, dd.DataFrame)
    assert lazy.columns.tolist() == list(net.conditions)
    found = client.compute(lazy, sync=True)
    pd.testing.assert_frame_equal(found, bp.posteriors(net, frame), check_exact=False, rtol=1e-12)


def slow(part: pd.DataFrame, folder: str) -> pd.DataFrame:
    """Leave a mark with this process's number, and take long enough to be killed meanwhile."""
    if len(part):
        Path(folder, f"{part.index[0]}.{os.getpid()}").touch()
        time.sleep(0.3)
    return part


def test_a_killed_worker_costs_no_row_and_doubles_none(
    client: Client, net: bp.Network, frame: pd.DataFrame, tmp_path: Path
) -> None:
    """With a worker killed in the middle, every row still comes back, once, with its own answer."""
    parts = dd.from_pandas(frame, npartitions=PARTS).map_partitions(slow, str(tmp_path), meta=frame.iloc[:0])
    future = client.compute(bp.posteriors(net, parts))
    while len(list(tmp_path.iterdir())) < 4:
        time.sleep(0.05)
    victim = int(next(tmp_path.iterdir()).suffix[1:])
    os.kill(victim, signal.SIGKILL)
    found = future.result()
    assert len(list(tmp_path.iterdir())) >= PARTS
    assert len({path.suffix for path in tmp_path.iterdir()}) >= 3, "a new process took over"
    pd.testing.assert_frame_equal(found, bp.posteriors(net, frame), check_exact=False, rtol=1e-12)


def test_an_impossible_row_is_named_through_the_cluster(client: Client, net: bp.Network) -> None:
    """The error that a worker raises arrives whole: its type, its words and its rows."""
    frame = pd.DataFrame({"buttock_pain": ["present"] * 5 + ["absent"]}, index=list("uvwxyz"))
    lazy = bp.posteriors(net, dd.from_pandas(frame, npartitions=2))
    with pytest.raises(bp.ImpossibleEvidence, match="in row 'z': buttock_pain=absent") as caught:
        client.compute(lazy, sync=True)
    assert caught.value.rows == ("z",)


def test_a_wrong_column_is_refused_before_any_work(net: bp.Network) -> None:
    """Names are checked when the lazy frame is made, not when it is computed."""
    frame = dd.from_pandas(pd.DataFrame({"hop_tst_pain": [True]}), npartitions=1)
    with pytest.raises(bp.UnknownNode, match=r"Did you mean 'hop_test_pain'\?"):
        bp.posteriors(net, frame)
