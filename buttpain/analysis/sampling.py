"""Cases drawn from a network: one row each, under its selection and whatever else is observed.

What the selection and the evidence depend on is drawn together, exactly, by `Backwards`; the rest
follows from its parents, one node after another.  Nobody is drawn to be thrown away, so that a
rare selection or rare evidence costs no more than common ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from buttpain.errors import as_number, check_kind, check_whole
from buttpain.inference.case import Case, observe
from buttpain.inference.draws import Backwards, decide
from buttpain.inference.evidence import Observed, to_arrays
from buttpain.inference.plan import plan_for
from buttpain.inference.structure import MEMORY, Pattern, Structure, structure_of
from buttpain.model.network import Network, NoisyOr, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sample"]

Array = NDArray[np.float64]
Places = NDArray[np.intp]

BLOCK = 2**16
"""Rows drawn together."""

_STEP, _NODE, _GAP = range(3)
"""Kinds of random streams."""


def sample(  # noqa: PLR0913 -- the public contract, and one option a decision
    net: Network,
    n: int,
    seed: int = 0,
    *,
    evidence: Mapping[str, Any] | None = None,
    missing: float | Mapping[str, float] | None = None,
    latent: bool = False,
    memory: int = MEMORY,
) -> pd.DataFrame:
    """Draw cases from the population that the network is about.

    Each row is drawn from P(all nodes | selection, evidence), exactly and independently.

    Parameters
    ----------
    net
        What is believed.
    n
        How many cases.
    seed
        Of the random numbers.  The first cases of a longer run are those of a shorter one.
    evidence
        What all cases have in common, as in `observe`; likelihoods are allowed.
    missing
        Share of the entries to leave out completely at random, the same for every column, or
        one for each column named.  Nodes of the network's selection stay.
    latent
        Whether mechanisms, which nobody sees, get columns too.
    memory
        Bytes that drawing may take before it is refused as too complex.

    Returns
    -------
    cases
        One row each, numbered from 0; a categorical column for each node, in the order of the
        network, with its states by name.  Left out is NaN.

    Raises
    ------
    UnknownNode, UnknownState, ImpossibleEvidence, NetworkTooComplex
    ValueError
        If `n` or `seed` is negative, or a share is none.

    Examples
    --------
    >>> import buttpain as bp
    >>> net = bp.load_network("five_findings")
    >>> cases = bp.sample(net, 1000, evidence={"hop_test_pain": True}, missing=0.1)
    >>> bp.posteriors(net, cases).shape
    (1000, 5)
    """
    import pandas as pd

    check_kind("net", net, Network)
    check_whole("n", n, 0)
    check_whole("seed", seed, 0)
    shown = [node for node in net.nodes if latent or node not in net.mechanisms]
    gaps = _gaps(net, missing, shown)
    drawer = _Drawer(net, observe(net, evidence, memory=memory), seed)
    codes = {node: np.empty(n, dtype=np.int16) for node in shown}
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        states = drawer.draw(block.stop - start)
        for node in shown:
            seen = drawer.seen(node, block.stop - start, gaps.get(node, 0.0))
            codes[node][block] = np.where(seen, states[node], -1)
    columns = {
        node: pd.Categorical.from_codes(codes[node], categories=pd.Index(net.states(node))) for node in shown
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(n))


def _gaps(net: Network, missing: float | Mapping[str, float] | None, shown: list[str]) -> dict[str, float]:
    """Return the share to leave out of each column."""
    if missing is None:
        return {}
    if not isinstance(missing, Mapping):
        _check_share(missing, "it is")
        missing = dict.fromkeys((node for node in shown if node not in net.given), missing)
    for node, share in missing.items():
        if net.variable(node).name not in shown:
            raise ValueError(f"{node!r} is latent and has no column to leave out; latent=True shows it")
        if node in net.given:
            raise ValueError(f"{node!r} is the network's selection and known in every case")
        _check_share(share, f"for {node!r} it is")
    return dict(missing)


def _check_share(share: object, said: str) -> None:
    if not 0 <= as_number(share) <= 1:
        raise ValueError(
            f"missing is a share from 0 to 1, or a mapping of columns to shares; {said} {share!r}"
        )


class _Drawer:
    """Draws cases block by block; every choice has a random stream of its own, so that blocks join up."""

    def __init__(self, net: Network, case: Case, seed: int) -> None:
        _ = case.log_joint  # Refuses what is impossible, and says why.
        structure, observed = structure_of(net), to_arrays(net, case.evidence)
        plan = plan_for(structure, _pattern(structure, observed), case.memory)
        self._together = Backwards(structure, plan, observed)
        self._net, self._seed, self._position = net, seed, structure.position
        self._known = {net.nodes[i]: states for i, states in observed.hard.items()}
        self._streams: dict[tuple[int, int], np.random.Generator] = {}

    def uniforms(self, kind: int, number: int, rows: int) -> Array:
        """Return the next numbers of one stream, shape (rows,)."""
        if (kind, number) not in self._streams:
            self._streams[kind, number] = np.random.default_rng([self._seed, kind, number])
        return self._streams[kind, number].random(rows)

    def draw(self, rows: int) -> dict[str, Places]:
        """Return the states of every node in the next cases, shape (rows,)."""
        states = {node: np.repeat(state, rows) for node, state in self._known.items()}
        together = self._together.draw(lambda step: self.uniforms(_STEP, step, rows))
        states |= {self._net.nodes[i]: drawn for i, drawn in together.items()}
        for node in self._net.order:
            if node not in states:
                parents = [states[parent] for parent in self._net.parents(node)]
                uniform = self.uniforms(_NODE, self._position[node], rows)
                states[node] = _follow(self._net.families[node], parents, uniform)
        return states

    def seen(self, node: str, rows: int, gap: float) -> NDArray[np.bool_]:
        """Return in which of the next cases a node is not left out, shape (rows,)."""
        return self.uniforms(_GAP, self._position[node], rows) >= gap


def _pattern(structure: Structure, observed: Observed) -> Pattern:
    return Pattern(
        hard=sum(1 << i for i in observed.hard),
        absent=sum(1 << i for i, state in observed.hard.items() if structure.is_absent(i, state)),
        soft=sum(1 << i for i in observed.soft),
    )


def _follow(family: Table | NoisyOr, parents: Sequence[Places], uniform: Array) -> Places:
    """Return the states of a node from those of its parents, shape (rows,)."""
    if isinstance(family, Table):
        cumulative = family.values.cumsum(axis=-1)
        return decide(
            cumulative.reshape(-1, cumulative.shape[-1]), _row(family.values.shape, parents), uniform
        )
    quiet = np.full(uniform.shape, 1.0 - family.leak)
    for links, parent in zip(family.links, parents, strict=True):
        quiet *= 1.0 - np.array([link or 0.0 for link in links])[parent]
    return (uniform >= quiet).astype(np.intp)


def _row(shape: Sequence[int], parents: Sequence[Places]) -> Places:
    row = np.zeros((), dtype=np.intp)
    for size, parent in zip(shape, parents, strict=False):
        row = row * size + parent
    return row
