"""The Model Context Protocol, spoken to a real process by the SDK's own client."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE
from typing import Any, NamedTuple

import anyio
import numpy as np
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import CallToolResult, TextContent, Tool

import buttpain as bp
from buttpain.analysis.explanation import explain
from buttpain.analysis.information import next_findings
from buttpain.faces.mcp import INSTRUCTIONS, NO_RULES, SILENCE, TOOLS, UnknownTool, call, server
from buttpain.faces.schema import USE, InvalidRequest
from buttpain.faces.service import Limits, Networks
from buttpain.model.network import Table, Variable

RUNNER = bp.load_network("runner")
SEEN = {"saddle_anaesthesia": True, "hop_test_pain": "absent", "age": "50_and_over", "fever": None}
CASE = bp.observe(RUNNER, SEEN)
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "list_networks": ("list_networks", {}),
    "describe_network": ("describe_network", {"network": "runner"}),
    "posterior": ("posterior", {"network": "runner", "evidence": SEEN}),
    "explain": ("explain", {"network": "runner", "evidence": SEEN, "target": "cauda_equina_syndrome"}),
    "next_finding": ("next_finding", {"network": "runner", "evidence": SEEN, "n": 2}),
    "triage": ("triage", {"network": "runner", "evidence": SEEN}),
    "misspelt": ("triage", {"network": "runner", "evidence": {"saddle_anesthesia": True}}),
    "unheard of": ("diagnose", {}),
}


class Talk(NamedTuple):
    """What a client saw, and what the process said beside the protocol."""

    tools: Mapping[str, Tool]
    instructions: str
    results: Mapping[str, CallToolResult]
    stderr: str


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """Start the command, ask everything, and hang up."""
    log = tmp_path_factory.mktemp("mcp") / "stderr"

    async def converse() -> Talk:
        command = StdioServerParameters(command=sys.executable, args=["-W", "error", "-m", "buttpain", "mcp"])
        with log.open("w", encoding="utf-8") as stderr:
            async with Client(stdio_client(command, stderr), read_timeout_seconds=60) as client:
                listed = await client.list_tools()
                results = {name: await client.call_tool(*asked) for name, asked in ASKED.items()}
                return Talk(
                    {tool.name: tool for tool in listed.tools}, client.instructions or "", results, ""
                )

    return anyio.run(converse)._replace(stderr=log.read_text(encoding="utf-8"))


def texts(result: CallToolResult) -> list[str]:
    """Return what a result says in words."""
    return [block.text for block in result.content if isinstance(block, TextContent)]


def found(talk: Talk, name: str) -> dict[str, Any]:
    """Return an answer as data, which must say the same as its text."""
    result = talk.results[name]
    assert not result.is_error
    assert json.loads(texts(result)[1]) == result.structured_content
    return dict(result.structured_content)


def test_the_tools_are_offered_with_schema_and_purpose(talk: Talk) -> None:
    """Six tools that only read; each schema takes what the tests ask, and nothing that it does not name."""
    assert tuple(talk.tools) == TOOLS
    assert TOOLS == ("list_networks", "describe_network", "posterior", "explain", "next_finding", "triage")
    for name, tool in talk.tools.items():
        assert tool.input_schema["properties"].keys() >= ASKED[name][1].keys()
        assert tool.input_schema["additionalProperties"] is False
        assert tool.input_schema.get("required", []) == ([] if name == "list_networks" else ["network"])
        assert USE in (tool.description or "")
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint


def test_the_client_is_told_how_to_use_it(talk: Talk) -> None:
    """The instructions arrive, with the use and what silence does not mean; nothing goes to stderr."""
    assert talk.instructions == INSTRUCTIONS
    assert USE in INSTRUCTIONS
    assert SILENCE in INSTRUCTIONS
    assert talk.stderr == ""


def test_every_answer_says_what_it_is_for(talk: Talk) -> None:
    """The sentence on use stands in words and in data of each answer."""
    for name in TOOLS:
        assert texts(talk.results[name])[0].endswith(USE)
        assert found(talk, name)["use"] == USE


@pytest.mark.parametrize("name", ["posterior", "explain", "next_finding", "triage"])
def test_red_flags_come_first(talk: Talk, name: str) -> None:
    """Whatever is asked about a case, the flags that fire open the answer."""
    lines = texts(talk.results[name])[0].split("\n")
    assert tuple(lines[:-2]) == CASE.alerts()
    assert lines[-2] == SILENCE
    answer = found(talk, name)
    assert answer["triage"] == {**bp.triage(CASE).to_dict(), "rules": len(RUNNER.red_flags)}
    assert answer["triage"]["urgency"] == "emergency"
    assert answer["evidence"] == dict(CASE.evidence)


TWINS: dict[str, tuple[str, Callable[[], Any]]] = {
    "posterior": ("posterior", lambda: CASE.posterior().to_dict()["posterior"]),
    "explain": ("explanation", lambda: explain(CASE, "cauda_equina_syndrome").to_dict()),
    "next_finding": ("next", lambda: next_findings(CASE, 2).to_dict()),
}


@pytest.mark.parametrize("name", TWINS)
def test_an_answer_is_the_librarys(talk: Talk, name: str) -> None:
    """A section is what the library's own result gives, and no other section was computed."""
    section, twin = TWINS[name]
    answer = found(talk, name)
    expected = json.loads(json.dumps(twin()))
    if section == "posterior":
        assert answer[section] == expected
    else:
        assert answer[section] == {part: expected[part] for part in answer[section]}
        assert expected.keys() - answer[section].keys() == {"network", "evidence"}
    others = {"posterior", "explanation", "next", "uncertainty", "sensitivity"} - {section}
    assert not others & answer.keys()


