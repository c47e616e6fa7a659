"""The page at `/`, in a real browser: what is ticked is asked, what is shown is what the service answers."""

import importlib.util
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import buttpain as bp
from buttpain.faces.server import PAGE, application
from buttpain.faces.service import Networks

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CASE = "five_findings/1?hop_test_pain=present&sit_bone_tenderness=absent"
SLOW = 60_000  # milliseconds

# -- the files -----------------------------------------------------------------------------------


def files() -> dict[str, str]:
    """Return the page's files by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in PAGE.iterdir()}


def test_the_service_gives_the_page_under_a_strict_policy() -> None:
    """Page, script and style come from `/`; nothing may come from elsewhere, and nothing is kept."""
    with TestClient(application(), base_url="http://localhost") as client:
        for path, kind in (("/", "html"), ("/app.js", "javascript"), ("/style.css", "css")):
            found = client.get(path)
            assert found.status_code == 200
            assert kind in found.headers["content-type"]
            assert "default-src 'none'; script-src 'self'" in found.headers["content-security-policy"]
            assert "unsafe" not in found.headers["content-security-policy"]
            assert found.headers["cache-control"] == "no-store"
            assert "set-cookie" not in found.headers


def test_nothing_clinical_stands_in_the_page() -> None:
    """No name and no label of any node of a shipped network: all of it comes from the service."""
    text = " ".join(files().values()).lower()
    names = {name for net in Networks().values() for node in net.nodes for name in (node, net.label(node))}
    # Words of CSS and of the page itself.
    names -= {"age", "Age", "sex", "Sex", "limp", "Limp"}
    assert len(names) > 100
    found = [name for name in names if re.search(rf"\b{re.escape(name.lower())}\b", text)]
    assert found == []


def test_nothing_is_loaded_stored_or_written_as_markup() -> None:
    """No address elsewhere, no cookie or storage, no text that becomes markup."""
    text = " ".join(files().values()).replace("http://www.w3.org/2000/svg", "")
    for word in ("http:", "https:", "//cdn", "cookie", "localStorage", "sessionStorage", "indexedDB"):
        assert word not in text
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in text


# -- the browser ---------------------------------------------------------------------------------


@contextmanager
def served(port: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the address of a service in a process of its own, and the process."""
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    code = f"from buttpain.faces.server import serve; serve(port={port})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://localhost:{port}/", process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of a running service."""
    with served() as (found, _):
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed: python -m pip install playwright")
    api = import_module("playwright.sync_api")
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    with api.sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no Chromium starts here: {str(error).splitlines()[0]}")
        yield found
        found.close()


class Screen:
    """A page of the browser, with all that it asked for and complained of."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.requests: list[Any] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 -- takes no builtin
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)

    def open(self, fragment: str) -> None:
        """Open a case and wait until its last part is drawn."""
        self.page.goto(f"{self.address}#{fragment}")
        self.wait()

    def wait(self) -> None:
        """Wait until the last part is drawn."""
        self.page.locator("#ranking .content[aria-busy=false] .note", has_text="draws").wait_for(timeout=SLOW)

    def settle(self) -> None:
        """Wait until ranking and flags are those of the case as it stands."""
        self.page.locator("#ranking .content[aria-busy=false]").wait_for(timeout=SLOW)

    def text(self, selector: str) -> str:
        """Return the text of the first match."""
        return str(self.page.locator(selector).first.inner_text())

    def asked(self) -> list[dict[str, Any]]:
        """Return the evidence of the requests so far."""
        return [r.post_data_json["evidence"] for r in self.requests if r.method == "POST"]


