"""The picture of a network: every arrow where it belongs, every label legible, nothing by colour alone."""

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import assume, given, settings
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon
from matplotlib.text import Text
from numpy.typing import NDArray

import buttpain as bp
from buttpain.display import diagram as drawing
from buttpain.display import plots
from buttpain.display.diagram import MOST_LINES, plot_diagram
from buttpain.display.layers import Arrow, Diagram, Node
from buttpain.model.network import NoisyOr, Table, Variable
from reference import probability_of
from strategies import networks, networks_with_evidence

EVIDENCE = {
    "sit_bone_tenderness": True,
    "burning_pain_past_knee": False,
    "hop_test_pain": {"present": 0.8, "absent": 0.3},
}


@pytest.fixture(scope="module")
def five() -> bp.Network:
    """Return the small network."""
    return bp.load_network("five_findings")


@pytest.fixture(scope="module")
def large() -> bp.Network:
    """Return a network of the size that the library is for, some of its labels long."""
    rng = np.random.default_rng(5)
    made: dict[str, tuple[Variable, NoisyOr]] = {}

    def some(role: str, count: int, causes: list[str], most: int) -> list[str]:
        names = [f"{role}_{i}" for i in range(count)]
        for i, name in enumerate(names):
            parents = tuple(causes[k] for k in rng.permutation(len(causes))[: int(rng.integers(1, most + 1))])
            links = tuple((None, float(rng.uniform(0.02, 0.9))) for _ in parents)
            label = f"{name.replace('_', ' ').capitalize()} {'or so ' * (i % 6)}".strip()
            family = NoisyOr(parents, float(rng.uniform(0.02, 0.2)), links)
            made[name] = Variable(name, role=role, label=label, kind="test"), family
        return names

    risks = some("risk_factor", 19, [], 1)
    conditions = some("condition", 23, risks, 4)
    mechanisms = some("mechanism", 14, conditions, 4)
    some("finding", 78, conditions + mechanisms, 6)
    variables = tuple(variable for variable, _ in made.values())
    return bp.Network("large", variables, {name: family for name, (_, family) in made.items()})


@pytest.fixture(scope="module")
def whole(large: bp.Network) -> Axes:
    """Return the picture of it; to draw it once is enough."""
    return large.plot()


# -- what is on a picture ------------------------------------------------------------------


def plain(text: Text) -> str:
    """Return a text on one line."""
    return text.get_text().replace("\n", " ")


def inside(axes: Axes, box: FancyBboxPatch) -> list[Text]:
    """Return the texts that begin or end in a frame."""
    left, top = box.get_x(), box.get_y()
    right, bottom = left + box.get_width(), top + box.get_height()
    return [
        text
        for text in axes.texts
        if text.get_text()
        and left < float(text.get_position()[0]) < right
        and top < float(text.get_position()[1]) < bottom
    ]


def boxes(axes: Axes) -> list[FancyBboxPatch]:
    """Return the frames of the nodes, without those of the key, which hold no text."""
    return [box for box in axes.patches if isinstance(box, FancyBboxPatch) and inside(axes, box)]


def frames(axes: Axes) -> dict[str, FancyBboxPatch]:
    """Return the frames by label; of a label with two, the one drawn later."""
    return {plain(text): box for box in boxes(axes) for text in inside(axes, box)}


def middle(box: FancyBboxPatch) -> tuple[float, float]:
    """Return the centre of a frame."""
    return round(box.get_x() + box.get_width() / 2, 4), round(box.get_y() + box.get_height() / 2, 4)


def foot(axes: Axes) -> float:
    """Return where the picture ends and the key begins."""
    return max(box.get_y() + box.get_height() for box in boxes(axes)) + 5


def points(line: PathPatch) -> NDArray[np.float64]:
    """Return the points of a line."""
    return np.asarray(line.get_path().vertices, dtype=np.float64)


