"""The server: the service's answers over HTTP, its words, limits that hold, nothing told of patients."""

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from buttpain.errors import ButtpainError
from buttpain.faces import service
from buttpain.faces.guard import (
    HEADERS,
    HEADERS_ROOM,
    TARGET_ROOM,
    Meters,
    Places,
    Refusal,
    Settings,
    read_json,
)
from buttpain.faces.schema import Answer, CaseRequest, CohortRequest, json_schemas, read
from buttpain.faces.server import application, openapi, serve
from buttpain.faces.service import Limits, Networks

CASE = {"network": "five_findings", "evidence": {"hop_test_pain": True, "sit_bone_tenderness": "absent"}}
SMALL = Settings(
    body=2000, seconds=0.3, body_seconds=0.3, concurrency=1, waiting=1, limits=Limits(samples=50, rows=3)
)


def client_of(settings: Settings | None = None, **options: Any) -> TestClient:
    """Return a client of the service, in this process."""
    return TestClient(application(settings, **options), base_url="http://localhost")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Return a client of the service as it starts by default."""
    with client_of() as found:
        yield found


@pytest.fixture(scope="module")
def small() -> Iterator[TestClient]:
    """Return a client of a service with tight limits."""
    with client_of(SMALL) as found:
        yield found


def problem_of(response: Any, status: int, name: str = "") -> dict[str, Any]:
    """Return the problem that a response must be."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == status
    assert found["type"] == (f"urn:buttpain:problem:{name}" if name else "about:blank")
    assert found["title"]
    return found


# -- answers -------------------------------------------------------------------------------------

SECTIONS: dict[str, tuple[service.Section, ...]] = {
    "posterior": ("posterior",),
    "sensitivity": ("sensitivity",),
    "uncertainty": ("uncertainty",),
    "explain": ("explanation",),
    "next": ("next",),
    "triage": (),
}


@pytest.mark.parametrize("path", SECTIONS)
def test_an_answer_is_the_service_s(client: TestClient, path: str) -> None:
    """What comes over the wire is what the service answers, to the last digit."""
    stated = {**CASE, "uncertainty": {"samples": 20}} if path == "uncertainty" else CASE
    response = client.post(f"/v1/{path}", json=stated)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    own = service.answer(Networks(), read(CaseRequest, stated), SECTIONS[path])
    assert response.json() == json.loads(own.model_dump_json())


def test_a_request_may_ask_for_several_sections(client: TestClient) -> None:
    """Sections whose options are stated are answered beside that of the path."""
    found = client.post("/v1/triage", json={**CASE, "next": {"n": 1}, "explanation": {}}).json()
    assert [name for name in service.SECTIONS if found[name]] == ["explanation", "next"]


def test_a_cohort(client: TestClient) -> None:
    """Many cases at once."""
    stated = {"network": "five_findings", "rows": [{}, {"hop_test_pain": True}]}
    own = service.answers(Networks(), read(CohortRequest, stated))
    assert client.post("/v1/posteriors", json=stated).json() == json.loads(own.model_dump_json())


def test_networks(client: TestClient) -> None:
    """What there is, and what a form needs."""
    names = [item["name"] for item in client.get("/v1/networks").json()["networks"]]
    assert names == list(Networks())
    for name in names:
        own = service.form(Networks()[name])
        assert client.get(f"/v1/networks/{name}").json() == json.loads(own.model_dump_json())


def test_the_operator_s_networks_are_offered(tmp_path: Path) -> None:
    """A file named at the start is asked like any other."""
    root = Path(__file__).resolve().parent.parent.parent
    text = root / "networks" / "five_findings.toml"
    path = tmp_path / "mine.toml"
    path.write_text(
        text.read_text(encoding="utf-8").replace('"five_findings"', '"mine"', 1), encoding="utf-8"
    )
    mine = client_of(Settings(networks=(str(path),)))
    assert mine.post("/v1/triage", json={**CASE, "network": "mine"}).json()["network"] == "mine"