@pytest.fixture
def screen(browser: Any, address: str) -> Iterator[Screen]:
    """Return a fresh screen; at the end it has complained of nothing and called nobody else."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found = Screen(context.new_page(), address)
    yield found
    assert found.complaints == []
    assert [r.url for r in found.requests if not r.url.startswith((address, "data:"))] == []
    assert [r.url for r in found.requests if "#" in r.url.removeprefix(address).lstrip("#")] == []
    assert context.cookies() == []
    assert found.page.evaluate("localStorage.length + sessionStorage.length") == 0
    context.close()


def net() -> bp.Network:
    """Return the small network."""
    return bp.load_network("five_findings")


def percent(p: float) -> str:
    """Return a probability as the page writes it."""
    return f"{100 * p:.1f} %"


def span(low: float, high: float) -> str:
    """Return an interval as the page writes it: small ones with a decimal."""
    digits = 1 if high < 0.1 else 0
    return f"{100 * low:.{digits}f}–{100 * high:.{digits}f} %"


def test_it_shows_what_the_library_answers(screen: Screen) -> None:
    """A link opens a case; ranking, priors, intervals, flags, reasons and numbers are the library's."""
    screen.open(CASE)
    evidence = {"hop_test_pain": "present", "sit_bone_tenderness": "absent"}
    case = bp.observe(net(), evidence)
    found, prior = (
        case.posterior().to_dict()["posterior"],
        bp.observe(net()).posterior().to_dict()["posterior"],
    )
    interval = bp.uncertainty(case, samples=500, seed=0).to_dict()["targets"]
    rows = screen.page.locator("#ranking tbody tr").all()
    assert len(rows) == len(found)
    for row, (name, states) in zip(rows, found.items(), strict=True):
        one = next(item for item in interval if item["node"] == name)
        cells = [cell.inner_text() for cell in row.locator("td").all()]
        assert row.locator("button").inner_text() == net().label(name)
        assert cells == [
            percent(states["present"]),
            percent(prior[name]["present"]),
            span(one["q2.5"], one["q97.5"]),
        ]
        assert float(row.locator("rect.now").get_attribute("width")) == pytest.approx(100 * states["present"])
    flags = [one.flag for one in case.red_flags]
    shown = screen.text("#flags")
    assert screen.page.locator("#flags").get_attribute("role") == "alert"
    assert len(flags) == screen.page.locator("#flags li").count() > 0
    assert all(flag.advice in shown and flag.label in shown for flag in flags)
    assert bp.explain(case).to_dict()["summary"] in screen.text("#why")
    assert "not a diagnosis" in screen.text("#use")
    top = bp.sensitivity(case, next(iter(found))).to_dict()["parameters"][0]
    assert top["source"] in screen.text("#numbers tbody tr")
    best = bp.next_findings(case, 1).to_dict()["findings"][0]
    assert best["question"] in screen.text("#next .question")


def test_yes_no_and_not_asked(screen: Screen) -> None:
    """Yes, no and back to not asked: what is asked of the service, and what stands in the fragment."""
    screen.open("five_findings/1?")
    box = screen.page.locator("[data-node=hop_test_pain]")
    for key, evidence in (
        ("Yes", {"hop_test_pain": "present"}),
        ("No", {"hop_test_pain": "absent"}),
        ("Not asked", {}),
    ):
        box.locator("label", has_text=re.compile(f"^{key}$")).click()
        screen.settle()
        assert screen.asked()[-1] == evidence
        stated = "&".join("=".join(pair) for pair in evidence.items())
        assert screen.page.url.endswith(f"#five_findings/1?{stated}")


