"""What stands before the routes of the server: limits, headers, counts, and places to compute in.

A thread cannot be stopped.  So each request is bounded before it starts, by the bytes a
query may take, and by rows and draws; it runs in one of a few threads; and when its time is
up the client is told so, while the thread keeps its place until it is done, so that no more
work than there are places ever runs.  Evidence is not logged, and no answer is stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from buttpain.faces.schema import Problem, is_utf8
from buttpain.faces.service import LIMITS, Limits

__all__ = ["LOOPBACK", "Guard", "Meters", "Places", "Problems", "Refusal", "Settings", "read_json"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""On every answer: nothing is kept, framed, or loaded from elsewhere."""

HEADERS_ROOM = 2**16
"""Bytes of a request's headers.  The parser counts only those of a request that is not complete."""

TARGET_ROOM = 2**13
"""Bytes of a request's path and query; RFC 9110 (4.1) asks for 8000."""

DIGITS = 100
"""Of a whole number; Python takes long to read thousands, and then refuses."""

_LOG = logging.getLogger("buttpain.server")


@dataclass(frozen=True)
class Settings:
    """How the service is run.

    Parameters
    ----------
    networks
        Network files to offer beside those that come with the library.
    limits
        What one request may ask for.
    body
        Bytes of a request.
    seconds
        Time for an answer, waiting included.
    body_seconds
        Time for a request to arrive.
    concurrency
        Requests computed at once in a process.
    waiting
        Requests that may wait for a place.
    hosts
        Values of the Host header that are answered; any if empty.  Unless given, the names
        of the loopback address; see `serve`.
    origins
        Web origins that may read answers (CORS).
    """

    networks: tuple[str, ...] = ()
    limits: Limits = LIMITS
    body: int = 2**20
    seconds: float = 30.0
    body_seconds: float = 10.0
    concurrency: int = field(default_factory=lambda: os.cpu_count() or 1)
    waiting: int = 64
    hosts: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()


class Refusal(Exception):
    """An answer that the service itself declines, before the library is asked."""

    def __init__(self, status: HTTPStatus, name: str, detail: str, **headers: str) -> None:
        self.status = status
        self.name = name
        self.headers = {header.replace("_", "-"): value for header, value in headers.items()}
        super().__init__(detail)

    @property
    def response(self) -> Problems:
        """The same on the wire."""
        kind = f"urn:buttpain:problem:{self.name}"
        found = Problem(type=kind, title=self.status.phrase, status=self.status.value, detail=str(self))
        return Problems(found, self.headers)


class Problems(Response):
    """A problem on the wire."""

    media_type = "application/problem+json"

    def __init__(self, found: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(found.model_dump_json(), found.status, headers)


# -- places to compute in ----------------------------------------------------------------


class Places:
    """A few threads, and a queue of bounded length before them."""

    def __init__(self, settings: Settings, meters: Meters) -> None:
        self.settings = settings
        self.meters = meters
        self.free = asyncio.Semaphore(settings.concurrency)
        self.pool = ThreadPoolExecutor(settings.concurrency, "buttpain")
        self.waiting = 0
        self.late = 0

    @property
    def stuck(self) -> bool:
        """Whether every place is taken by work that nobody waits for any more."""
        return self.late >= self.settings.concurrency

    async def run(self, work: Callable[[], bytes]) -> bytes:
        """Return what the work returns, or refuse when the queue is full or the time is up."""
        start = time.monotonic()
        await self._enter()
        future = asyncio.get_running_loop().run_in_executor(self.pool, work)
        future.add_done_callback(lambda _: self.free.release())
        left = self.settings.seconds - (time.monotonic() - start)
        done, _ = await asyncio.wait({future}, timeout=max(left, 0.0))
        if done:
            return future.result()
        self.late += 1
        self.meters.late.inc()
        future.add_done_callback(self._leave_late)
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too-slow",
            f"No answer within {self.settings.seconds:g} seconds. Ask for fewer samples, steps or rows.",
            retry_after="5",
        )

    async def _enter(self) -> None:
        if self.free.locked() and self.waiting >= self.settings.waiting:
            self._refuse()
        self.waiting += 1
        try:
            async with asyncio.timeout(self.settings.seconds):
                await self.free.acquire()
        except TimeoutError:
            self._refuse()
        finally:
            self.waiting -= 1

    def _refuse(self) -> NoReturn:
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "busy",
            "All places are taken; ask again in a few seconds.",
            retry_after="5",
        )

    def _leave_late(self, future: asyncio.Future[bytes]) -> None:
        self.late -= 1
        # What it found nobody wants; asking keeps asyncio from telling of it.
        future.exception()