# -- problems ------------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "an unknown network": (
        {"network": "five_finding"},
        404,
        "unknown-network",
        "Did you mean 'five_findings'?",
    ),
    "a path": ({"network": "networks/runner.toml"}, 404, "unknown-network", "is no network on offer"),
    "an unknown finding": (
        {"evidence": {"hop_tst_pain": True}},
        422,
        "unknown-node",
        "Did you mean 'hop_test_pain'?",
    ),
    "an unknown state": (
        {"evidence": {"hop_test_pain": "presnt"}},
        422,
        "unknown-state",
        "Did you mean 'present'?",
    ),
    "a clash": ({"evidence": {"buttock_pain": False}}, 422, "impossible-evidence", "buttock_pain=absent"),
    "a misspelt key": ({"evidenc": {}}, 422, "invalid-request", "Did you mean 'evidence'?"),
    "too many draws": ({"uncertainty": {"samples": 9999}}, 422, "refused", "at most 2,000 are answered here"),
    "another version": ({"version": "77"}, 409, "wrong-version", "is of version '1' here, not '77'"),
}


@pytest.mark.parametrize(("stated", "status", "name", "words"), BAD.values(), ids=BAD.keys())
def test_a_problem_says_what_the_library_says(
    client: TestClient, stated: dict[str, Any], status: int, name: str, words: str
) -> None:
    """Status, type and words of each kind of error."""
    assert words in problem_of(client.post("/v1/posterior", json={**CASE, **stated}), status, name)["detail"]


TEXTS = {
    "no JSON": (b"{", "Expecting property name"),
    "nothing": (b"", "Expecting value"),
    "no UTF-8": (b'{"network": "\xff"}', "can't decode byte"),
    "NaN": (b'{"network": NaN}', "NaN is no number in JSON; leave out what is not known"),
    "a name twice": (b'{"evidence": {"a": true, "a": false}}', "'a' stands twice in one object"),
    "half a character": (
        b'{"evidence": {"a": "\\ud800"}}',
        "half of a character, a lone surrogate; send both",
    ),
    "a long number": (
        b'{"evidence": {"a": ' + b"9" * 5000 + b"}}",
        "a number of 5,000 digits is too long; at most",
    ),
    "a deep one": (b"[" * 200_000, "it is nested too deeply"),
}


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS.keys())
def test_what_is_no_json_is_refused(client: TestClient, text: bytes, words: str) -> None:
    """So is what JSON allows and nobody can mean."""
    response = client.post("/v1/posterior", content=text, headers={"content-type": "application/json"})
    assert words in problem_of(response, 400, "invalid-json")["detail"]


def test_json_is_read_as_it_stands() -> None:
    """The stricter reader reads the rest like any other, also a character in two halves."""
    text = '{"a": [1, 2.5, null, true, {"b": "\\u00e4", "c": {}}], "b": {"\\ud83d\\ude00": -7}}'
    assert read_json(text.encode()) == json.loads(text)
    assert read_json(b"9" * 100) == int("9" * 100)


HALF = "\ud800"
HALVES: dict[str, tuple[str, dict[str, Any]]] = {
    "a state": ("posterior", {"evidence": {"hop_test_pain": HALF}}),
    "a likelihood": ("posterior", {"evidence": {"hop_test_pain": {HALF: 1}}}),
    "a node": ("posterior", {"evidence": {HALF: True}}),
    "a row": ("posteriors", {"evidence": None, "rows": [{HALF: True}]}),
    "a cost": ("next", {"next": {"cost": {HALF: 1}}}),
    "a version": ("triage", {"version": HALF}),
    "a field": ("triage", {HALF: 1}),
}


@pytest.mark.parametrize(("path", "stated"), HALVES.values(), ids=HALVES.keys())
def test_half_a_character_is_refused_wherever_it_stands(
    client: TestClient, path: str, stated: dict[str, Any]
) -> None:
    """Nothing that UTF-8 cannot write gets in, so that no answer has to repeat it."""
    text = json.dumps({**CASE, **stated}).encode("ascii")
    response = client.post(f"/v1/{path}", content=text, headers={"content-type": "application/json"})
    problem_of(response, 400, "invalid-json")


