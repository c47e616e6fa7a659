"""The server as its own process, and clients that mean no good: answers, refusals, end and new start."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

PROGRAM = """
import os, sys, time
from buttpain.faces import server, service

slow = service._ANSWERS["explanation"]

def explanation(*given):
    time.sleep(1.0)
    return slow(*given)

service._ANSWERS["explanation"] = explanation
server.Patient.patience = 0.5
settings = server.Settings(body=10_000, body_seconds=0.5)
server.serve(port=int(sys.argv[1]), workers=int(sys.argv[2]), settings=settings)
"""
# Workers are new interpreters that read the program anew; what it alters there is not wanted.
PLAIN = """
import sys
from buttpain.faces.server import serve
serve(port=int(sys.argv[1]), workers=int(sys.argv[2]))
"""
BODY = json.dumps({"network": "five_findings", "evidence": {"hop_test_pain": True}}).encode()
JSON = {"Content-Type": "application/json"}


class Server:
    """A server in a process of its own."""

    def __init__(self, program: str = PROGRAM, workers: int = 1, port: int = 0) -> None:
        self.port = port or free_port()
        command = [sys.executable, "-W", "error", "-c", program, str(self.port), str(workers)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        for _ in range(300):
            assert self.process.poll() is None
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            time.sleep(0.05)
        raise TimeoutError("the server does not answer")

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, JSON if body else {})
            response = connection.getresponse()
            return response.status, response.read()

    def say(self, *parts: bytes) -> bytes:
        """Send bytes as they are and return all that comes back until the other side hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            for part in parts:
                line.sendall(part)
                time.sleep(0.05)
            heard = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := line.recv(65536):
                    heard += piece
            return heard

    def end(self, how: signal.Signals = signal.SIGTERM) -> str:
        """Tell it to stop and return what it said."""
        self.process.send_signal(how)
        return self.process.communicate(timeout=20)[1]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as line:
        port: int = line.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a running server, which must go on answering whatever the tests send."""
    found = Server()
    yield found
    assert found.ask("POST", "/v1/triage", BODY)[0] == 200
    said = found.end()
    assert "Traceback" not in said
    assert "hop_test_pain" not in said


def request(*headers: bytes, body: bytes = b"") -> bytes:
    """Return a request as it goes over the line."""
    lines = (b"POST /v1/triage HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *headers)
    return b"\r\n".join((*lines, b"", body))


def test_a_case_is_answered(server: Server) -> None:
    """Over a real line as in process."""
    status, body = server.ask("POST", "/v1/posterior", BODY)
    assert (status, json.loads(body)["triage"]["urgency"]) == (200, "prompt")


def test_the_end_of_an_answer_does_not_wait_for_its_beginning(server: Server) -> None:
    """On a line that is kept, answers come at once: not after the 40 ms of a delayed acknowledgement."""
    seconds = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        for _ in range(20):
            start = time.perf_counter()
            connection.request("GET", "/v1/networks/five_findings")
            assert connection.getresponse().read()
            seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[5] < 0.035


@pytest.mark.parametrize(
    "line",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        request(b"Content-Length: many"),
        request(b"Content-Length: -1"),
    ],
)
def test_what_is_no_http_is_refused(server: Server, line: bytes) -> None:
    """Bytes that are no request are answered 400, and the line is closed."""
    assert server.say(line).startswith(b"HTTP/1.1 400 ")


def test_large_headers_are_refused(server: Server) -> None:
    """Headers have a limit as well."""
    assert server.say(request(b"X-Large: " + b"a" * 200_000)).startswith(b"HTTP/1.1 400 ")


def test_a_large_body_is_refused_before_it_is_read(server: Server) -> None:
    """Who declares too much is told at once, and who does not declare it, when it is too much."""
    assert server.say(request(b"Content-Length: 1000000000")).startswith(b"HTTP/1.1 413 ")
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    assert server.say(request(b"Transfer-Encoding: chunked"), chunk, chunk, chunk).startswith(
        b"HTTP/1.1 413 "
    )


def test_a_slow_body_is_given_up(server: Server) -> None:
    """Who sends a body byte by byte is told that it takes too long, and does not hold the line."""
    heard = server.say(request(b"Content-Length: 100", body=b"{"), *[b" "] * 3)
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"urn:buttpain:problem:slow-request" in heard


def test_slow_headers_are_given_up(server: Server) -> None:
    """Nor does who never ends the headers, or says nothing at all."""
    start = time.monotonic()
    assert server.say(b"GET /healthz HTTP/1.1\r\n", b"Host: local") == b""
    assert server.say() == b""
    assert time.monotonic() - start < 8


def test_many_slow_clients_do_not_hinder_others(server: Server) -> None:
    """With thirty lines half open, a case is answered."""
    with contextlib.ExitStack() as lines:
        for _ in range(30):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            line.sendall(request(b"Content-Length: 100", body=b"{"))
        assert server.ask("POST", "/v1/triage", BODY)[0] == 200


def test_a_request_in_work_is_finished_before_the_end() -> None:
    """SIGTERM lets a running request end well; then the process is gone, and nothing was said of the case."""
    server = Server()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/explain", BODY, JSON)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["explanation"]["findings"]
    said = server.process.communicate(timeout=20)[1]
    assert server.process.returncode == -signal.SIGTERM
    assert "hop_test_pain" not in said
    with pytest.raises(ConnectionRefusedError, match="refused"):
        server.ask("GET", "/healthz")


def test_a_killed_server_starts_again() -> None:
    """Nothing is left behind that would keep the next from the same port."""
    first = Server()
    first.end(signal.SIGKILL)
    second = Server(port=first.port)
    assert second.ask("POST", "/v1/triage", BODY)[0] == 200
    second.end(signal.SIGINT)
    assert second.process.returncode == 0


def test_workers_count_together_and_replace_each_other() -> None:
    """Two processes answer on one port; when one is killed, requests are answered all the same."""
    server = Server(PLAIN, workers=2)
    try:
        for _ in range(4):
            assert server.ask("POST", "/v1/triage", BODY)[0] == 200
        counted = server.ask("GET", "/metrics")[1].decode()
        assert 'buttpain_requests_total{route="/v1/triage",status="200"} 4.0' in counted
        children = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(server.process.pid)],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        workers = [int(line.split()[0]) for line in children if "spawn_main" in line]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        for _ in range(3):
            server.wait()
            assert server.ask("POST", "/v1/triage", BODY)[0] == 200
    finally:
        server.end()
