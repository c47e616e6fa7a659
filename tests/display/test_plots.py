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
from buttpain.display.plots import BLUE, plot_ranking, plot_tornado

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
    with pytest.raises(ImportError, match=r'pip install "\.\[plots\]"'):
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


# -- on axes given -----------------------------------------------------------------------------------


def visible(axes: Axes) -> list[tuple[str, Bbox]]:
    """Return what can be read of a picture: matplotlib keeps labels beyond the ends of an axis unseen."""
    beyond = {
        id(label)
        for place, axis in enumerate((axes.xaxis, axes.yaxis))
        for label in axis.get_ticklabels()
        if not min(axis.get_view_interval()) <= label.get_position()[place] <= max(axis.get_view_interval())
    }
    texts: list[Any] = axes.findobj(Text)
    return [
        (text.get_text(), text.get_window_extent())
        for text in texts
        if text.get_text() and text.get_visible() and id(text) not in beyond
    ]


def assert_room_for_all(panels: list[Axes], least: float) -> None:
    """Demand that nothing covers anything in a figure of several pictures, and that each can be seen."""
    figure = drawn(panels[0]).get_figure(root=True)
    assert figure is not None
    found = [item for axes in panels for item in visible(axes)]
    for text, box in found:
        assert figure.bbox.padded(1).containsx(box.x0), text
        assert figure.bbox.padded(1).containsx(box.x1), text
        assert figure.bbox.padded(1).containsy(box.y0), text
        assert figure.bbox.padded(1).containsy(box.y1), text
    for (one, first), (other, second) in combinations(found, 2):
        assert not first.padded(-1).overlaps(second.padded(-1)), (one, other)
    for axes in panels:
        assert min(axes.get_window_extent().size) >= least * figure.dpi
        for bar in axes.patches:
            assert not any(bar.get_window_extent().padded(-1).overlaps(box) for _, box in visible(axes))


@pytest.fixture(scope="module")
def results() -> list[Any]:
    """Return one result of each kind that has rows, with long labels and a red flag."""
    net = bp.load_network("runner")
    evidence = {"sit_bone_tenderness": True, "groin_pain": True, "hop_test_pain": True, "age": "30_to_49"}
    case = bp.observe(net, {**evidence, "pain_running_uphill": True, "burning_pain_past_knee": False})
    target = "proximal_hamstring_tendinopathy"
    top = case.posterior().ranked().index[:6].tolist()
    return [
        bp.sensitivity(case, target),
        bp.uncertainty(case, targets=top, samples=20),
        case.posterior(top),
        bp.explain(case, target),
    ]


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.parametrize("first", [0, 2])
def test_two_pictures_stand_side_by_side(results: list[Any], first: int, layout: Any) -> None:
    """Tornado and forest, posterior and waterfall fit in halves of a page, however it is laid out."""
    _, panels = plt.subplots(1, 2, figsize=(12, 5), layout=layout)
    for result, axes in zip(results[first : first + 2], panels, strict=True):
        assert result.plot(ax=axes) is axes
    assert_room_for_all(list(panels), 1.5)


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_four_pictures_stand_on_a_page(results: list[Any], layout: Any) -> None:
    """All four fit in quarters of a page, however it is laid out."""
    _, panels = plt.subplots(2, 2, figsize=(12, 9), layout=layout)
    for result, axes in zip(results, panels.flat, strict=True):
        result.plot(ax=axes)
    assert_room_for_all(list(panels.flat), 1.2)


def test_crowded_pictures_are_seen_to_be_crowded(results: list[Any]) -> None:
    """The check of room fails where there is none."""
    _, panels = plt.subplots(1, 2, figsize=(4, 2))
    for axes in panels:
        results[0].plot(ax=axes)
    with pytest.raises(AssertionError, match=r"overlaps|contains"):
        assert_room_for_all(list(panels), 0.1)


def test_narrow_axes_keep_the_main_column_and_say_which_label_is_which(results: list[Any]) -> None:
    """Side columns give way, the posterior stays; labels cut short still differ in their ends."""
    _, panels = plt.subplots(2, 2, figsize=(12, 9))
    heads = {text for text, _ in visible(drawn(results[2].plot(ax=panels[0, 0])))}
    assert "posterior" in heads
    beside = [text for text, _ in visible(drawn(results[1].plot(ax=panels[0, 1])))]
    assert not any("–" in text for text in beside)
    assert any("–" in text for text, _ in visible(drawn(results[1].plot())))
    labels = [label.get_text() for label in results[0].plot(ax=panels[1, 0]).get_yticklabels()]
    assert any("…" in label for label in labels)
    assert len(set(labels)) >= len(labels) - 1


def test_drawing_twice_on_the_same_axes_takes_room_once(results: list[Any]) -> None:
    """Axes that were made to fit are not shrunk again."""
    _, axes = plt.subplots(figsize=(6, 4))
    sizes = []
    for _ in range(2):
        axes.clear()
        results[2].plot(ax=axes)
        sizes.append(drawn(axes).get_window_extent().width)
    assert sizes[0] == pytest.approx(sizes[1])


@pytest.mark.parametrize("span", [0.4, 0.06, 0.02, 0.004, 0.0004])
def test_ticks_say_where_they_stand(span: float) -> None:
    """Every label of a tornado's axis is the number at which its tick is."""
    ends = {"posterior_low": [0.3 - span / 2], "posterior_high": [0.3 + span / 2]}
    frame = pd.DataFrame({"label": ["a"], "low": [0.1], "high": [0.2], "grade": ["A"], **ends})
    axes = drawn(plot_tornado(frame, 0.3, ("title", "P(a)")))
    for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
        assert float(label.get_text().removesuffix(" %")) / 100 == pytest.approx(place, rel=1e-9)


def test_the_title_says_that_red_flags_fire() -> None:
    """A picture that leaves the notebook takes the warning with it; without a flag there is none."""
    case = bp.observe(bp.load_network("runner"), groin_pain=True, hop_test_pain=True)
    count = len(case.red_flags)
    urgency = case.red_flags[0].flag.urgency.replace("_", " ").upper()
    said = f"! {urgency}: {count} red flags fire" if count > 1 else f"! {urgency}: 1 red flag fires"
    for axes in (case.posterior().plot(), case.plot()):
        assert axes.get_title(loc="left").splitlines()[0] == f"{said}, see bp.triage"
    assert "red flag" not in bp.observe(case.net).posterior().plot().get_title(loc="left")


def test_a_waterfall_says_what_its_bits_and_its_axis_are(results: list[Any]) -> None:
    """A step is given those above, which the table's weight is not; ratios stand on a logarithmic scale."""
    heads = {" ".join(text.split()) for text, _ in visible(drawn(results[3].plot()))}
    assert "bits, after those above" in heads
    against = bp.explain(results[3].case, results[3].target, against="gluteal_tendinopathy").plot()
    assert against.get_xlabel() == "ratio, on a logarithmic scale"