def test_no_words_of_python_reach_a_client(client: TestClient) -> None:
    """What is said of a long number is about the request, and names no function to call."""
    text = b'{"network": "five_findings", "uncertainty": {"samples": ' + b"9" * 5000 + b"}}"
    response = client.post("/v1/triage", content=text, headers={"content-type": "application/json"})
    assert "sys." not in problem_of(response, 400, "invalid-json")["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_read(client: TestClient, kind: str) -> None:
    """A page elsewhere can post these without asking; they are refused."""
    response = client.post("/v1/triage", content=json.dumps(CASE), headers={"content-type": kind})
    problem_of(response, 415, "media-type")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity"])
def test_nothing_is_unpacked(client: TestClient, coding: str) -> None:
    """A request that says it is packed is refused as such, and not as broken JSON."""
    response = client.post("/v1/triage", json=CASE, headers={"content-encoding": coding})
    assert "without Content-Encoding" in problem_of(response, 415, "media-type")["detail"]
    assert response.headers["accept-encoding"] == "identity"


def test_memory_that_runs_out_anywhere_is_a_query_too_complex(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the answer is written."""

    def greedy(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setitem(service._ANSWERS, "posterior", greedy)
    assert problem_of(client_of(SMALL).post("/v1/posterior", json=CASE), 422, "too-complex")["bound"] == 2**28
    monkeypatch.setattr(Answer, "model_dump_json", greedy)
    problem_of(client_of(SMALL).post("/v1/triage", json=CASE), 422, "too-complex")


def test_a_path_that_is_not_there(client: TestClient) -> None:
    """Problems too, in the same form."""
    problem_of(client.get("/v1/nothing"), 404)
    problem_of(client.get("/docs"), 404)
    problem_of(client.get("/v1/networks/nothing"), 404, "unknown-network")
    assert problem_of(client.get("/v1/posterior"), 405)["detail"].startswith("GET is not for this path")


def test_a_fault_of_ours_tells_nothing_of_the_case(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client hears that something broke, the log where; neither hears what was asked."""

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("hop_test_pain of Mr Example")

    monkeypatch.setattr(service, "triage", broken, raising=False)
    monkeypatch.setitem(service._ANSWERS, "posterior", broken)
    with caplog.at_level(logging.DEBUG):
        found = problem_of(client_of().post("/v1/posterior", json=CASE), 500)
    assert "Example" not in json.dumps(found) + caplog.text
    assert re.search(r"ZeroDivisionError at faces/service\.py:\d+", caplog.text)


# -- limits --------------------------------------------------------------------------------------


def test_size_is_limited(small: TestClient) -> None:
    """Declared or not, a body larger than allowed is refused."""
    large = json.dumps({**CASE, "evidence": {f"finding_{i}": True for i in range(200)}}).encode()
    headers = {"content-type": "application/json"}
    problem_of(small.post("/v1/triage", content=large, headers=headers), 413, "too-large")
    chunks = (large[i : i + 500] for i in range(0, len(large), 500))
    problem_of(small.post("/v1/triage", content=chunks, headers=headers), 413, "too-large")


def test_headers_are_limited(client: TestClient) -> None:
    """All together, however they are cut; what is just within the limit is read."""
    own = sum(len(name) + len(value) + 4 for name, value in client.get("/healthz").request.headers.raw)
    room = HEADERS_ROOM - own - 2 * len("x-1: \r\n")
    for over, status in ((0, 200), (1, 431)):
        sizes = {"x-1": "a" * 1000, "x-2": "a" * (room - 1000 + over)}
        response = client.get("/healthz", headers=sizes)
        assert response.status_code == status
        assert "x-1" not in response.text
    found = problem_of(response, 431, "headers-too-large")
    assert found["detail"].startswith("The headers have 65,537 bytes; 65,536 are read.")
    assert response.headers["cache-control"] == "no-store"


def test_the_target_is_limited(client: TestClient) -> None:
    """Path and query together, before anything looks at them."""
    within = "/healthz?x=" + "a" * (TARGET_ROOM - len("/healthz") - len("x="))
    assert client.get(within).status_code == 200
    found = problem_of(client.get(within + "a"), 414, "target-too-long")
    assert found["detail"].startswith("Path and query have 8,193 bytes; 8,192 are read.")
    problem_of(client.get("/v1/networks/" + "a" * TARGET_ROOM), 414, "target-too-long")


def test_a_body_of_the_largest_size_is_read() -> None:
    """The limit itself is allowed, and one byte more is not."""
    text = json.dumps(CASE).encode()
    headers = {"content-type": "application/json"}
    for room, status in ((len(text), 200), (len(text) - 1, 413)):
        found = client_of(replace(SMALL, body=room)).post("/v1/triage", content=text, headers=headers)
        assert found.status_code == status


def test_rows_and_draws_are_limited(small: TestClient) -> None:
    """The operator's limits reach the service."""
    rows = {"network": "five_findings", "rows": [{}] * 4}
    assert "at most 3" in problem_of(small.post("/v1/posteriors", json=rows), 422, "refused")["detail"]
    draws = {**CASE, "uncertainty": {"samples": 51}}
    assert "at most 50" in problem_of(small.post("/v1/triage", json=draws), 422, "refused")["detail"]


class Slow:
    """An answer that takes until it is let go."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, *_: Any) -> dict[str, Any]:
        """Wait."""
        self.running.release()
        assert self.go.wait(20)
        return {}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Make explanations wait until the test lets them go."""
    found = Slow()
    monkeypatch.setitem(service._ANSWERS, "explanation", found)
    yield found
    found.go.set()


def test_a_late_answer_keeps_its_place_until_it_is_done(slow: Slow) -> None:
    """When its time is up the client is told; nothing else starts in its place; then all is as before."""
    with client_of(SMALL) as client:
        start = time.monotonic()
        late = client.post("/v1/explain", json=CASE)
        assert "within 0.3 seconds" in problem_of(late, 503, "too-slow")["detail"]
        assert late.headers["retry-after"] == "5"
        assert time.monotonic() - start < 5
        assert client.get("/healthz").status_code == 503
        assert client.get("/healthz").json() == {"status": "stuck"}
        problem_of(client.post("/v1/triage", json=CASE), 503, "busy")
        assert "buttpain_late_total 1.0" in client.get("/metrics").text
        slow.go.set()
        for _ in range(100):
            if client.get("/healthz").status_code == 200:
                break
            time.sleep(0.02)
        assert client.post("/v1/triage", json=CASE).status_code == 200


def test_the_queue_is_bounded() -> None:
    """One computes, one waits, and the next is turned away at once; the one that waited is answered."""
    go = threading.Event()

    def work() -> bytes:
        assert go.wait(20)
        return b"done"

    async def ask() -> list[bytes]:
        places = Places(replace(SMALL, seconds=15.0), Meters())
        tasks = []
        for _ in range(2):
            tasks.append(asyncio.create_task(places.run(work)))
            await asyncio.sleep(0)
        start = time.monotonic()
        with pytest.raises(Refusal, match="All places are taken"):
            await places.run(work)
        assert time.monotonic() - start < 5
        go.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(ask()) == [b"done", b"done"]


# -- what surrounds an answer --------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/networks", "/v1/nothing", "/v1/posterior", "/metrics"])
def test_every_answer_is_guarded(client: TestClient, path: str) -> None:
    """Good or bad, an answer is not kept, framed, or read as what it is not."""
    found = client.get(path).headers
    assert {name: found[name] for name in HEADERS} == HEADERS
    assert "access-control-allow-origin" not in found


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", ""]
)
def test_another_host_name_is_not_answered(client: TestClient, host: str) -> None:
    """A page elsewhere whose name was made to point here gets nothing."""
    problem_of(client.post("/v1/triage", json=CASE, headers={"host": host}), 421, "unknown-host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000", "[::1]"])
