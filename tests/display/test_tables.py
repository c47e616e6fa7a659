"""Tables: what they say fits, stands in its place and is safe to put on a page."""

import math
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from buttpain.display.tables import WIDTH, Bar, Grid, percent, wrapped

SHARES = st.floats(0, 1)
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=90)
CELLS = st.lists(WORDS, max_size=12).map(" ".join)


# -- percent -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0 %"),
        (5e-324, "<0.1 %"),
        (0.00049, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.5, "50.0 %"),
        (0.99949, "99.9 %"),
        (0.9995, ">99.9 %"),
        (1 - 1e-16, ">99.9 %"),
        (1, "100 %"),
        (math.nan, "unknown"),
    ],
)
def test_percent_at_the_edges(value: float, written: str) -> None:
    """Only 0 and 1 are written as 0 and 100, and what is not a number is not made one."""
    assert percent(value) == written


@given(SHARES)
def test_percent_is_near_the_truth(value: float) -> None:
    """What is written is within half of its last digit, or is the bound that it says it is."""
    written = percent(value)
    number = float(written.strip("<> %")) / 100
    if written.startswith("<"):
        assert 0 < value < number
    elif written.startswith(">"):
        assert number < value < 1
    else:
        assert abs(number - value) <= 0.0005 + 1e-12


# -- bars ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bar", "drawn"),
    [
        (Bar(0), ""),
        (Bar(1), "█" * 20),
        (Bar(0.5), "█" * 10),
        (Bar(1 / 160), "▏"),
        (Bar(0.25 + 4 / 160), "█████▌"),
        (Bar(1.0000001), "█" * 20),
        (Bar(0.5, 0.25), "█████│████"),
        (Bar(0.1, 0.3), "██    │"),
        (Bar(0, 0), "│"),
        (Bar(1, 1), "█" * 19 + "│"),
    ],
)
def test_a_bar_in_text(bar: Bar, drawn: str) -> None:
    """A bar is as long as its share to an eighth of a cell, and the mark takes the cell it falls in."""
    assert bar.text() == drawn


@given(SHARES, st.none() | SHARES)
def test_a_bar_never_leaves_its_cells(value: float, mark: float | None) -> None:
    """No share and no mark draw more than twenty characters."""
    assert len(Bar(value, mark).text()) <= 20


def test_a_bar_in_html() -> None:
    """Fill and mark stand at their shares, and both are said in words."""
    drawn = Bar(0.812, 0.347).html()
    assert 'class="fill" style="width:81.20%"' in drawn
    assert 'class="mark" style="left:34.70%"' in drawn
    assert 'aria-label="81.2 %, before 34.7 %"' in drawn


def test_a_bar_without_a_mark_has_none_in_html() -> None:
    """Where there is nothing to compare with, no line is drawn and none is spoken of."""
    drawn = Bar(0.00001).html()
    assert "mark" not in drawn
    assert 'aria-label="&lt;0.1 %"' in drawn


# -- text ----------------------------------------------------------------------------------------


def test_a_table_in_text() -> None:
    """Alerts, title, lead, head, rows and notes come in this order, numbers to the right."""
    grid = Grid(
        "title",
        ("what", ">share", ""),
        [("one", "5.0 %", Bar(0.05)), ("another", "50.0 %", Bar(0.5))],
        alerts=["look"],
        notes=["end"],
        lead=["seen"],
    )
    assert grid.text().splitlines() == [
        "! look",
        "title",
        "seen",
        "what      share",
        "one       5.0 %  █",
        "another  50.0 %  ██████████",
        "end",
    ]


def test_a_table_without_rows_has_no_head() -> None:
    """Where there is nothing to list, title and notes are all there is, in text and in HTML."""
    grid = Grid("title", ("what", "why"), [], notes=["nothing"])
    assert grid.text() == "title\nnothing"
    assert "what" not in grid.html()
    assert "<table>" not in grid.html()


def test_a_table_without_names_has_no_head() -> None:
    """Columns that all go unnamed need no line for their names."""
    assert Grid("", ("", ">"), [("a", "1")]).text() == "a  1"


