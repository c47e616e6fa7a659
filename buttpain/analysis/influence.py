"""How far each number of a network moves an answer over its own interval, and which sources bring it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import UnknownUncertainty
from buttpain.model.network import Network, Table
from buttpain.model.priors import Source, beta_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_number", "by_source", "influence"]

Array = NDArray[np.float64]

INTERVAL = 0.90
"""Probability inside the interval that a number is moved through."""

_NOISE = 1e-12
"""Share of its terms below which a slope is rounding."""


def influence(net: Network, slope: Array, ess: float | None = None) -> Array:
    """Return |derivative| times the width of the 90 % interval of each number, shape (parameters,).

    The other numbers of a distribution give way in proportion.  A row of a table is one
    distribution, which counts once: half the sum over its numbers, which of two are the same.

    Parameters
    ----------
    net
        The network.
    slope
        Derivative of the answer by each number alone, shape (parameters,).
    ess
        Effective sample size of every number that comes without one.

    Raises
    ------
    UnknownUncertainty
        If a number has no effective sample size and `ess` was not given.
    ValueError
        If `ess` is not positive.
    """
    low, high = beta_interval(net.theta, _sizes(net, ess), INTERVAL)
    along = slope.copy()
    for node, span in net.spans.items():
        if isinstance(net.families[node], Table):
            value, part = (array[span].reshape(-1, len(net.states(node))) for array in (net.theta, slope))
            gain = part - (value * part).sum(axis=1, keepdims=True)
            noise = np.abs(gain) <= _NOISE * np.abs(part).max(axis=1, keepdims=True)
            room = np.where(value < 1, 1 - value, 1.0)
            along[span] = np.where(noise, 0.0, gain / room / 2).ravel()
    return np.asarray(np.abs(along) * (high - low))


def _sizes(net: Network, ess: float | None) -> Array:
    """Return effective sample sizes; infinite where a number is 0 or 1, which no Beta has as its mean."""
    if ess is not None and not ess > 0:
        raise ValueError(f"ess must be positive; it is {ess}")
    sizes = np.where((net.theta <= 0) | (net.theta >= 1), math.inf, net.ess)
    missing = np.isnan(sizes)
    if missing.any() and ess is None:
        raise UnknownUncertainty(int(missing.sum()), sizes.size, net.name)
    return sizes if ess is None else np.where(missing, ess, sizes)


def by_source(net: Network, size: Array) -> pd.DataFrame:
    """Return the influence of numbers added up by source, the largest first.

    Parameters
    ----------
    net
        The network.
    size
        Influence of each number, shape (parameters,).

    Returns
    -------
    sources
        Columns: source, cite, doi_or_url, grade, parameters, share, foremost.
    """
    parameters = net.parameters
    # The numbers of a row of a table share their node and what is given.
    rows = parameters["node"] + " | " + parameters["given"]
    frame = parameters[["source", "grade"]].assign(
        size=size,
        parameter=parameters.index,
        row=rows.where(parameters["kind"] == "table", parameters.index.to_series()),
    )
    ranked = frame[size > 0].sort_values("size", ascending=False, kind="stable")
    found = (
        ranked.groupby("source", sort=False)
        .agg(
            grade=("grade", "first"),
            parameters=("row", "nunique"),
            share=("size", "sum"),
            foremost=("parameter", "first"),
        )
        .sort_values("share", ascending=False, kind="stable")
    )
    found["share"] = found["share"] / found["share"].sum()
    known = [net.sources.get(str(key)) for key in found.index]
    found.insert(0, "cite", [item.cite if item else "" for item in known])
    found.insert(1, "doi_or_url", [_where(item) for item in known])
    return found.reset_index()


def by_number(net: Network, size: Array, target: str, observed: Collection[str]) -> pd.DataFrame:
    """Return the numbers that move an answer, the most influential first, with all that they rest on.

    Parameters
    ----------
    net
        The network.
    size
        Influence of each number, shape (parameters,).
    target
        What the answer is about.
    observed
        Nodes that were observed.

    Returns
    -------
    numbers
        Indexed by parameter; columns: value, low, high, share, source, cite, note, results.
    """
    numbers = net.parameters
    order = [i for i in np.argsort(-size, kind="stable") if size[i] > 0]
    found = numbers.iloc[order][["value", "low", "high", "source"]]
    found.insert(3, "share", size[order] / size.sum())
    known = [net.sources.get(key) for key in found["source"]]
    found["cite"] = [item.cite if item else "" for item in known]
    found["note"] = [net.provenance[i].note for i in order]
    found["results"] = [_results(net, node, target, observed) for node in numbers["node"].iloc[order]]
    return found.rename_axis("parameter")


def _results(net: Network, node: str, target: str, observed: Collection[str]) -> str:
    """Return the published results about the target and a finding, or what was observed below a mechanism."""
    about = {node} | {child for child in net.graph.successors(node) if child in observed}
    return "; ".join(
        f"{study.measure} {study.published:.2g} ({study.source})"
        for study in net.studies
        if study.condition == target and not study.judged and about & set(study.finding)
    )


def _where(source: Source | None) -> str:
    if source is None:
        return ""
    return f"https://doi.org/{source.doi}" if source.doi else source.url
