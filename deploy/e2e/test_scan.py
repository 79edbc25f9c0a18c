"""A real repository, read where it lies and over HTTP: the same commits, refs and token types."""

import functools
import http.server
import json
import threading
import unittest

from repository import FREE, GAME, PAID, TOOL, Repository
from world import Portolan, world


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Scan(unittest.TestCase):
    def setUp(self) -> None:
        self.programs = self.enterContext(world())
        self.portolan = Portolan(self.programs)
        self.repository = Repository(self.programs)
        self.portolan.cli("owner", "add", "acme")
        handler = functools.partial(Quiet, directory=self.repository.root)
        server = self.enterContext(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/repo/stable"

    def scan(self, where: object, *more: str) -> dict:
        known = ("--repo", "stable", "--owner", "acme", "--require-token-type", str(PAID))
        return json.loads(self.portolan.cli("--json", "repo", "scan", where, *known, *more))

    def required(self, ref: str) -> tuple[int, str | None, str]:
        answer = self.portolan.call("GET", f"/edge/required?uri={self.repository.object_of(ref)}")
        headers = answer.headers
        return answer.status, headers.get("x-flatpak-requested-ref"), headers["x-token-type"]

    def test_both_ways_find_the_same(self) -> None:
        over_http = self.scan(self.url)
        self.assertEqual(self.required(GAME), (200, GAME, "1"))
        self.assertEqual(self.required(TOOL), (200, TOOL, "1"))
        self.assertEqual(self.required(FREE), (200, None, "0"))
        local = self.scan(self.repository.path)
        # Three heads, what is before one of them, and ostree's own metadata.
        self.assertEqual((over_http["created"], local["created"], local["removed"]), (5, 0, 0), (over_http, local))
        self.assertEqual((local["unchanged"], local["updated"]), (5, 0))

    def test_a_running_service_is_told(self) -> None:
        told = self.scan(self.url, "--server", self.portolan.url, "--key", self.portolan.admin)
        self.assertEqual(told["created"], 5)
        self.assertEqual(self.required(GAME), (200, GAME, "1"))

    def test_what_cannot_be_read_changes_nothing(self) -> None:
        self.scan(self.repository.path)
        commit = self.repository.root / self.repository.object_of(GAME).lstrip("/")
        whole = commit.read_bytes()
        commit.chmod(0o644)
        for broken in (whole[:-1], whole + b"\0", b"", bytes([whole[0] ^ 1]) + whole[1:]):
            commit.write_bytes(broken)
            for where in (self.repository.path, self.url):
                with self.assertRaises(AssertionError):
                    self.scan(where)
        self.assertEqual(self.required(GAME), (200, GAME, "1"))


if __name__ == "__main__":
    unittest.main()