def lines(axes: Axes) -> list[PathPatch]:
    """Return the lines from box to box, without those of the key."""
    found = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    end = foot(axes)
    return [line for line in found if points(line)[0, 1] < end]


def dots(axes: Axes) -> list[Circle]:
    """Return the dots of the table, without those of the key."""
    found = [patch for patch in axes.patches if isinstance(patch, Circle)]
    end = foot(axes)
    return [dot for dot in found if dot.center[1] < end]


def key(axes: Axes) -> list[str]:
    """Return the words of the key."""
    end = foot(axes)
    return [text.get_text() for text in axes.texts if float(text.get_position()[1]) > end]


def joined(axes: Axes, net: bp.Network) -> set[tuple[str, str]]:
    """Return the pairs of nodes that lines lead from and to, through lanes where there are any."""
    names = {net.label(node): node for node in net.nodes}
    left: dict[tuple[float, float], str] = {}
    right: dict[tuple[float, float], str] = {}
    for box in boxes(axes):
        (name,) = (names[said] for text in inside(axes, box) if (said := plain(text)) in names)
        left[round(box.get_x(), 4), middle(box)[1]] = name
        right[round(box.get_x() + box.get_width(), 4), middle(box)[1]] = name
    onward: dict[tuple[float, float], list[tuple[float, float]]] = {}
    for line in lines(axes):
        start, *_, end = ((x, y) for x, y in points(line).round(4).tolist())
        onward.setdefault(start, []).append(end)
    found = set()
    for start, ends in onward.items():
        waiting = list(ends) if start in right else []
        while waiting:
            end = waiting.pop()
            if end in left or end in right:
                found.add((right[start], left.get(end) or right[end]))
            else:
                waiting += onward[end]
    return found


def drawn(axes: Axes) -> Axes:
    """Have matplotlib lay out the picture."""
    axes.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
    return axes


def assert_boxes_hold_their_texts(axes: Axes) -> None:
    """Demand that no text sticks out of its box."""
    for box in boxes(axes):
        around = box.get_window_extent()
        for text in inside(axes, box):
            extent = text.get_window_extent()
            assert around.x0 < extent.x0 < extent.x1 < around.x1, plain(text)
            assert around.y0 < extent.y0 < extent.y1 < around.y1, plain(text)


def luminance(colour: Any) -> float:
    """Return the relative luminance of a colour, by WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Any, other: Any) -> float:
    """Return the contrast of two colours, by WCAG 2."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


# -- arrows --------------------------------------------------------------------------------


def test_every_arrow_of_a_small_network_is_a_line(five: bp.Network) -> None:
    """Lines lead from each parent to each child and nowhere else, and each has a head."""
    axes = five.plot()
    assert joined(axes, five) == set(five.graph.edges)
    assert not dots(axes)
    heads = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    assert len(heads) == len(five.graph.edges)


@settings(max_examples=20)
@given(networks(max_nodes=6))
def test_lines_and_heads_follow_the_arrows_of_any_network(net: bp.Network) -> None:
    """Whatever the roles, lines join parents and children, and there is a head at each child."""
    axes = net.plot()
    column = {node.name: node.column for node in net.diagram.nodes}
    assert joined(axes, net) == {(a, b) if column[a] <= column[b] else (b, a) for a, b in net.graph.edges}
    tips = {tuple(patch.get_xy()[0].round(4)) for patch in axes.patches if isinstance(patch, Polygon)}
    found = frames(axes)
    for source, target in net.graph.edges:
        box = found[net.label(target)]
        side = box.get_x() + (box.get_width() if column[source] >= column[target] else 0)
        assert (round(side, 4), middle(box)[1]) in tips
    plt.close("all")


