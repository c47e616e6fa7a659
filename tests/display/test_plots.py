"""Pictures: right lengths, nothing in the way of anything else, and readable without colours."""

import sys
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import buttpain as bp
from buttpain.display.plots import BLUE, plot_ranking

FRAME = pd.DataFrame(
    {
        "label": ["First", "Second, which has a label far too long to stand on one line", "Third"],
        "prior": [0.3, 0.95, 0.01],
        "posterior": [0.97, 0.5, 0.0001],
    }
)
LONG = "network: " + "; ".join(f"Finding number {i} of many present" for i in range(9))


@pytest.fixture
def axes() -> Axes:
    """Return a drawn picture with all that makes layout hard: long labels, long title, full bars."""
    return drawn(plot_ranking(FRAME, LONG))


def drawn(axes: Axes) -> Axes:
    """Have matplotlib lay out the picture."""
    axes.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
    return axes


def boxes(axes: Axes) -> Iterator[tuple[str, Bbox]]:
    """Yield every visible text of the axes, and the legend, with the room it takes on the page."""
    texts: list[Any] = axes.findobj(Text)
    for text in texts:
        if text.get_text() and text.get_visible():
            yield text.get_text(), text.get_window_extent()


def widths(axes: Axes) -> list[float]:
    """Return the lengths of the bars, from the top down."""
    bars = sorted(axes.patches, key=lambda bar: -bar.get_xy()[1])  # type: ignore[attr-defined]
    return [bar.get_width() for bar in bars]  # type: ignore[attr-defined]


def test_bars_and_marks_stand_at_their_numbers(axes: Axes) -> None:
    """From the top down, bars are as long as the posteriors, and marks stand at the priors."""
    (marks,) = axes.lines
    assert widths(axes) == FRAME["posterior"].tolist()
    assert np.asarray(marks.get_xdata()).tolist() == FRAME["prior"].tolist()
    assert np.asarray(marks.get_ydata()).tolist() == [2, 1, 0]
    assert axes.get_xlim() == (0, 1)


def test_labels_are_wrapped_and_numbers_written(axes: Axes) -> None:
    """Each bar has its label on the left, and both of its numbers on the right."""
    labels = {
        round(place): text.get_text()
        for place, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
    }
    assert labels[2] == "First"
    assert labels[1].replace("\n", " ") == FRAME["label"][1]
    assert max(map(len, labels[1].splitlines())) <= 34
    written = {text.get_text() for text in axes.texts}
    assert {"97.0 %", "50.0 %", "<0.1 %", "30.0 %", "95.0 %", "1.0 %", "prior", "posterior"} == written


def test_no_text_covers_another_or_leaves_the_page(axes: Axes) -> None:
    """Title, labels, numbers and legend have room of their own within the picture."""
    page = axes.get_figure(root=True).bbox  # type: ignore[union-attr]
    found = list(boxes(axes))
    assert len(found) > 15
    for text, box in found:
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
    for (one, first), (other, second) in combinations(found, 2):
        assert not first.overlaps(second), (one, other)


def test_the_legend_covers_no_bar_and_no_mark(axes: Axes) -> None:
    """The row above the bars is the legend's, even when a bar goes all the way to the right."""
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["posterior", "prior"]
    bottom = legend.get_window_extent().y0
    assert bottom > max(bar.get_window_extent().y1 for bar in axes.patches)
    assert bottom > axes.transData.transform((0, 2))[1] + 15 / 2


def test_a_long_title_is_wrapped_whole(axes: Axes) -> None:
    """A title too long for one line loses no word."""
    title = axes.get_title(loc="left")
    assert title.count("\n") >= 3
    assert title.replace("\n", " ") == LONG


def test_a_picture_on_axes_given() -> None:
    """On somebody's own axes the picture goes there, and its title keeps to their width."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    assert plot_ranking(FRAME, LONG, left) is left
    assert len(right.patches) == 0
    plot_ranking(FRAME, LONG, right)
    drawn(right)
    title = next(box for text, box in boxes(right) if text.startswith("network:"))
    assert title.x1 <= figure.bbox.x1
    assert plt.get_fignums() == [figure.number]


def test_without_a_posterior_the_prior_is_all_there_is() -> None:
    """When nothing was observed the bars are the priors, with no marks and no legend to explain."""
    axes = plot_ranking(FRAME.drop(columns="posterior"), "title")
    assert widths(axes) == FRAME["prior"].tolist()
    assert axes.get_legend() is None
    assert len(axes.lines) == 0
    assert "posterior" not in {text.get_text() for text in axes.texts}


def test_style_is_passed_on() -> None:
    """What is asked of the bars is done to the bars."""
    bar = plot_ranking(FRAME, "title", color="red").patches[0]
    assert bar.get_facecolor() == (1, 0, 0, 1)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, by WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("one", "other"), [(BLUE, "white"), ("black", BLUE)], ids=["bar on page", "mark on bar"]
)
def test_it_can_be_read_in_grey(one: str, other: str) -> None:
    """Bars on the page and marks on the bars differ in lightness by the 3 to 1 that WCAG 2 asks."""
    dark, light = sorted([luminance(one), luminance(other)])
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_the_marks_are_black_on_white() -> None:
    """The marks that the test of grey speaks of are the ones that are drawn."""
    (marks,) = plot_ranking(FRAME, "title").lines
    look: Any = marks.get_path_effects()[0]
    assert marks.get_color() == "black"
    assert look._gc["foreground"] == "white"


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are an extra, and whoever lacks it is told its name."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "buttpain\[plots\]"'):
        plot_ranking(FRAME, "title")


def test_a_posterior_draws_what_it_says() -> None:
    """The bars of a posterior are its ranking, the marks its priors, and the title what was observed."""
    case = bp.observe(
        bp.load_network("five_findings"),
        {"sit_bone_tenderness": True, "burning_pain_past_knee": {"present": 0.7, "absent": 0.2}},
    )
    post = case.posterior()
    axes = post.plot()
    assert widths(axes) == post.ranked().tolist()
    before = bp.observe(case.net).posterior().ranked()
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == before[post.ranked().index].tolist()
    assert axes.get_title(loc="left").replace("\n", " ") == (
        "five_findings: Sit-bone tenderness present; Burning pain past the knee absent 0.2, present 0.7"
    )


def test_a_case_without_evidence_draws_the_priors() -> None:
    """With nothing observed there is nothing to compare with, and the title says so."""
    axes = bp.observe(bp.load_network("five_findings")).posterior().plot()
    assert axes.get_title(loc="left") == "five_findings: nothing observed"
    assert axes.get_legend() is None
