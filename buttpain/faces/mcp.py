"""The Model Context Protocol on stdio: what a language model may ask, answered by the library.

A tool's arguments are fields of the requests in `schema`, and its answer is that of
`service`.  Every answer begins with the red flags and with what it is for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    PARSE_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ErrorData,
    JSONRPCError,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel, Field, ValidationError

from buttpain.errors import ButtpainError, did_you_mean
from buttpain.faces.schema import (
    USE,
    CaseRequest,
    ExplanationOptions,
    InvalidRequest,
    Name,
    NetworkForm,
    NextOptions,
    Stated,
    UncertaintyOptions,
    is_utf8,
    read,
)
from buttpain.faces.service import LIMITS, Limits, Networks, Section, answer, form, listing, problem
from buttpain.faces.words import version
from buttpain.model.network import Network

__all__ = ["INSTRUCTIONS", "NO_RULES", "SILENCE", "TOOLS", "UnknownTool", "call", "serve", "server"]

SILENCE = "A finding not observed fires no red flag, so silence is no all-clear."
"""What no red flag does not mean."""

NO_RULES = "This network states no red flags: none can fire, whatever is observed."
"""What is said before that of a network that has none."""

INSTRUCTIONS = f"""\
buttpain answers from Bayesian networks of the causes of buttock pain in runners. {USE}
Call list_networks, then describe_network: only its node names and states are understood.
Report a finding as absent only if someone looked and it was absent; leave out what nobody looked for.
Show the red flags first, whatever leads the ranking, and say what the answer is for. {SILENCE}
A posterior is a probability under the network, for its population. Do not round it to a yes or a no.\
"""
"""What a client is told on connecting."""


class UnknownTool(ButtpainError, KeyError):
    """A name that is none of the tools.

    Attributes
    ----------
    name, known
        What was given, and what there is.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"{name!r} is no tool here. {did_you_mean(name, self.known)}")


# -- arguments ---------------------------------------------------------------------------


class _Nothing(BaseModel):
    model_config = CaseRequest.model_config


class _Named(_Nothing):
    network: Name = Field(description="One of list_networks.")


class _Case(_Named):
    version: str | None = Field(default=None, description=CaseRequest.model_fields["version"].description)
    evidence: dict[str, Stated] = Field(
        default_factory=dict, description=CaseRequest.model_fields["evidence"].description
    )


class _Posterior(_Case):
    targets: list[Name] | None = Field(
        default=None, min_length=1, description=CaseRequest.model_fields["targets"].description
    )
    uncertainty: UncertaintyOptions | None = Field(
        default=None, description="Ask for credible intervals; {} takes the defaults. Takes some seconds."
    )


class _Explain(_Case, ExplanationOptions):
    pass


class _Next(_Case, NextOptions):
    pass


# -- tools -------------------------------------------------------------------------------

Offer = Mapping[str, Network]
Work = Callable[[Offer, Any, Limits], BaseModel]


def _list(networks: Offer, _: _Nothing, __: Limits) -> BaseModel:
    return listing(networks)


def _describe(networks: Offer, stated: _Named, _: Limits) -> BaseModel:
    return form(networks[stated.network])


def _ask(networks: Offer, stated: _Case, limits: Limits, *, section: Section | None = None) -> BaseModel:
    """Answer a case whose options, if its section has any, stand beside it."""
    own = stated.model_dump(exclude_unset=True)
    options = {name: own.pop(name) for name in list(own) if name not in CaseRequest.model_fields}
    if options and section:
        own[section] = options
    return answer(networks, read(CaseRequest, own), [section] if section else [], limits)


@dataclass(frozen=True)
class _Offered:
    """A tool: its name, what it is for, what it takes, and what answers it."""

    name: str
    purpose: str
    arguments: type[BaseModel]
    work: Work


_OFFERED = {
    tool.name: tool
    for tool in (
        _Offered("list_networks", "The networks there are.", _Nothing, _list),
        _Offered(
            "describe_network",
            "A network's findings and risk factors with the question to ask for each and its states, its "
            "conditions, and its red flags.",
            _Named,
            _describe,
        ),
        _Offered(
            "posterior",
            "How probable each condition is, given what was observed, beside how probable it was before; "
            "with credible intervals if asked.",
            _Posterior,
            partial(_ask, section="posterior"),
        ),
        _Offered(
            "explain",
            "Which findings speak for and against a condition, in bits, and whether they clash.",
            _Explain,
            partial(_ask, section="explanation"),
        ),
        _Offered(
            "next_finding",
            "What to ask or examine next: expected information and cost of each finding, and what each "
            "answer would do.",
            _Next,
            partial(_ask, section="next"),
        ),
        _Offered("triage", "The red flags that fire, and how soon they want attention.", _Case, _ask),
    )
}

TOOLS = tuple(_OFFERED)
"""The names of the tools."""