@given(
    st.lists(st.tuples(CELLS, CELLS, st.builds(Bar, SHARES, SHARES)), min_size=1, max_size=4),
    CELLS,
    st.sampled_from([40, 60, WIDTH, 120]),
)
@example([("x" * 200, "y" * 200, Bar(1, 1))], "z" * 200, WIDTH)
def test_no_line_is_too_long_and_no_letter_is_lost(
    rows: list[tuple[str, str, Bar]], said: str, width: int
) -> None:
    """Whatever it holds, a table fits its width, and all that it holds can be read in it."""
    grid = Grid(said, ("a", "b", ""), rows, alerts=[said], notes=[said], lead=[said])
    text = grid.text(width)
    assert max(map(len, text.splitlines())) <= width
    held = "".join([said * 4, *(first + second for first, second, _ in rows)])
    for letter in set(held) - set(" !ab│"):
        assert text.count(letter) == held.count(letter)


def test_long_words_stay_whole_while_other_columns_can_give_way() -> None:
    """A name that people copy is not cut as long as prose beside it can be."""
    name = "proximal_hamstring_tendinopathy_of_the_left_leg"
    lines = Grid("", ("node", "what it is"), [(name, "many short words " * 9)]).text().splitlines()
    assert lines[1].startswith(f"{name}  many short")
    assert len(lines) > 3
    lines = Grid("", ("node", "what it is"), [(f"P of {name}", "many short words " * 9)]).text().splitlines()
    assert lines[2].startswith(f"  {name}  ")


def test_a_long_first_cell_goes_on_indented() -> None:
    """A label that needs a second line is not taken for two rows, and its numbers stand in the first."""
    grid = Grid("", ("", ">share"), [("deep gluteal syndrome", "5.0 %"), ("other", "1.0 %")])
    assert grid.text(22).splitlines() == [
        "                 share",
        "deep gluteal     5.0 %",
        "  syndrome",
        "other            1.0 %",
    ]


def test_a_number_keeps_its_sign() -> None:
    """No line breaks between a number and its per cent sign, in prose as in cells."""
    assert wrapped("above 5.0 %", 10) == ["above", "  5.0 %"]
    assert "5.0 %" in Grid("", ("a", "b"), [("x" * 70, "above 5.0 %")]).text()


# -- HTML ----------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Reads a page: what is open must be closed, and the text is kept by the class around it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.said: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember what is open."""
        self.tags.add(tag)
        self.open.append((tag, dict(attrs).get("class") or tag))

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees."""
        if data.strip() and self.open[-1][0] != "style":
            self.said.append((self.open[-1][1], data))


def test_a_table_in_html() -> None:
    """Alerts, title, lead, head, cells and notes are all there, in order, each in its place."""
    grid = Grid("title", ("what", ">share"), [("one", "5.0 %")], ["look"], ["end"], ["seen"])
    reader = Reader(grid.html())
    assert reader.open == []
    assert reader.said == [
        ("alert", "look"),
        ("title", "title"),
        ("lead", "seen"),
        ("th", "what"),
        ("number", "share"),
        ("td", "one"),
        ("number", "5.0\N{NO-BREAK SPACE}%"),
        ("note", "end"),
    ]


def test_html_takes_no_orders_from_names() -> None:
    """Names and labels come from files that anyone may have written: they are shown, never obeyed."""
    bad = '<script>alert("x")</script>'
    reader = Reader(Grid(bad, (bad, f">{bad}"), [(bad, bad)], [bad], [bad], [bad]).html())
    assert [text for _, text in reader.said] == [bad] * 8
    assert "script" not in reader.tags


def test_html_breaks_no_number() -> None:
    """Intervals and percentages stay on a line, in cells as in title, lead and notes."""
    said = "from 47.2–63.7 % to <0.1–5.0 % at 5 %"
    page = Grid(said, ("what",), [(said,)], [said], [said], [said]).html()
    assert ".whole{white-space:nowrap}" in page
    assert page.count('<span class="whole">47.2–63.7&nbsp;%</span>') == 5
    assert page.count('<span class="whole">&lt;0.1–5.0&nbsp;%</span>') == 5
    assert page.count("at 5&nbsp;%") == 5


def test_html_follows_the_colours_of_the_page() -> None:
    """Text and mark have the page's own colour, so that they show on light and on dark."""
    page = Grid("", ("",), [(Bar(0.5, 0.2),)]).html()
    assert ".mark{" in page
    assert page.count("currentColor") == 2
    assert "color:inherit" in page
