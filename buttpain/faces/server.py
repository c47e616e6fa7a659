"""The service over HTTP: routes, their description, and a start; what is answered stands in `service`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

import h11
import uvicorn
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from buttpain.errors import ButtpainError
from buttpain.faces.guard import LOOPBACK, Guard, Meters, Places, Problems, Refusal, Settings, read_json
from buttpain.faces.schema import (
    SCHEMA,
    USE,
    Answer,
    CaseRequest,
    CohortAnswer,
    CohortRequest,
    NetworkForm,
    NetworkList,
    Problem,
    read,
)
from buttpain.faces.service import (
    Limits,
    Networks,
    OutOfMemory,
    Section,
    answer,
    answers,
    form,
    listing,
    problem,
)

__all__ = ["Settings", "application", "openapi", "serve"]

PAGE = Path(__file__).parent / "page"
"""Files that are served at `/`, if there are any."""

# -- routes ------------------------------------------------------------------------------

Work = Callable[[Networks, Any, Limits], BaseModel]


@dataclass(frozen=True)
class Question:
    """A path to which a request is posted, and what answers it."""

    path: str
    summary: str
    takes: type[BaseModel]
    gives: type[BaseModel]
    work: Work


def _of_case(path: str, summary: str, *sections: Section) -> Question:
    def work(networks: Networks, request: CaseRequest, limits: Limits) -> BaseModel:
        return answer(networks, request, sections, limits)

    return Question(f"/v{SCHEMA}/{path}", summary, CaseRequest, Answer, work)


QUESTIONS = (
    _of_case("posterior", "Posteriors of one case, beside their priors.", "posterior"),
    _of_case("sensitivity", "How one posterior depends on the network's numbers.", "sensitivity"),
    _of_case("uncertainty", "Credible intervals of the posteriors.", "uncertainty"),
    _of_case("explain", "Which findings speak for and against an answer.", "explanation"),
    _of_case("next", "What to ask or examine next.", "next"),
    _of_case("triage", "Red flags and urgency alone."),
    Question(
        f"/v{SCHEMA}/posteriors",
        "Red flags and posteriors of many cases.",
        CohortRequest,
        CohortAnswer,
        answers,
    ),
)
NETWORKS, NETWORK = f"/v{SCHEMA}/networks", f"/v{SCHEMA}/networks/{{name}}"
PATHS = frozenset({"/healthz", "/metrics", "/openapi.json", NETWORKS, *(item.path for item in QUESTIONS)})


def _route(path: str) -> str:
    """Return the path as the service knows it; what was sent may hold anything."""
    return path if path in PATHS else NETWORK if path.startswith(f"{NETWORKS}/") else "other"


def _files(page: Path) -> Iterator[Route]:
    """Yield a route for each file of the page; a mount at `/` would swallow what other paths refuse."""
    for file in sorted(page.glob("*.*")):
        path = "/" if file.name == "index.html" else f"/{file.name}"
        yield Route(path, functools.partial(_file, file))


async def _file(file: Path, _: Request) -> Response:
    return FileResponse(file)


def application(settings: Settings | None = None, page: Path = PAGE) -> Starlette:
    """Return the service as an ASGI application.

    Parameters
    ----------
    settings
        How it is run.
    page
        A folder of files to serve at `/`, if it is there.

    Raises
    ------
    NetworkFileError, InvalidNetwork
        If a file that the settings name is no network.

    Examples
    --------
    >>> [route.path for route in application().routes][:2]
    ['/healthz', '/metrics']
    """
    settings = settings or Settings()
    networks, meters = Networks(settings.networks), Meters()
    places = Places(settings, meters)

    async def starved(_: Request, __: Exception) -> Response:
        return Problems(problem(OutOfMemory(settings.limits.memory)))

    async def health(_: Request) -> Response:
        state = "stuck" if places.stuck else "ok"
        return JSONResponse(
            {"status": state}, HTTPStatus.SERVICE_UNAVAILABLE if places.stuck else HTTPStatus.OK
        )

    async def metrics(_: Request) -> Response:
        return Response(meters.text(), media_type="text/plain; version=0.0.4")

    async def described(_: Request) -> Response:
        return JSONResponse(openapi())

    async def all_networks(_: Request) -> Response:
        return _json(listing(networks).model_dump_json().encode())

    async def one_network(request: Request) -> Response:
        return _json(form(networks[request.path_params["name"]]).model_dump_json().encode())

    def asked(question: Question) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            _check_json(request)
            body = await request.body()

            def work() -> bytes:
                stated = read(question.takes, read_json(body))
                return question.work(networks, stated, settings.limits).model_dump_json().encode()

            return _json(await places.run(work))

        return endpoint

    app = Starlette(
        routes=[
            Route("/healthz", health),
            Route("/metrics", metrics),
            Route("/openapi.json", described),
            Route(NETWORKS, all_networks),
            Route(NETWORK, one_network),
            *(Route(item.path, asked(item), methods=["POST"]) for item in QUESTIONS),
            *_files(page),
        ],
        middleware=[
            Middleware(Guard, settings=settings, meters=meters, route=_route),
            *([Middleware(CORSMiddleware, **_cors(settings))] if settings.origins else []),
        ],
        exception_handlers={
            ButtpainError: _told,
            Refusal: _declined,
            HTTPException: _unrouted,
            MemoryError: starved,
        },
    )
    app.router.redirect_slashes = False
    return app


def _cors(settings: Settings) -> dict[str, Any]:
    return {
        "allow_origins": settings.origins,
        "allow_methods": ["GET", "POST"],
        "allow_headers": ["content-type"],
    }


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _check_json(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Other types need no permission to be posted from a page elsewhere.
    if kind != "application/json":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "Send JSON, as content type application/json."
        )
    if "content-encoding" in request.headers:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Send the JSON as it is, without Content-Encoding: nothing is unpacked here.",
            # RFC 9110 (15.5.16): which says that the encoding is at fault, not the type.
            accept_encoding="identity",
        )


async def _told(_: Request, error: Exception) -> Response:
    return Problems(problem(cast("ButtpainError", error)))


async def _declined(_: Request, error: Exception) -> Response:
    return cast("Refusal", error).response


async def _unrouted(request: Request, error: Exception) -> Response:
    found = cast("HTTPException", error)
    status = HTTPStatus(found.status_code)
    said = {
        HTTPStatus.NOT_FOUND: "There is nothing at this path; /openapi.json says what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not for this path; /openapi.json says what is.",
    }
    detail = said.get(status, status.description)
    return Problems(
        Problem(type="about:blank", title=status.phrase, status=status.value, detail=detail),
        dict(found.headers or {}),
    )


# -- OpenAPI -----------------------------------------------------------------------------


@functools.cache
def openapi() -> dict[str, Any]:
    """Return the description of the service; its schemas are those of the package.

    Examples
    --------
    >>> openapi()["openapi"], "/v1/posterior" in openapi()["paths"]
    ('3.1.0', True)
    """
    given: list[tuple[type[BaseModel], Literal["validation", "serialization"]]]
    given = [(model, "validation") for model in (CaseRequest, CohortRequest)]
    given += [(model, "serialization") for model in (Answer, CohortAnswer, NetworkForm, NetworkList, Problem)]
    _, schemas = models_json_schema(given, ref_template="#/components/schemas/{model}")
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    paths: dict[str, Any] = {
        "/healthz": {"get": _operation("health", "Whether the service can compute.", None, 503)},
        "/metrics": {"get": _operation("metrics", "Counts in Prometheus' text format.", None)},
        NETWORKS: {"get": _operation("networks", "The networks on offer.", NetworkList)},
        NETWORK: {
            "get": _operation("network", "What a form for a network needs.", NetworkForm, 404)
            | {"parameters": [name]}
        },
    }
    for item in QUESTIONS:
        kind = _operation(
            item.path.rpartition("/")[2], item.summary, item.gives, 400, 404, 408, 409, 413, 415, 422, 503
        )
        body = {"required": True, "content": {"application/json": {"schema": _reference(item.takes)}}}
        paths[item.path] = {"post": kind | {"requestBody": body}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "buttpain",
            "version": import_module("buttpain").__version__,
            "description": f"Posterior queries for a runner's buttock pain. {USE}",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _operation(name: str, summary: str, gives: type[BaseModel] | None, *problems: int) -> dict[str, Any]:
    good = {"application/json": {"schema": _reference(gives)}} if gives else {}
    bad = {"application/problem+json": {"schema": _reference(Problem)}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", **({"content": good} if good else {})},
            **{
                str(status): {"description": HTTPStatus(status).phrase, "content": bad}
                for status in (*problems, 414, 421, 431, 500)
            },
        },
    }


# -- start -------------------------------------------------------------------------------


class Patient(H11Protocol):
    """Patient for a while: a connection whose request line and headers do not come is closed."""

    patience = 10.0
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the headers of the first request."""
        super().connection_made(transport)
        # asyncio does so only for sockets that say they are TCP, which those from create_server do not;
        # without it the end of each answer waits 40 ms for the client to acknowledge its beginning.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Go on waiting, or stop when the headers are there."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._rest()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._rest()
        elif self._closing is None:
            self._closing = self.loop.call_later(self.patience, self._give_up)

    def _rest(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


_LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False}
        for name in ("uvicorn", "buttpain.server")
    },
}


