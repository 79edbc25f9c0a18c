"""Requests over connections that are kept, how long they took, and whatever was wrong with an answer."""

import http.client
import json
import math
import random
import threading
import time
import traceback
from collections import Counter, defaultdict

PATIENCE = 60.0
SHOWN = 20
FINE = 16  # Parts of a doubling of time that are told apart.


class Wrong(Exception):
    """What must not be: it is counted, and the run goes on."""


class Errors:
    """All that was wrong, the first of it shown as it comes."""

    def __init__(self) -> None:
        self.lock, self.count, self.kinds = threading.Lock(), 0, Counter()

    def add(self, kind: str, text: object) -> None:
        with self.lock:
            self.count += 1
            self.kinds[kind] += 1
            if self.count <= SHOWN:
                print(f"{time.strftime('%H:%M:%S')} ERROR {self.count}, {kind}: {text}", flush=True)


class Times:
    """How often something was done, and how long it took: by parts of doublings, so that it has a bounded size."""

    def __init__(self) -> None:
        self.parts: Counter[int] = Counter()
        self.count, self.most = 0, 0.0

    def add(self, seconds: float) -> None:
        self.parts[int(math.log2(seconds * 1e6 + 1) * FINE)] += 1
        self.count += 1
        self.most = max(self.most, seconds)

    def take(self, other: "Times") -> None:
        self.parts.update(other.parts)
        self.count += other.count
        self.most = max(self.most, other.most)

    def quantile(self, part: float) -> float:
        """Seconds; a bound that is at most 5 % too large."""
        seen = 0
        for key in sorted(self.parts):
            seen += self.parts[key]
            if seen >= part * self.count:
                return min(self.most, (2 ** ((key + 1) / FINE) - 1) / 1e6)
        return 0.0


class Answer:
    """What came back, and when it was asked for and had come."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes, begun: float, ended: float) -> None:
        self.status, self.headers, self.body, self.begun, self.ended = status, headers, body, begun, ended

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise Wrong(f"no JSON: {self.body[:200]!r}") from None

    def must(self, what: str, value: object, wanted: object) -> None:
        if value != wanted:
            raise Wrong(f"{what} is {value!r} and should be {wanted!r} ({self.request_id()})")

    def request_id(self) -> str:
        return f"request {self.headers.get('X-Request-Id')}"


class Worker(threading.Thread):
    """Does one kind of work again and again, until the run is over."""

    pace = 0.0

    def __init__(self, world, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.world, self.random = world, random.Random(name)
        self.series = 0  # A step that went wrong leaves things behind: the next one has other names.
        self.times: dict[str, Times] = defaultdict(Times)
        self.connections: dict[str, http.client.HTTPConnection] = {}

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]

    def step(self) -> None:
        raise NotImplementedError

    def run(self) -> None:
        while not self.world.stop.is_set():
            try:
                self.step()
            except Wrong as wrong:
                self.world.errors.add(self.kind, wrong)
                self.series += 1
            except Exception:  # A fault of this program must not look like a run without errors.
                self.world.errors.add(self.kind, traceback.format_exc())
            if self.pace:
                self.world.stop.wait(self.pace * self.random.uniform(0.5, 1.5))
        for connection in self.connections.values():
            connection.close()

    def ask(self, kind, node, method, path, credential=None, body=None, *, wanted=(200,), headers=None, media=None) -> Answer:
        """One request. Whatever is not an answer of a wanted status is wrong."""
        headers = dict(headers or {})
        if credential:
            headers["Authorization"] = f"Bearer {credential}"
        if body is not None:
            headers["Content-Type"] = media or "application/json"
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.exchange(node, method, path, body, headers)
        self.times[kind].add(answer.ended - answer.begun)
        if answer.status not in wanted:
            raise Wrong(f"{node.name}: {method} {path}: {answer.status}, wanted {wanted}: {answer.body[:400]!r}")
        if not answer.headers.get("X-Request-Id"):
            raise Wrong(f"{node.name}: {method} {path}: no X-Request-Id")
        if answer.headers.get("Warning"):
            raise Wrong(f"{node.name}: {method} {path}: {answer.headers['Warning']}, but the database is there")
        return answer

    def exchange(self, node, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = self.connections.get(node.name)
        if not connection:
            host = node.url.removeprefix("http://")
            connection = self.connections[node.name] = http.client.HTTPConnection(host, timeout=PATIENCE)
        begun = time.monotonic()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connections.pop(node.name).close()
            took = time.monotonic() - begun
            raise Wrong(f"{node.name}: {method} {path}: no answer after {took:.2f} s: {error!r}") from error
        return Answer(response.status, response.headers, content, begun, time.monotonic())

    def follows(self, kind: str, node, since: float, looks_new) -> None:
        """What one node acknowledged then, this one must show whenever it is asked a second later."""
        while not self.world.stop.is_set():
            begun = time.monotonic()
            is_new = looks_new()
            if is_new:
                self.times[kind].add(max(0.0, time.monotonic() - since))
                return
            if begun > since + self.world.bound:
                raise Wrong(f"{node.name}: {kind}: the state of before, {begun - since:.2f} s after the change")
            self.world.stop.wait(0.02)
