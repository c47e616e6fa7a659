"""Draw the pictures that README.md and docs/ show: python docs/make_images.py."""  # noqa: INP001 - a script

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import buttpain as bp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES = Path(__file__).parent / "images"

EVIDENCE = {"sit_bone_tenderness": True, "pain_running_uphill": True, "burning_pain_past_knee": False}
"""What the README observes."""


SHOWN = 8
"""Causes in the picture."""


def leaders() -> bp.Posterior:
    """Return the posterior of the likeliest causes under what the README observes."""
    case = bp.observe(bp.load_network("runner"), EVIDENCE)
    return case.posterior(case.posterior().ranked().index[:SHOWN].tolist())


def described(post: bp.Posterior) -> str:
    """Return in words what the picture shows; kept in the file, so that a test can tell when to redraw."""
    rows = post.grid().rows
    return "; ".join(f"{label} {before} -> {after}" for label, before, after, _ in rows)


def main() -> None:
    """Draw every picture, the same bytes for the same numbers and the same matplotlib."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "buttpain"
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text; as outlines it is nine tenths of the file
    post = leaders()
    save("posterior.svg", post.plot(), described(post))
    save("runner.svg", bp.load_network("runner").plot(), "the layers of the runner network")
    save("case.svg", bp.observe(bp.load_network("runner"), EVIDENCE).plot(), "what a case does to them")


def save(name: str, axes: Axes, description: str) -> None:
    """Write one picture."""
    metadata = {"Date": None, "Description": description}
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 -- for the type checker
    path = IMAGES / name
    figure.savefig(path, metadata=metadata, facecolor="white", bbox_inches="tight", pad_inches=0.1)
    # Six digits after the point, of coordinates in points, are a third of the file.
    text = re.sub(
        r"\d{2,}\.\d{3,}", lambda number: f"{float(number[0]):.2f}", path.read_text(encoding="utf-8")
    )
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