def test_the_loopback_names_are_answered(client: TestClient, host: str) -> None:
    """With a port or without."""
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_hosts_are_the_operator_s() -> None:
    """Named hosts alone, or any if none is."""
    named = client_of(Settings(hosts=("pain.example",)))
    assert named.get("/healthz", headers={"host": "pain.example"}).status_code == 200
    assert named.get("/healthz").status_code == 421
    assert client_of(Settings(hosts=())).get("/healthz", headers={"host": "any.example"}).status_code == 200


def test_other_origins_read_only_if_allowed(client: TestClient) -> None:
    """No word of CORS unless the operator asks, and then for the origins that were named."""
    asks = {"origin": "https://app.example", "access-control-request-method": "POST"}
    problem_of(client.options("/v1/posterior", headers=asks), 405)
    allowing = client_of(Settings(origins=("https://app.example",)))
    allowed = allowing.options(
        "/v1/posterior", headers={**asks, "access-control-request-headers": "content-type"}
    )
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    answered = allowing.post("/v1/triage", json=CASE, headers={"origin": "https://app.example"})
    assert answered.headers["access-control-allow-origin"] == "https://app.example"
    other = allowing.post("/v1/triage", json=CASE, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_nothing_of_a_case_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Not of a good one, nor of a bad one, nor of a path that was made up."""
    with caplog.at_level(logging.DEBUG, logger="buttpain.server"):
        client.post("/v1/posterior?note=mr_example", json=CASE)
        client.post("/v1/posterior", json={**CASE, "evidence": {"mr_example": "hop_test_pain"}})
        client.get("/v1/networks/mr_example")
        client.get("/mr_example")
    told = [record.getMessage() for record in caplog.records if record.name == "buttpain.server"]
    assert [re.sub(r"[\d.]+ ms", "", line).strip() for line in told] == [
        "POST /v1/posterior 200",
        "POST /v1/posterior 422",
        "GET /v1/networks/{name} 404",
        "GET other 404",
    ]


def test_requests_are_counted() -> None:
    """By route and status, with their seconds."""
    client = client_of()
    client.post("/v1/triage", json=CASE)
    client.post("/v1/triage", json={})
    found = client.get("/metrics")
    assert found.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = found.text.splitlines()
    assert 'buttpain_requests_total{route="/v1/triage",status="200"} 1.0' in lines
    assert 'buttpain_requests_total{route="/v1/triage",status="422"} 1.0' in lines
    assert 'buttpain_request_seconds_count{route="/v1/triage"} 2.0' in lines


def test_a_page_is_served_if_there_is_one(tmp_path: Path) -> None:
    """Its files stand at the root, and may load nothing from elsewhere; the rest is as before."""
    (tmp_path / "index.html").write_text("<p>Hello</p>", encoding="utf-8")
    client = client_of(page=tmp_path)
    assert client.get("/").text == "<p>Hello</p>"
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]
    assert client.post("/v1/triage", json=CASE).status_code == 200
    problem_of(client.get("/../conftest.py"), 404)
    problem_of(client_of(page=tmp_path / "none").get("/"), 404)


# -- OpenAPI -------------------------------------------------------------------------------------


def test_the_description_has_every_path_and_every_schema(client: TestClient) -> None:
    """Each path that is served is described, and what is described is what is published."""
    described = client.get("/openapi.json").json()
    assert described == openapi()
    routes = {getattr(route, "path", "") for route in application(page=Path("none")).routes}
    assert set(described["paths"]) | {"/openapi.json"} == routes
    schemas = described["components"]["schemas"]
    assert (
        schemas["CaseRequest"]["properties"]["evidence"] == json_schemas()["case"]["properties"]["evidence"]
    )
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert references <= set(schemas)
    assert len({kind["operationId"] for item in described["paths"].values() for kind in item.values()}) == 11


CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
"""That what fits the schema is accepted is not among them: the names of nodes are the network's."""

described = schemathesis.openapi.from_asgi("/openapi.json", application(Settings(hosts=())))


described.config.phases.coverage.enabled = False


@described.parametrize()
@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
def test_the_service_keeps_to_its_description(case: Any) -> None:
    """Whatever is sent, what comes back is described, and nothing breaks."""
    case.call_and_validate(checks=CHECKS)


# -- start ---------------------------------------------------------------------------------------


def test_a_start_that_cannot_be() -> None:
    """Odd numbers of workers and files that are no network are told before anything starts."""
    with pytest.raises(ValueError, match="workers is a number of processes, at least 1; it is 0"):
        serve(workers=0)
    with pytest.raises(ButtpainError, match=r"missing\.toml: there is no such file"):
        serve(settings=Settings(networks=("missing.toml",)))