def call(
    networks: Mapping[str, Network], name: str, arguments: Mapping[str, Any], limits: Limits = LIMITS
) -> dict[str, Any]:
    """Return a tool's answer as plain data.

    Parameters
    ----------
    networks
        By name.
    name
        One of `TOOLS`.
    arguments
        As the tool's schema has them.
    limits
        What a request may ask for.

    Raises
    ------
    UnknownTool, ButtpainError

    Examples
    --------
    >>> from buttpain.faces.mcp import call
    >>> from buttpain.faces.service import Networks
    >>> case = {"network": "five_findings", "evidence": {"hop_test_pain": True}}
    >>> found = call(Networks(), "triage", case)
    >>> found["triage"]["urgency"], found["use"]
    ('prompt', 'For research and decision support; it is not a diagnosis.')
    """
    if name not in _OFFERED:
        raise UnknownTool(name, TOOLS)
    if not is_utf8(arguments):
        raise InvalidRequest([("", "a text holds half of a character, a lone surrogate; send both or none")])
    tool = _OFFERED[name]
    found = tool.work(networks, read(tool.arguments, dict(arguments)), limits)
    # What was not asked for, and what a network does not say, is left out: a model reads every word.
    plain: dict[str, Any] = found.model_dump(mode="json", exclude_unset=True)
    if isinstance(found, NetworkForm):
        # That there are no red flags is worth a word; all else that is empty is not.
        return {**_stated(plain), "red_flags": _stated(plain["red_flags"])}
    return plain


def _stated(found: Any) -> Any:
    """Return plain data without what is empty, at any depth."""
    if isinstance(found, dict):
        return {name: _stated(value) for name, value in found.items() if value not in (None, "", [], {})}
    return [_stated(item) for item in found] if isinstance(found, list) else found


# -- the protocol ------------------------------------------------------------------------


def server(networks: Mapping[str, Network], limits: Limits = LIMITS) -> Server[Any]:
    """Return a server of the tools, for any transport.

    Parameters
    ----------
    networks
        By name.
    limits
        What a request may ask for.

    Examples
    --------
    >>> from buttpain.faces.mcp import server
    >>> from buttpain.faces.service import Networks
    >>> server(Networks()).name
    'buttpain'
    """

    async def list_tools(_: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_told(tool) for tool in _OFFERED.values()])

    async def call_tool(_: ServerRequestContext[Any], asked: CallToolRequestParams) -> CallToolResult:
        # In a thread, so that the connection stays awake.
        return await anyio.to_thread.run_sync(_result, networks, asked.name, asked.arguments or {}, limits)

    return Server(
        "buttpain",
        version=version(),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _told(tool: _Offered) -> Tool:
    return Tool(
        name=tool.name,
        description=f"{tool.purpose} {USE}",
        input_schema=tool.arguments.model_json_schema(),
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _result(networks: Offer, name: str, arguments: Mapping[str, Any], limits: Limits) -> CallToolResult:
    """Return an answer in words and as data, or the library's complaint."""
    try:
        found = call(networks, name, arguments, limits)
    except ButtpainError as error:
        return CallToolResult(
            content=[_text(str(error))],
            structured_content=problem(error).model_dump(mode="json"),
            is_error=True,
        )
    return CallToolResult(
        content=[_text(_opening(found)), _text(json.dumps(found, ensure_ascii=False, allow_nan=False))],
        structured_content=found,
    )


def _text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def _opening(found: Mapping[str, Any]) -> str:
    """Return the red flags of an answer, and what it is for."""
    lines = []
    for flag in found.get("triage", {}).get("red_flags", []):
        urgency = flag["urgency"].replace("_", " ").upper()
        lines.append(f"{urgency}: {flag['label']} ({flag['because']}). {flag['advice']}".strip())
    if found.get("triage", {}).get("rules") == 0 or found.get("red_flags") == []:
        lines.append(NO_RULES)
    if "triage" in found:
        lines.append(SILENCE)
    return "\n".join([*lines, found["use"]])


def serve(files: Iterable[str | Path] = (), limits: Limits = LIMITS) -> None:
    """Answer on standard input and output until the client goes away.

    Parameters
    ----------
    files
        Networks of one's own, beside those that come with the library.
    limits
        What a request may ask for.

    Raises
    ------
    NetworkFileError
    """
    offered = server(Networks(files), limits)

    async def talk() -> None:
        # The items stand for messages, and for what was none.
        to_server, legible = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        async with stdio_server() as (reading, writing), anyio.create_task_group() as tasks:

            async def sort() -> None:
                async with reading, to_server:
                    async for item in reading:
                        refused = _illegible(item) if isinstance(item, Exception) else None
                        await (to_server.send(item) if refused is None else writing.send(refused))

            tasks.start_soon(sort)
            await offered.run(legible, writing, offered.create_initialization_options())

    anyio.run(talk)


def _illegible(error: Exception) -> SessionMessage | None:
    """Return a reply to a request that is no JSON, if it can be told whose it is; the SDK sends none."""
    if not isinstance(error, ValidationError):
        return None
    fault = error.errors(include_url=False)[0]
    try:
        asked = json.loads(fault["input"], parse_int=_short)["id"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    if not isinstance(asked, int | str) or isinstance(asked, bool) or not is_utf8(asked):
        return None
    said = (
        f"The request cannot be read. {fault['msg']}. Send characters whole, without lone surrogates, and no "
        f"number of thousands of digits."
    )
    return SessionMessage(
        JSONRPCError(jsonrpc="2.0", id=asked, error=ErrorData(code=PARSE_ERROR, message=said))
    )


def _short(digits: str) -> int | None:
    """Return a whole number that may be an id; Python refuses to read one of thousands of digits."""
    return int(digits) if len(digits) < 20 else None