def test_a_network_is_described_without_what_it_does_not_say(talk: Talk) -> None:
    """Every finding with question and states; nothing empty, which a model would have to read."""
    form = found(talk, "describe_network")
    nodes = [node for group in form["findings"] for node in group["findings"]] + form["risk_factors"]
    assert {node["name"] for node in nodes} == {*RUNNER.findings, *RUNNER.risk_factors}
    for node in nodes:
        assert tuple(node["states"]) == RUNNER.states(node["name"])
        assert node.get("question", "") == RUNNER.variable(node["name"]).question
        assert "" not in node.values()
        assert None not in node.values()
    assert [flag["name"] for flag in form["red_flags"]] == [flag.name for flag in RUNNER.red_flags]
    names = [item["name"] for item in found(talk, "list_networks")["networks"]]
    assert names == list(bp.available_networks())


def test_complaints_arrive_in_the_librarys_words(talk: Talk) -> None:
    """A misspelt finding and an unknown tool are errors that name what was meant, with their facts."""
    result = talk.results["misspelt"]
    assert result.is_error
    (said,) = texts(result)
    assert said.startswith(
        "'saddle_anesthesia' is no node of network 'runner'. Did you mean 'saddle_anaesthesia'"
    )
    assert result.structured_content["type"] == "urn:buttpain:problem:unknown-node"
    assert result.structured_content["matches"][0] == "saddle_anaesthesia"
    unknown = talk.results["unheard of"]
    assert unknown.is_error
    assert texts(unknown)[0].startswith("'diagnose' is no tool here. Choose from: list_networks")


FIVE = {"network": "five_findings"}
WRONG: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "tool": ("triag", FIVE, UnknownTool, "'triag' is no tool here. Did you mean 'triage'"),
    "network": (
        "triage",
        {"network": "runer"},
        bp.ButtpainError,
        "'runer' is no network on offer. Did you mean 'ru",
    ),
    "no network": ("posterior", {}, ValueError, "network: is missing"),
    "argument": (
        "explain",
        {**FIVE, "targt": "x"},
        ValueError,
        "targt: is no field here. Did you mean 'target'",
    ),
    "another tool's": ("triage", {**FIVE, "n": 3}, ValueError, "n: is no field here"),
    "not for lists": ("list_networks", FIVE, ValueError, "network: is no field here"),
    "kind": ("next_finding", {**FIVE, "n": "3"}, ValueError, "n: must be a whole number"),
    "state": (
        "triage",
        {**FIVE, "evidence": {"hop_test_pain": "yes"}},
        bp.UnknownState,
        "'yes' is no state of",
    ),
    "target": ("explain", {**FIVE, "target": "cold"}, bp.UnknownNode, "'cold' is no node"),
    "impossible": (
        "posterior",
        {**FIVE, "evidence": {"buttock_pain": False}},
        bp.ImpossibleEvidence,
        "cannot hold",
    ),
    "version": ("triage", {**FIVE, "version": "0"}, ValueError, "is of version '1' here, not '0'"),
    "too much": (
        "posterior",
        {**FIVE, "uncertainty": {"samples": 11}},
        ValueError,
        "uncertainty.samples is 11; at most 10 are answered here",
    ),
}


