"""Render every result in one page, to look at: python docs/make_gallery.py [gallery.html].

Each stands as a notebook shows it, on a light and on a dark ground, as a terminal prints it, and as its
picture: at full size, at half, and in greys.
"""  # noqa: INP001 - a script

import sys
from collections.abc import Iterator
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

import buttpain as bp

EVIDENCE = {
    "sit_bone_tenderness": True,
    "pain_running_uphill": True,
    "groin_pain": True,
    "hop_test_pain": True,
    "burning_pain_past_knee": False,
    "age": "30_to_49",
    "sex": "female",
}
"""A case with red flags, agreement and disagreement."""

STYLE = """
body{font-family:system-ui,sans-serif;margin:0}h2{padding:0 1em}
.pair{display:grid;grid-template-columns:1fr 1fr}.pair>div{padding:1em;overflow:auto}
.dark{background:#111;color:#eee}pre{padding:1em;background:#f4f4f4;overflow:auto}
.pictures{display:flex;align-items:start;gap:1em;padding:1em}
.pictures .half{zoom:.5}.pictures .grey{filter:grayscale(1);zoom:.5}
"""


def results() -> Iterator[tuple[str, Any]]:
    """Yield each kind of result once, with its name."""
    net = bp.load_network("runner")
    case = bp.observe(net, EVIDENCE)
    target = "proximal_hamstring_tendinopathy"
    yield "Network", net
    yield "Case", case
    yield "Posterior", case.posterior()
    yield "Posterior without evidence", bp.observe(net).posterior()
    yield (
        "Posterior of nodes with several states",
        case.posterior(["overstriding", "hip_irritability", "age"]),
    )
    yield "Triage", bp.triage(case)
    yield "Explanation", bp.explain(case, target)
    yield "Contrast", bp.explain(case, target, against="femoral_neck_stress_fracture")
    yield "Next findings", bp.next_findings(case)
    yield "Same decision", bp.same_decision(case, k=5, samples=500)
    yield "Sensitivity", bp.sensitivity(case, target)
    yield "Findings taken back", bp.sensitivity(case, target).evidence()
    yield "Uncertainty", bp.uncertainty(case, samples=500)
    yield "Literature", bp.check_literature(net)
    yield "Literature of one condition", bp.check_literature(bp.load_network("five_findings"))
    unasked = dict.fromkeys([name for name in net.findings if name not in net.given], 0.7)
    people = bp.sample(net, 400, seed=1, missing=unasked)
    cases = people.drop(columns=[name for name in net.conditions if name != target])
    yield "Evaluation", bp.evaluate(net, cases, truth=[target], bootstrap=200, progress=False)


def picture(result: Any) -> str:
    """Return the picture of a result as SVG, or nothing if it has none."""
    if not hasattr(result, "plot"):
        return ""
    return svg(result.plot().get_figure(root=True))


def svg(figure: Any) -> str:
    """Return a figure as SVG, and forget it."""
    import matplotlib.pyplot as plt

    text = StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", facecolor="white")
    plt.close("all")
    return text.getvalue()[text.getvalue().index("<svg") :]


def together(layout: str | None) -> str:
    """Return four pictures on one page, as people put them into a paper."""
    import matplotlib.pyplot as plt

    case = bp.observe(bp.load_network("runner"), EVIDENCE)
    top = case.posterior().ranked().index[:6].tolist()
    figure, panels = plt.subplots(2, 2, figsize=(12, 9), layout=layout)
    bp.sensitivity(case, top[0]).plot(ax=panels[0, 0])
    bp.uncertainty(case, targets=top, samples=500).plot(ax=panels[0, 1])
    case.posterior(top).plot(ax=panels[1, 0])
    bp.explain(case, top[0]).plot(ax=panels[1, 1])
    return f"<h2>Four on a page, layout={layout}</h2>{svg(figure)}"


def section(name: str, result: Any) -> str:
    """Return what the page shows of a result."""
    shown = result._repr_html_() if hasattr(result, "_repr_html_") else "<p>no HTML</p>"
    parts = [
        f"<h2>{escape(name)}</h2>",
        f"<div class=pair><div>{shown}</div><div class=dark>{shown}</div></div>",
    ]
    parts.append(f"<pre>{escape(repr(result))}</pre>")
    if drawn := picture(result):
        small = f"<div class=half>{drawn}</div><div class=grey>{drawn}</div>"
        parts.append(f"<div class=pictures><div>{drawn}</div>{small}</div>")
    return "\n".join(parts)


def main(path: str = "gallery.html") -> None:
    """Write the page, and complain of lines that a terminal would break."""
    import matplotlib as mpl

    mpl.use("agg")
    pd.set_option("display.width", 80)
    sections = []
    for name, result in results():
        long = [line for line in repr(result).splitlines() if len(line) > 80]
        if long:
            raise ValueError(f"{name} prints lines of more than 80 columns: {long[:2]}")
        sections.append(section(name, result))
    sections += map(together, (None, "constrained"))
    page = (
        f"<!doctype html><meta charset=utf-8><title>Gallery</title><style>{STYLE}</style>{''.join(sections)}"
    )
    Path(path).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