def serve(
    host: str = "127.0.0.1", port: int = 8000, *, workers: int = 1, settings: Settings | None = None
) -> None:
    """Serve until told to stop (SIGTERM, or Ctrl-C); requests in work are finished first.

    Parameters
    ----------
    host
        Address to listen on.  Everyone who can reach it may ask; there is no login.
    port
        0 for any that is free.
    workers
        Processes; each computes `settings.concurrency` requests at once.
    settings
        How it is run.  Unless it names hosts, a service on a loopback address answers
        under that name alone, and any other under every name.

    Raises
    ------
    NetworkFileError, InvalidNetwork
        If a file that the settings name is no network.
    OSError
        If the address is taken.
    ValueError
        If there are no workers.
    """
    if workers < 1:
        raise ValueError(f"workers is a number of processes, at least 1; it is {workers}")
    settings = settings or Settings()
    if settings.hosts is None:
        settings = replace(settings, hosts=LOOPBACK if host in LOOPBACK else ())
    Networks(settings.networks)  # A file that is wrong is told here, before any process starts.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, port), family=family, backlog=2048) as listening,
        tempfile.TemporaryDirectory(prefix="buttpain-") as counts,
        contextlib.suppress(KeyboardInterrupt),
    ):
        config = uvicorn.Config(
            functools.partial(application, settings),
            factory=True,
            host=host,
            port=listening.getsockname()[1],
            workers=workers,
            http=Patient,
            ws="none",
            lifespan="off",
            log_config=_LOGGING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=512,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=int(settings.seconds) + 1,
        )
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
            return
        # Read by each process when it loads prometheus_client: they add their counts up there.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
        listening.set_inheritable(True)
        Multiprocess(config, sockets=[listening]).run()