@settings(max_examples=25)
@given(drawn=networks_with_evidence(max_nodes=5))
def test_any_case_has_a_picture(drawn: tuple[bp.Network, dict[str, Any]]) -> None:
    """Whatever was observed of whatever network, what matters is drawn, and there is a page."""
    net, evidence = drawn
    assume(not any(isinstance(evidence.get(n), str) and evidence[n] != s for n, s in net.given.items()))
    assume(probability_of(net, evidence) > 1e-6)
    case = bp.observe(net, evidence)
    axes = case.plot()
    shown = {plain(text) for box in boxes(axes) for text in inside(axes, box)}
    assert {net.label(node) for node in (*evidence, *net.conditions)} <= shown
    assert case.to_html()
    plt.close("all")


def test_arrows_into_a_full_column_are_dots(large: bp.Network, whole: Axes) -> None:
    """With too many lines the last column is a table: a dot in the child's row under the parent's head."""
    rows = frames(whole)
    upright = [text for text in whole.texts if text.get_rotation() == 90]
    heads = [box for box in boxes(whole) if set(upright) & set(inside(whole, box))]
    across = {plain(text): middle(box)[0] for box in heads for text in inside(whole, box)}
    expected = {
        (across[large.label(parent)], middle(rows[large.label(finding)])[1])
        for finding in large.findings
        for parent in large.parents(finding)
    }
    found = [(round(dot.center[0], 4), round(dot.center[1], 4)) for dot in dots(whole)]
    assert set(found) == expected
    assert len(found) == len(expected) > MOST_LINES
    assert joined(whole, large) == {(a, b) for a, b in large.graph.edges if b not in large.findings}


