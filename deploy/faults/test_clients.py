"""Clients that take their time: hundreds of them keep nobody from an answer, and none of them stays."""

import selectors
import socket
import time
import unittest
import urllib.parse

from cluster import wait_until
from test_node import AT_MOST, Fixture, Node

SLOW = 200


class SlowClients(Fixture):
    entitlements = 3

    def setUp(self) -> None:
        super().setUp()
        limits = {"HEADER_SECONDS": "2", "BODY_SECONDS": "2", "WRITE_SECONDS": "2"}
        self.server = self.node("node", {f"PORTOLAN__HTTP__LIMITS__{key}": value for key, value in limits.items()})
        self.prepare(self.server)
        address = urllib.parse.urlsplit(self.server.url)
        self.address = (address.hostname, address.port)

    def connections(self, begun: bytes) -> list[socket.socket]:
        opened = [self.enterContext(socket.create_connection(self.address, 30)) for _ in range(SLOW)]
        for connection in opened:
            connection.sendall(begun)
        return opened

    def are_closed(self, slow: list[socket.socket], drip: bytes) -> None:
        """Each goes on a byte at a time, until the service has had enough; somebody else is answered meanwhile."""
        left, closed = {connection.fileno(): connection for connection in slow}, selectors.DefaultSelector()
        for connection in slow:
            closed.register(connection, selectors.EVENT_READ)

        def all_closed() -> bool:
            self.is_quick(self.server)
            for ready, _ in closed.select(0.1):
                try:
                    data = ready.fileobj.recv(1 << 16)
                except OSError:
                    data = b""
                if not data:
                    closed.unregister(ready.fileobj)
                    left.pop(ready.fd)
            for connection in list(left.values()):
                try:
                    connection.send(drip)
                except OSError:
                    closed.unregister(connection)
                    left.pop(connection.fileno())
            return not left

        took = wait_until("the slow ones are cut off", all_closed)
        self.assertGreater(took, 1, "they were not slow")

    def is_quick(self, node: Node) -> None:
        begun = time.monotonic()
        self.asked(node, "GET", "/owners")
        self.assertLess(time.monotonic() - begun, AT_MOST)

    def test_heads_that_come_a_byte_at_a_time(self) -> None:
        self.are_closed(self.connections(b"GET /owners HTTP/1.1\r\nHost: x\r\nX-Slow: "), b"a")

    def test_bodies_that_come_a_byte_at_a_time(self) -> None:
        head = (
            "POST /owners HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.admin}\r\nContent-Length: 100000\r\n\r\n"
        )
        self.are_closed(self.connections(head.encode()), b" ")


if __name__ == "__main__":
    unittest.main()