def test_keys(screen: Screen) -> None:
    """/ goes to the search, Tab reaches the first finding left, y and n answer it; / may be switched off."""
    screen.open("five_findings/1?")
    page = screen.page
    page.keyboard.press("/")
    page.keyboard.type("hop")
    assert page.locator("#search").input_value() == "hop"
    assert page.locator(".node:visible").count() == 1
    assert screen.text("#found") == "1 of 5 findings"
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "hop_test_pain":
            break
    for key, state in (("n", "absent"), ("y", "present")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.value") == state
        assert f"hop_test_pain={state}" in page.url
    page.keyboard.press("u")
    assert "hop_test_pain" not in page.url
    page.locator("#slash").uncheck()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "slash"


def test_the_next_question_is_answered_by_a_click(screen: Screen) -> None:
    """A click on an answer enters it, and another question comes; the chip takes it back."""
    screen.open("five_findings/1?")
    best = bp.next_findings(bp.observe(net()), 1).to_dict()["findings"][0]
    likely = next(reply["probability"] for reply in best["answers"] if reply["answer"] == "present")
    row = screen.page.locator("#next tbody tr").first
    assert [row.locator("button").inner_text(), row.locator("td").first.inner_text()] == [
        "yes",
        percent(likely),
    ]
    row.locator("button").click()
    screen.wait()
    assert screen.asked()[-1] == {best["finding"]: "present"}
    assert best["question"] not in screen.text("#next .question")
    screen.page.get_by_role("button", name=f"Take back {best['label']}").click()
    screen.settle()
    assert screen.asked()[-1] == {}


def test_another_condition_can_be_explained(screen: Screen) -> None:
    """Choosing a condition asks why and which numbers, of it alone, and nothing else again."""
    screen.open(CASE)
    before = len(screen.asked())
    name = list(bp.observe(net()).posterior().to_dict()["posterior"])[-1]
    screen.page.get_by_role("button", name=net().label(name), exact=True).click()
    screen.page.locator("#numbers caption", has_text=net().label(name)).wait_for(timeout=SLOW)
    evidence = {"hop_test_pain": "present", "sit_bone_tenderness": "absent"}
    summary = bp.explain(bp.observe(net(), evidence), name).to_dict()["summary"]
    assert summary in screen.text("#why")
    assert [r.url.rpartition("/")[2] for r in screen.requests if r.method == "POST"][before:] == [
        "explain",
        "sensitivity",
    ]


def test_several_states_and_another_network(screen: Screen) -> None:
    """A finding of several states is a list; changing the network begins anew."""
    screen.open(CASE)
    screen.page.locator("#network").select_option("runner")
    select = screen.page.locator("[data-node=age] select")
    select.select_option("50_and_over")
    screen.settle()
    assert screen.asked()[-1] == {"age": "50_and_over"}
    assert "#runner/" in screen.page.url
    assert "hop_test_pain" not in screen.page.url
    assert screen.page.locator("[data-node=buttock_pain]").count() == 0  # given in every case
    screen.page.locator("#network").select_option("five_findings")
    screen.wait()


def test_what_a_link_cannot_say_is_told(screen: Screen) -> None:
    """Another version, an unknown finding and an unknown state are told, and left out."""
    screen.open("five_findings/0?hop_test_pain=present&no_such=present&sit_bone_tenderness=blue")
    notice = screen.text("#notice")
    assert "version 0" in notice
    assert "no_such=present, sit_bone_tenderness=blue" in notice
    assert screen.asked()[-1] == {"hop_test_pain": "present"}


def test_skip_links_leave_the_case_alone(screen: Screen) -> None:
    """They move the focus, not the fragment that holds the case."""
    screen.open(CASE)
    screen.page.keyboard.press("Tab")
    screen.page.keyboard.press("Tab")
    screen.page.keyboard.press("Enter")
    assert screen.page.evaluate("document.activeElement.id") == "results"
    assert screen.page.url.endswith(CASE)


def test_only_the_last_of_quick_changes_is_asked(screen: Screen) -> None:
    """Changes within the debounce are one request; a late answer to an earlier case is not shown."""
    screen.open("five_findings/1?")
    held: list[Any] = []
    screen.page.route("**/v1/posterior", lambda route: held.append(route))  # noqa: PLW0108 -- takes no builtin
    box = screen.page.locator("[data-node=hop_test_pain]")
    box.locator("input:checked").focus()
    with screen.page.expect_request("**/v1/posterior"):
        screen.page.keyboard.press("n")
        screen.page.keyboard.press("y")
    assert screen.asked()[-1] == {"hop_test_pain": "present"}
    assert screen.asked()[-2] == {}
    assert "old" in screen.page.locator("#ranking .content").get_attribute("class")
    with screen.page.expect_request("**/v1/posterior"):
        screen.page.keyboard.press("u")
    screen.page.wait_for_timeout(200)
    # The first was given up by the page; the second is let through.
    assert held[0].request.failure is not None
    held[1].continue_()
    screen.settle()
    assert screen.page.locator("#flags li").count() == 0


def test_an_impossible_case_leaves_no_old_answer(browser: Any, address: str) -> None:
    """The service's words are shown, and of the ranking before nothing; with the next change all is well."""
    page = browser.new_page()
    screen = Screen(page, address)
    screen.open(CASE)
    problem = {"detail": "These observations cannot hold together: a, b.", "status": 422}
    page.route("**/v1/posterior", lambda route: route.fulfill(status=422, json=problem))
    page.locator("#clear").click()
    page.locator("#failure", has_text="cannot hold together").wait_for(timeout=SLOW)
    assert page.locator("#ranking tr").count() == 0
    assert "not checked" in screen.text("#flags .stale")
    page.unroute("**/v1/posterior")
    page.get_by_role("button", name="Try again").click()
    screen.wait()
    assert screen.text("#failure") == ""
    assert page.locator("#flags li").count() == 0
    assert "no all-clear" in screen.text("#quiet")
    page.close()


def test_a_part_that_is_declined_says_so_in_its_place(browser: Any, address: str) -> None:
    """Without intervals the ranking stands, with the service's reason."""
    page = browser.new_page()
    problem = {"detail": "Nobody said how sure.", "status": 422}
    page.route("**/v1/uncertainty", lambda route: route.fulfill(status=422, json=problem))
    page.goto(f"{address}#{CASE}")
    page.locator("#ranking .failure", has_text="Nobody said how sure.").wait_for(timeout=SLOW)
    assert page.locator("#ranking tbody tr").count() == 5
    assert page.locator("#numbers tbody tr").count() > 0
    page.close()


def test_a_service_that_is_gone(browser: Any) -> None:
    """Said clearly, nothing old is shown; when it is back, one click goes on with the same case."""
    page = browser.new_page()
    with served() as (address, process):
        screen = Screen(page, address)
        screen.open(CASE)
        process.kill()
        process.wait()
        page.locator("[data-node=hop_test_pain] label", has_text="No").first.click()
        page.locator("#failure", has_text="does not answer").wait_for(timeout=SLOW)
        assert page.locator("#ranking tr").count() == 0
    with served(int(address.rstrip("/").rpartition(":")[2])):
        page.get_by_role("button", name="Try again").click()
        screen.wait()
        assert screen.asked()[-1] == {"hop_test_pain": "absent", "sit_bone_tenderness": "absent"}
    page.close()


@pytest.mark.parametrize(
    ("scheme", "width", "fragment"),
    [
        ("light", 1280, CASE),
        ("dark", 1280, CASE),
        ("light", 360, CASE),
        ("dark", 360, "runner/1?pain_at_sit_bone=present&age=30_to_49&history_of_cancer=present"),
    ],
)
def test_it_is_accessible_and_fits(
    browser: Any, address: str, scheme: str, width: int, fragment: str
) -> None:
    """Axe finds nothing, on a desk and on a phone, by day and by night; nothing is wider than the screen."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        pytest.skip("axe-core is not installed: python -m pip install axe-playwright-python")
    folder = Path(str(importlib.util.find_spec("axe_playwright_python").origin)).parent  # type: ignore[union-attr]
    page = browser.new_page(viewport={"width": width, "height": 740}, color_scheme=scheme)
    screen = Screen(page, address)
    screen.open(fragment)
    page.locator("#form > details").last.evaluate("one => { one.open = true }")
    page.evaluate((folder / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert len(found["passes"]) > 30
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_print_leaves_the_form_out(screen: Screen) -> None:
    """On paper stand what was observed, flags, ranking, reasons and the sentence on use; not the form."""
    screen.open(CASE)
    screen.page.emulate_media(media="print")
    seen = {name: screen.page.locator(f"#{name}").is_visible() for name in ("findings", "next", "search")}
    assert not any(seen.values())
    for name in ("use", "flags", "observed", "ranking", "why", "numbers"):
        assert screen.page.locator(f"#{name}").is_visible()
