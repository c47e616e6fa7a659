"""The server beside the library in process: python tests/benchmarks/service.py [REQUESTS] [WORKERS].

Prints a row for each network, path and number of clients: requests a second, and the median and
the 99th percentile of the time to an answer, as ratios to calling the service's function for
the same cases in one thread of this process.  The server runs on the same machine.
"""

import contextlib
import http.client
import json
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from buttpain.faces import service
from buttpain.faces.schema import CaseRequest, read
from buttpain.faces.service import Networks, Section

START = """
import sys
from buttpain.faces.server import serve
serve(port=int(sys.argv[1]), workers=int(sys.argv[2]))
"""
PATHS: dict[str, tuple[Section, ...]] = {
    "triage": (),
    "posterior": ("posterior",),
    "explain": ("explanation",),
}
CLIENTS = (1, 4)
FINDINGS = 6


def bodies(networks: Networks, name: str, number: int) -> list[bytes]:
    """Return cases of a few random findings each, one in three of them present."""
    rng, net = random.Random(0), networks[name]  # noqa: S311 -- no secrets
    free = [finding for finding in net.findings if finding not in net.given]
    cases = []
    for _ in range(number):
        seen = rng.sample(free, min(FINDINGS, len(free) - 1))
        cases.append({finding: net.states(finding)[rng.random() < 1 / 3] for finding in seen})
    return [json.dumps({"network": name, "evidence": case}).encode() for case in cases]


def timed(call: Callable[[bytes], Any], cases: list[bytes]) -> list[float]:
    """Return the seconds that each case took."""
    found = []
    for case in cases:
        start = time.perf_counter()
        call(case)
        found.append(time.perf_counter() - start)
    return found


def over_the_line(port: int, path: str, cases: list[bytes]) -> list[float]:
    """Return the seconds of each case on one line that is kept."""
    line = http.client.HTTPConnection("127.0.0.1", port)

    def ask(body: bytes) -> None:
        line.request("POST", f"/v1/{path}", body, {"Content-Type": "application/json"})
        response = line.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(text)

    with contextlib.closing(line):
        return timed(ask, cases)


def wait(port: int) -> None:
    """Wait until the server answers."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.1)
    raise TimeoutError("the server does not answer")


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[-1]


def main(requests: int, workers: int) -> None:
    """Print the table."""
    networks = Networks()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", START, str(port), str(workers)], stderr=subprocess.DEVNULL
    )
    try:
        wait(port)
        print(f"{workers} worker(s), {requests} requests a row; library in process = 1")
        print(f"{'network':14} {'path':10} {'lines':>7} {'lib. ms':>10} {'rate':>6} {'median':>7} {'p99':>6}")
        for name in networks:
            cases = bodies(networks, name, requests)
            for path, sections in PATHS.items():

                def direct(body: bytes, sections: tuple[Section, ...] = sections) -> None:
                    request = read(CaseRequest, json.loads(body))
                    service.answer(networks, request, sections).model_dump_json()

                over_the_line(port, path, cases[:20])
                timed(direct, cases[:20])
                alone = timed(direct, cases)
                for clients in CLIENTS:
                    parts = [cases[i::clients] for i in range(clients)]
                    start = time.perf_counter()
                    with ThreadPoolExecutor(clients) as pool:
                        told = pool.map(lambda part, path=path: over_the_line(port, path, part), parts)
                        seconds = [each for part in told for each in part]
                    rate = len(cases) / (time.perf_counter() - start) * sum(alone) / len(cases)
                    median = statistics.median(seconds) / statistics.median(alone)
                    print(
                        f"{name:14} {path:10} {clients:>7} {1e3 * statistics.mean(alone):>10.2f} "
                        f"{rate:>6.2f} {median:>7.2f} {p99(seconds) / p99(alone):>6.2f}"
                    )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["200", "1"][len(sys.argv) - 1 :])))