class Meters:
    """What is counted: requests, seconds, late answers.  Nothing of what was asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "buttpain_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "buttpain_request_seconds", "Time to answer.", ["route"], registry=self.registry
        )
        self.late = Counter(
            "buttpain_late", "Answers that came after their time was up.", registry=self.registry
        )

    def text(self) -> bytes:
        """Return the counts of all processes in Prometheus' format."""
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


# -- before and after each request -------------------------------------------------------


class Guard:
    """Stands before the routes: hosts, size and pace of a request; headers, counts and log of its answer."""

    def __init__(self, app: ASGIApp, settings: Settings, meters: Meters, route: Callable[[str], str]) -> None:
        self.app = app
        self.route = route
        self.settings = settings
        self.meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        try:
            _check_head(scope)
            self._check_host(scope)
            await self.app(scope, await self._whole(scope, receive), sending)
        except Refusal as error:
            await error.response(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 -- whatever it is, its text may hold what was asked
            _LOG.error("%s at %s", type(error).__name__, _where(error))
            if not status:
                await Problems(_BROKEN)(scope, receive, sending)
        finally:
            took = time.perf_counter() - start
            route = self.route(scope["path"])
            self.meters.requests.labels(route, status).inc()
            self.meters.seconds.labels(route).observe(took)
            _LOG.info("%s %s %d %.1f ms", scope["method"], route, status, 1e3 * took)

    def _check_host(self, scope: Scope) -> None:
        """Refuse names that are not ours: a page elsewhere may have had its name point here."""
        allowed = LOOPBACK if self.settings.hosts is None else self.settings.hosts
        stated = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        name = re.sub(r":\d*$", "", stated).strip("[]").lower()
        if allowed and name not in allowed:
            raise Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "unknown-host",
                "This service does not answer under that host name; whoever runs it can allow it.",
            )

    async def _whole(self, scope: Scope, receive: Receive) -> Receive:
        """Return a channel that gives the whole body at once, after checking size and pace."""
        most = self.settings.body
        declared = int(dict(scope["headers"]).get(b"content-length", b"0"))
        body, more = bytearray(), declared <= most
        try:
            async with asyncio.timeout(self.settings.body_seconds):
                while more and len(body) <= most:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal(HTTPStatus.BAD_REQUEST, "gone", "The request broke off.")
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                "slow-request",
                f"The request did not arrive within {self.settings.body_seconds:g} seconds.",
                connection="close",
            ) from None
        if len(body) > most or declared > most:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too-large",
                f"A request may have {most:,} bytes here. Send a cohort in parts.",
                connection="close",
            )
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        return replay


def _check_head(scope: Scope) -> None:
    """Refuse a target or headers that are larger than anyone needs."""
    target = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
    if target > TARGET_ROOM:
        raise Refusal(
            HTTPStatus.REQUEST_URI_TOO_LONG,
            "target-too-long",
            f"Path and query have {target:,} bytes; {TARGET_ROOM:,} are read. A case is sent as the body.",
            connection="close",
        )
    # Two bytes for ": ", and two for the end of the line.
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if headers > HEADERS_ROOM:
        raise Refusal(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            f"The headers have {headers:,} bytes; {HEADERS_ROOM:,} are read. Leave out what is not needed.",
            connection="close",
        )


_BROKEN = Problem(
    type="about:blank",
    title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
    status=500,
    detail="Something broke while the answer was made; nothing is wrong with the request. Please report it.",
)


def _where(error: BaseException) -> str:
    """Return file and line of the innermost frame in the package."""
    package = Path(__file__).parent.parent
    frames = [
        (Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [f"{path.relative_to(package)}:{line}" for path, line in frames if path.is_relative_to(package)]
    return own[-1]


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text of whole characters: each name stands once, every number is finite."""
    try:
        return _loaded(body)
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid-json", f"The request is no JSON: {said}.") from None


def _loaded(body: bytes) -> Any:
    found = json.loads(
        body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number, parse_int=_whole
    )
    # Only an escape makes half a character: one that stands as such is refused by the decoder.
    if b"\\u" in body and not is_utf8(found):
        raise ValueError("a text holds half of a character, a lone surrogate; send both halves or none")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON; leave out what is not known")


def _whole(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number of {len(text):,} digits is too long; at most {DIGITS} are read")
    return int(text)
