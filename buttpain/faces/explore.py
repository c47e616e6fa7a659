"""The door to the explorer, which is opened only when somebody knocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buttpain.errors import which_comes_with
from buttpain.inference.case import Case, observe
from buttpain.model.network import Network

if TYPE_CHECKING:
    from buttpain.faces.widget import Explorer

__all__ = ["explore"]


def explore(
    case_or_net: Case | Network, *, samples: int = 500, seed: int = 0, ess: float | None = None
) -> Explorer:
    """Return a widget in which findings are ticked and the answer follows at once.

    It shows red flags, posteriors with credible intervals, and the next best questions.
    `explorer.case` is the case as it is ticked, for whatever else is to be asked of it.
    Needs the extra `widgets`, and JupyterLab, Jupyter Notebook 7 or another place that
    shows widgets.

    Parameters
    ----------
    case_or_net
        A case to go on with, or a network to begin from nothing.
    samples, seed, ess
        Of the credible intervals, as in `uncertainty`.

    Raises
    ------
    ModuleNotFoundError
        If the extra is not installed.

    Examples
    --------
    >>> import buttpain as bp
    >>> case = bp.observe(bp.load_network("five_findings"), hop_test_pain=True)
    >>> explorer = bp.explore(case)
    >>> explorer
    Explorer of <Case in five_findings: hop_test_pain=present>
    >>> explorer.observed = {**explorer.observed, "sit_bone_tenderness": "absent"}
    >>> round(explorer.case.probability("sacral_stress_fracture"), 3)
    0.084
    """
    if not isinstance(case_or_net, Case | Network):
        raise TypeError(
            f"explore takes a network or a case, as load_network and observe return them; "
            f"this is {type(case_or_net).__name__}"
        )
    if samples < 2:
        raise ValueError(f"samples must be at least 2; it is {samples}")
    try:
        import anywidget  # noqa: F401 -- looked for, not used
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the explorer needs the package anywidget, {which_comes_with('widgets')}",
            name=error.name,
        ) from None
    from buttpain.faces.widget import Explorer

    case = observe(case_or_net) if isinstance(case_or_net, Network) else case_or_net
    return Explorer(case, samples=samples, seed=seed, ess=ess)