@pytest.mark.parametrize(("name", "arguments", "error", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_answered_is_refused(
    name: str, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Each fault is an error of the library that says what and what to do."""
    with pytest.raises(error, match=words) as caught:
        call(Networks(), name, arguments, Limits(samples=10))
    assert isinstance(caught.value, bp.ButtpainError)


def test_half_a_character_is_refused() -> None:
    """Whichever transport lets it through: it could not be sent back."""
    for arguments in ({**FIVE, "evidence": {"\ud800": True}}, {**FIVE, "version": "\ud800"}):
        with pytest.raises(InvalidRequest, match="half of a character, a lone surrogate"):
            call(Networks(), "triage", arguments)


def message(number: Any, evidence: Any) -> bytes:
    """Return a call of the triage tool as a line of JSON, with whatever stands in it."""
    params = {"name": "triage", "arguments": {**FIVE, "evidence": evidence}}
    asked = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(asked).encode("ascii") + b"\n"


def test_a_request_that_cannot_be_read_is_replied_to() -> None:
    """The SDK drops it and its client waits for ever; here the one who asked hears why, and goes on."""
    hello = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
    long = message("long", {"hop_test_pain": {"present": 7}}).replace(b"7", b"7" * 5000)
    lines = [
        json.dumps(hello).encode() + b"\n",
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n',
        message(1, {"\ud800": True}),
        b"no JSON at all\n",
        b"[" * 5000 + b"\n",
        message("\ud800", {}),
        message(True, {"\ud800": True}),
        long,
        message(2, {"hop_test_pain": True}),
    ]
    command = [sys.executable, "-W", "error", "-m", "buttpain", "mcp"]
    # Not `run`, which would close the input, and with it the talk, before the answers are there.
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"".join(lines))
        process.stdin.flush()
        replies = {}
        while 2 not in replies:
            line = process.stdout.readline()
            assert line, process.stderr.read().decode()
            told = json.loads(line)
            replies[told["id"]] = told
        process.stdin.close()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""
    assert replies.keys() == {0, 1, "long", 2}
    for number in (1, "long"):
        assert replies[number]["error"]["code"] == -32700
        assert "without lone surrogates, and no number of thousands" in replies[number]["error"]["message"]
    assert replies[2]["result"]["structuredContent"]["triage"]["urgency"] == "prompt"


def test_a_network_without_red_flags_says_so(tmp_path: Path) -> None:
    """In words and as a number of an answer, and as an empty list of the description."""
    path = tmp_path / "plain.bif"
    families = {"a": Table((), np.array([0.5, 0.5]))}
    bp.save_network(bp.Network("plain", (Variable("a"),), families), path)

    async def ask(tool: str, network: str) -> CallToolResult:
        async with Client(server(Networks([path]))) as client:
            return await client.call_tool(tool, {"network": network})

    for tool in ("triage", "describe_network"):
        assert NO_RULES in texts(anyio.run(ask, tool, "plain"))[0]
        assert NO_RULES not in texts(anyio.run(ask, tool, "five_findings"))[0]
    assert NO_RULES not in texts(anyio.run(ask, "triage", "runner"))[0]
    assert anyio.run(ask, "triage", "plain").structured_content["triage"]["rules"] == 0
    assert anyio.run(ask, "describe_network", "plain").structured_content["red_flags"] == []


def test_intervals_are_given_if_asked() -> None:
    """The posterior tool takes the options of uncertainty."""
    case = {**FIVE, "targets": ["lumbar_radicular_pain"], "uncertainty": {"samples": 50, "seed": 3}}
    answer = call(Networks(), "posterior", case)
    (interval,) = answer["uncertainty"]["targets"]
    assert answer["uncertainty"]["samples"] == 50
    assert interval["q2.5"] < answer["posterior"]["lumbar_radicular_pain"]["present"] < interval["q97.5"]


def test_a_network_of_ones_own_is_offered(tmp_path: Path) -> None:
    """A file named by the operator answers like the others, through the protocol."""
    path = tmp_path / "own.toml"
    bp.save_network(bp.load_network("five_findings"), path)
    path.write_text(path.read_text(encoding="utf-8").replace('"five_findings"', '"own"', 1), encoding="utf-8")

    async def ask() -> CallToolResult:
        async with Client(server(Networks([path]))) as client:
            return await client.call_tool("triage", {"network": "own"})

    assert anyio.run(ask).structured_content["network"] == "own"
