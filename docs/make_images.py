"""Draw the pictures that README.md and docs/ show: python docs/make_images.py."""  # noqa: INP001 - a script

from pathlib import Path

import buttpain as bp

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
    post = leaders()
    figure = post.plot().get_figure(root=True)
    metadata = {"Date": None, "Description": described(post)}
    figure.savefig(
        IMAGES / "posterior.svg", metadata=metadata, facecolor="white", bbox_inches="tight", pad_inches=0.1
    )


if __name__ == "__main__":
    main()