def test_size_says_how_much(large: bp.Network, whole: Axes) -> None:
    """Of two dots the larger is that of the stronger arrow."""
    rows, found, seen = frames(whole), dots(whole), []
    for finding in large.findings:
        _, row = middle(rows[large.label(finding)])
        radii = sorted(dot.get_radius() for dot in found if abs(dot.center[1] - row) < 1)
        seen += list(zip(sorted(large.families[finding].strengths()), radii, strict=True))
    sizes = [radius for _, radius in sorted(seen)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 2 * sizes[0]


def test_thick_is_what_carries_much() -> None:
    """In a case, lines go by what they carry, and those below one point are pale."""
    nodes = tuple(Node(str(i), str(i), i // 3) for i in range(6))
    moves = [0.5, -0.05, 0.009]
    arrows = tuple(Arrow(str(i), str(i + 3), move=move) for i, move in enumerate(moves))
    axes = plot_diagram(Diagram("drawn", ("", ""), nodes, arrows))
    colours = {line: to_hex(line.get_edgecolor(), keep_alpha=True).removesuffix("ff") for line in lines(axes)}
    widths = {colour: line.get_linewidth() for line, colour in colours.items()}
    assert len(widths) == 3
    assert widths[drawing.BLUE] > 1.5 * widths[drawing.VERMILION]
    assert widths[drawing.VERMILION] > 1.5 * widths[drawing.PALE]


@pytest.mark.parametrize(("present", "less"), [(True, False), (False, True)])
def test_more_and_less_differ_in_more_than_colour(present: bool, less: bool, five: bp.Network) -> None:
    """What makes a cause likelier is a solid line or full dot; what makes it less likely, dashed or open."""
    case = bp.observe(five, isometric_hamstring_pain=present)
    (arrow,) = (arrow for arrow in case.diagram.arrows if arrow.move)
    assert arrow.move is not None
    assert (arrow.move < 0) is less
    (line,) = lines(case.plot())
    assert (line.get_linestyle() != "-") is less
    pen = drawing._Pen("drawn", (300, 100), None)
    pen.dot((10, 10), drawing._look([arrow], "black"))
    (dot,) = (patch for patch in pen.ax.patches if isinstance(patch, Circle))
    assert (luminance(dot.get_facecolor()) > 0.99) is less


# -- nodes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dpi", [72, 100])
@pytest.mark.parametrize("which", ["network", "case", "large", "large case", "focus"])
def test_no_text_covers_another_or_leaves_the_page(
    which: str, dpi: int, five: bp.Network, large: bp.Network, whole: Axes
) -> None:
    """Labels, values, title, headings and key have room of their own, and boxes hold what stands in them."""
    seen = {finding: i % 2 == 0 for i, finding in enumerate(large.findings[:9])}
    ways: dict[str, Callable[[], Axes]] = {
        "network": five.plot,
        "case": bp.observe(five, EVIDENCE).plot,
        "large": lambda: whole,
        "large case": bp.observe(large, seen).plot,
        "focus": lambda: large.plot(focus=large.conditions[:2]),
    }
    axes = ways[which]()
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_dpi(dpi)
    drawn(axes)
    page = figure.bbox
    titles = [
        text
        for text in cast("list[Text]", axes.findobj(Text))
        if text.get_text() == axes.get_title(loc="left")
    ]
    extents = [
        (text.get_text(), text.get_window_extent()) for text in (*titles, *axes.texts) if text.get_text()
    ]
    assert len(extents) > 10
    for words, extent in extents:
        assert page.x0 <= extent.x0 < extent.x1 <= page.x1, words
        assert page.y0 <= extent.y0 < extent.y1 <= page.y1, words
    for (one, first), (other, second) in combinations(extents, 2):
        assert not first.overlaps(second), (one, other)
    assert_boxes_hold_their_texts(axes)


def test_each_node_of_the_network_is_there_once(large: bp.Network, whole: Axes) -> None:
    """Every label stands in one box, and those that head a column of the table in one there."""
    found = [plain(text) for box in boxes(whole) for text in inside(whole, box)]
    assert found.count("test") == len(large.findings)  # how a finding is found; of others it is not told
    heads = {parent for finding in large.findings for parent in large.parents(finding)}
    for node in large.nodes:
        assert found.count(large.label(node)) == 1 + (node in heads), node


def test_a_case_shows_what_was_observed_and_what_follows(five: bp.Network) -> None:
    """Observed nodes are framed and name their state; the others say P(present), as does their shade."""
    case = bp.observe(five, EVIDENCE)
    axes = case.plot()
    found = {node: frames(axes)[five.label(node)] for node in (*five.conditions, *EVIDENCE)}
    said = {node: [plain(text) for text in inside(axes, box)] for node, box in found.items()}
    assert [said[node][1] for node in EVIDENCE][:2] == ["present", "absent"]
    weights = {node: box.get_linewidth() for node, box in found.items()}
    assert min(weights[n] for n in EVIDENCE) > 2 * max(weights[n] for n in five.conditions)
    assert [found[node].get_linestyle() == "-" for node in EVIDENCE] == [True, True, False]
    asked = (*five.conditions, "hop_test_pain")
    assert [said[node][1] for node in asked] == [f"{100 * case.probability(node):.1f} %" for node in asked]
    by_rank = sorted(asked, key=case.probability)
    shades = [luminance(found[node].get_facecolor()) for node in by_rank]
    assert shades == sorted(shades, reverse=True)
    assert shades[0] > 2 * shades[-1]
    assert axes.get_title(loc="left").startswith(
        "five_findings, version 1\nIn every case: Buttock pain present\n"
    )


def test_a_node_without_a_present_state_names_its_likeliest() -> None:
    """A level has no probability of being present, so its likeliest state stands there, unshaded."""
    net = bp.Network(
        "levels",
        (Variable("level", ("low", "middle", "high")), Variable("sign")),
        {
            "level": Table((), np.array([0.2, 0.5, 0.3])),
            "sign": NoisyOr(("level",), 0.1, ((None, 0.2, 0.9),)),
        },
    )
    case = bp.observe(net, sign=True)
    axes = case.plot()
    box = frames(axes)["level"]
    assert [plain(text) for text in inside(axes, box)][
        1
    ] == f"high {100 * case.probability('level', 'high'):.1f} %"
    assert luminance(box.get_facecolor()) == pytest.approx(1.0)


def test_a_case_shows_only_what_matters_to_it(five: bp.Network) -> None:
    """Findings that were not observed are left out, and counted; on request everything is drawn."""
    case = bp.observe(five, sit_bone_tenderness=True)
    axes = case.plot()
    shown = {plain(text) for box in boxes(axes) for text in inside(axes, box)}
    assert {five.label(node) for node in five.conditions} | {"Sit-bone tenderness"} <= shown
    assert not {"Pain on the hop test", "Buttock pain"} & shown
    assert "\nNot shown: 4 nodes that do not matter to the case" in axes.get_title(loc="left")
    everything = case.plot(focus=five.nodes)
    assert joined(everything, five) == set(five.graph.edges)
    assert "Not shown" not in everything.get_title(loc="left")


def test_a_single_node_left_out_is_one() -> None:
    """One node is counted as one."""
    net = bp.Network(
        "pair",
        (Variable("a", role="condition"), Variable("b", role="finding")),
        {"a": Table((), np.array([0.5, 0.5])), "b": NoisyOr(("a",), 0.1, ((None, 0.5),))},
    )
    assert "Not shown: 1 node that does not matter" in bp.observe(net).plot().get_title(loc="left")


def test_a_case_in_which_nothing_matters_is_drawn_whole() -> None:
    """Where all that there is holds in every case, that is drawn, since there is nothing else."""
    families = {"a": Table((), np.array([0.5, 0.5]))}
    net = bp.Network("one", (Variable("a"),), families, {"a": "present"})
    axes = bp.observe(net).plot()
    assert [plain(text) for box in boxes(axes) for text in inside(axes, box)] == ["a", "present"]


@pytest.mark.parametrize("share", np.linspace(0, 1, 41).tolist())
def test_a_label_can_be_read_on_any_shade(share: float) -> None:
    """Letters and box differ by the 4.5 to 1 that WCAG 2 asks of text."""
    face, ink = drawing._faced(Node("a", "A", 0, shade=share))
    assert contrast(face, ink) >= 4.5


@pytest.mark.parametrize("colour", [*drawing.HUES, drawing.GREY])
def test_a_line_can_be_seen_on_the_page(colour: str) -> None:
    """Lines and page differ by the 3 to 1 that WCAG 2 asks of what is no text."""
    assert contrast(colour, "white") >= 3


def test_the_blue_is_that_of_the_other_pictures() -> None:
    """One style in all pictures."""
    assert drawing.BLUE == plots.BLUE


def seen(colour: str, page: str) -> tuple[float, ...]:
    """Return the colour in which a colour that may let the page through appears on it."""
    *ink, share = to_rgba(colour)
    return tuple(share * a + (1 - share) * b for a, b in zip(ink, to_rgb(page), strict=True))


@pytest.mark.parametrize("page", ["white", "black"])
def test_what_is_pale_is_faint_on_any_page(page: str) -> None:
    """The arrows that carry next to nothing are not the ones that strike the eye."""
    pale = contrast(seen(drawing.PALE, page), page)
    assert 1.1 < pale < 2
    assert all(contrast(hue, page) > pale for hue in (drawing.BLUE, drawing.VERMILION))


def test_a_frame_can_be_seen_on_any_page(five: bp.Network) -> None:
    """What was observed has a black frame with a white edge, in every style."""
    with plt.style.context("dark_background"):
        axes = bp.observe(five, sit_bone_tenderness=True).plot()
    framed = [box for box in boxes(axes) if box.get_path_effects()]
    assert framed
    for box in framed:
        effects: Any = box.get_path_effects()[0]
        assert effects._gc["foreground"] == "white"
        assert effects._gc["linewidth"] > 1.5 * box.get_linewidth()


def test_labels_are_shown_as_they_are() -> None:
    """Dollar signs are no mathematics, and long labels are wrapped whole."""
    label = r"Cost in $ and $, a_b^c \alpha, then a long and winding explanation of it"
    net = bp.Network("odd", (Variable("a", label=label),), {"a": Table((), np.array([0.5, 0.5]))})
    axes = drawn(net.plot())
    (text,) = inside(axes, boxes(axes)[0])
    assert plain(text) == label
    assert max(map(len, text.get_text().splitlines())) <= 36
    assert not text.get_parse_math()


def test_roles_head_the_columns(whole: Axes) -> None:
    """Each role heads its column; a network without roles has none to name."""
    found = [t for t in whole.texts if t.get_fontweight() == "bold" and t.get_rotation() == 0]
    assert [plain(text) for text in found] == ["Risk factors", "Conditions", "Mechanisms", "Findings"]
    families: dict[str, Table | NoisyOr] = {
        "a": Table((), np.array([0.5, 0.5])),
        "b": NoisyOr(("a",), 0.1, ((None, 0.5),)),
    }
    without = bp.Network("plain", (Variable("a"), Variable("b")), families)
    assert without.diagram.headings == ("", "")
    mixed = bp.Network("mixed", (Variable("a", role="condition"), Variable("b")), families)
    assert mixed.diagram.headings == ("Conditions and others",)


# -- the whole -----------------------------------------------------------------------------


def test_a_picture_on_axes_given(five: bp.Network) -> None:
    """On somebody's own axes all is shrunk alike, and boxes still hold what stands in them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    assert bp.observe(five, EVIDENCE).plot(right) is right  # its title is higher, and takes from both
    assert five.plot(left) is left
    assert plt.get_fignums() == [figure.number]
    drawn(left)
    for axes in (left, right):
        assert_boxes_hold_their_texts(axes)


def test_a_focus_may_be_one_name_or_several(five: bp.Network) -> None:
    """Only ancestors and descendants are drawn, and the title says of what."""
    axes = five.plot(focus="deep_gluteal_syndrome")
    assert axes.get_title(loc="left") == "five_findings, version 1\nAround: Deep gluteal syndrome"
    assert joined(axes, five) == {
        ("deep_gluteal_syndrome", "burning_pain_past_knee"),
        ("deep_gluteal_syndrome", "buttock_pain"),
    }
    both = five.plot(focus=["deep_gluteal_syndrome", "hop_test_pain"])
    assert ("sacral_stress_fracture", "hop_test_pain") in joined(both, five)


def test_a_wrong_focus_is_named(five: bp.Network) -> None:
    """An unknown name is an error that knows similar ones; an empty focus is one, too."""
    with pytest.raises(bp.UnknownNode, match="Did you mean 'hop_test_pain'"):
        five.plot(focus="hop_test")
    with pytest.raises(bp.UnknownNode, match="no_such_node"):
        bp.observe(five).plot(focus=["hop_test_pain", "no_such_node"])
    with pytest.raises(ValueError, match="focus names no node; leave it out"):
        five.plot(focus=[])


def test_without_matplotlib_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, five: bp.Network
) -> None:
    """Pictures are an extra, and whoever lacks it is told its name."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "\.\[plots\]"'):
        five.plot()


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_it_is_vectors_throughout(suffix: str, whole: Axes, tmp_path: Path) -> None:
    """Saved as SVG or PDF the picture holds no image of pixels."""
    path = tmp_path / f"large.{suffix}"
    whole.get_figure(root=True).savefig(path)  # type: ignore[union-attr]
    content = path.read_bytes()
    assert len(content) > 20_000
    assert not any(mark in content for mark in (b"<image", b"/Subtype /Image", b"data:image"))


def test_the_key_explains_what_is_there_and_nothing_else(five: bp.Network) -> None:
    """Marks that do not occur are not explained."""
    assert key(five.plot()) == ["can change what it leads to by 10 points", "by 50", "by 90"]
    soft = key(bp.observe(five, EVIDENCE).plot())
    assert {"observed", "observed as likelihoods"} <= set(soft)
    assert "so in every case" not in soft
    everything = key(bp.observe(five, sit_bone_tenderness=True).plot(focus=five.nodes))
    assert {"observed", "so in every case"} <= set(everything)
    assert "observed as likelihoods" not in everything
