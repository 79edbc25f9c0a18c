"""PostgreSQL's ends: the primary is killed and its replica promoted, the way to it is cut, frozen or slow, the replica
is behind. Nodes must go on, forget nothing that they acknowledged, and say what is not fresh."""

import json
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from cluster import PORTOLAN, Address, Node, Postgres, programs, wait_until

OWNER = "acme"
INFO = "/entitlements/8a85f98444de1da50144e6d3a7be0e5f/cdn_info"
MANIFEST = """
seed = "faults"
cdn_url = "https://v0.example.com"
[[entitlements]]
id = "8a85f98444de1da50144e6d3a7be0e5f"
"""
# What is promised is 200 ms; the machine may be busy.
AT_MOST = 1.0


class Cluster(unittest.TestCase):
    """A primary, a replica that confirms each commit, an address, and two nodes."""

    def setUp(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="faults-")))
        folder.chmod(0o755)
        self.primary = Postgres(folder / "primary", programs()).make()
        self.addCleanup(self.primary.stop)
        self.primary.sql("CREATE DATABASE portolan")
        self.replica = Postgres(folder / "replica", programs()).copy_of(self.primary)
        self.addCleanup(self.replica.stop)
        self.address, self.way_to_replica = Address(self.primary.port), Address(self.replica.port)
        for address in (self.address, self.way_to_replica):
            self.addCleanup(address.close)
        self.settings = {
            "PORTOLAN__DATABASE__URL": f"postgres://portolan@127.0.0.1:{self.address.port}/portolan",
            "PORTOLAN__DATABASE__READ_URL": f"postgres://portolan@127.0.0.1:{self.way_to_replica.port}/portolan",
            "PORTOLAN__SECRETS__MASTER_KEY_FILE": str(folder / "master.key"),
        }
        self.first = self.node(folder, "first", make_key=True)
        self.admin = self.first.command("key", "create", "--role", "admin", "--name", "faults").split()[-1]
        (folder / "manifest.toml").write_text(MANIFEST)
        self.first.command("manifest", "build", folder / "manifest.toml", "--ca-dir", folder / "ca", "--out", folder / "m.zip")
        self.first.command("ca", "add", folder / "ca" / "ca.crt")
        self.done(self.first.ask("POST", "/owners", self.admin, {"key": OWNER}))
        self.done(self.first.ask("POST", f"/owners/{OWNER}/imports", self.admin, (folder / "m.zip").read_bytes()))
        self.second = self.node(folder, "second")
        # Every node has asked once, and hears of changes.
        for node in (self.first, self.second):
            wait_until("memory answers", lambda node=node: self.is_from_memory(node))

    def node(self, folder: Path, name: str, make_key: bool = False) -> Node:
        if make_key:
            subprocess.run([PORTOLAN, "master-key", "create", folder / "master.key"], check=True, capture_output=True)
        node = Node(folder, name, self.settings)
        self.addCleanup(node.kill)
        return node

    def done(self, answer) -> bytes:
        self.assertIn(answer[0], (200, 204), answer[2])
        return answer[2]

    def is_from_memory(self, node: Node) -> bool:
        self.done(node.ask("GET", INFO, self.admin))
        before = node.figure(self.admin, "portolan_cache_queries_total")
        self.done(node.ask("GET", INFO, self.admin))
        return node.figure(self.admin, "portolan_cache_queries_total") == before

    def point(self, node: Node, number: int, timeout: float = 30.0) -> int:
        setting = {"cdnUrl": f"https://v{number}.example.com"}
        return node.ask("PUT", f"/owners/{OWNER}/cdn", self.admin, setting, timeout)[0]

    def number(self, node: Node) -> tuple[int, bool]:
        """Which setting a node answers, and whether it is marked."""
        status, headers, body = node.ask("GET", INFO, self.admin)
        self.assertEqual(status, 200, body)
        url = json.loads(body)["cdnUrl"]
        return int(url.removeprefix("https://v").split(".")[0]), "Warning" in headers


class Promotion(Cluster):
    def test_the_primary_is_killed_and_nothing_acknowledged_is_lost(self) -> None:
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.sql("SELECT pg_reload_conf()")
        wait_until(
            "the replica confirms commits",
            lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync",
        )
        stop, acknowledged, reads, slowest = threading.Event(), [], [0], [0.0]
        failures: list[str] = []

        def write() -> None:
            number = 1
            while not stop.is_set():
                if self.point(self.first, number, timeout=10) == 200:
                    acknowledged.append((number, time.monotonic()))
                # What was not acknowledged may have been done: its number is never used again.
                number += 1

        def read(node: Node) -> None:
            while not stop.is_set():
                begun = time.monotonic()
                status, _, body = node.ask("GET", INFO, self.admin)
                slowest[0] = max(slowest[0], time.monotonic() - begun)
                reads[0] += 1
                if status != 200:
                    failures.append(f"{node.name}: {status} {body!r}")

        threads = [threading.Thread(target=write)]
        threads += [threading.Thread(target=read, args=(node,)) for node in (self.first, self.second)]
        for thread in threads:
            thread.start()
        try:
            wait_until("writes go on", lambda: len(acknowledged) > 20)
            killed = time.monotonic()
            self.primary.kill()
            self.address.cut()
            before = len(acknowledged)
            self.replica.promote()
            # It waits for no replica of its own.
            self.replica.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
            self.replica.sql("SELECT pg_reload_conf()")
            self.address.lead_to(self.replica.port)
            wait_until("writes go on", lambda: len(acknowledged) > before + 5)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        last = max(number for number, _ in acknowledged)
        again = min(at for _, at in acknowledged[before + 1 :])
        print(
            f"\nno write for {again - killed:.2f} s; {reads[0]} reads, the slowest {slowest[0]:.2f} s, "
            f"{len(failures)} of them 503",
            flush=True,
        )
        self.assertGreaterEqual(self.number(self.first)[0], last)
        wait_until("the other node knows", lambda: self.number(self.second) == (last, False))
        lost = self.replica.sql("SELECT count(*) FROM audit_log WHERE action = 'owner-cdn.update'", "portolan")
        self.assertGreaterEqual(int(lost), len(acknowledged), "a change without its audit row, or lost")
        # What is known to be old is a 503, and never an answer.
        self.assertEqual([], [failure for failure in failures if " 503 " not in failure])


class Network(Cluster):
    def goes_on_from_memory(self) -> None:
        """Every answer comes, in its time, until it is marked."""
        slowest = 0.0

        def is_marked() -> bool:
            nonlocal slowest
            begun = time.monotonic()
            number, marked = self.number(self.second)
            slowest = max(slowest, time.monotonic() - begun)
            self.assertEqual(0, number)
            return marked

        wait_until("the answer is marked", is_marked)
        for _ in range(20):
            self.assertTrue(is_marked())
        self.assertLess(slowest, AT_MOST)

    def comes_back(self) -> None:
        wait_until("the mark is gone", lambda: self.number(self.second) == (0, False))
        self.assertEqual(200, self.point(self.first, 7))
        self.assertEqual((7, False), self.number(self.first))
        took = wait_until("the other node knows", lambda: self.number(self.second) == (7, False))
        self.assertLess(took, 2.0)

    def test_connections_are_reset(self) -> None:
        self.address.cut()
        self.goes_on_from_memory()
        self.address.lead_to(self.primary.port)
        self.comes_back()

    def test_nothing_comes_and_nothing_is_closed(self) -> None:
        self.address.frozen = True
        self.goes_on_from_memory()
        self.address.frozen = False
        self.comes_back()

    def test_a_slow_way_is_no_outage(self) -> None:
        self.address.delay = 0.02
        for number in range(1, 4):
            self.assertEqual(200, self.point(self.first, number))
            self.assertEqual((number, False), self.number(self.first))
            changed = time.monotonic()
            while self.number(self.second)[0] != number:
                self.assertLess(time.monotonic() - changed, 2.0)


class ReadReplica(Cluster):
    def wait_until_asked(self) -> None:
        """Until the first node looks entitlements up at the replica."""
        looked_up = "query LIKE '%generations AS g%' AND application_name = 'portolan'"
        asked = f"SELECT count(*) FROM pg_stat_activity WHERE datname = 'portolan' AND {looked_up}"
        # Memory is empty then.
        self.first.stop()
        self.first.start()

        def is_asked() -> bool:
            # What is unknown is forgotten after a second.
            self.first.ask("GET", "/entitlements/nobodys/cdn_info", self.admin)
            return self.replica.sql(asked) != "0"

        wait_until("the replica is asked", is_asked)

    def test_a_replica_that_hangs_keeps_nobody_waiting(self) -> None:
        self.wait_until_asked()
        self.way_to_replica.frozen = True
        for number in range(20):
            begun = time.monotonic()
            status, _, _ = self.first.ask("GET", f"/entitlements/nobodys-{number}/cdn_info", self.admin)
            self.assertEqual(404, status)
            self.assertLess(time.monotonic() - begun, AT_MOST)
        self.way_to_replica.frozen = False

    def test_a_replica_that_is_behind_shows_nobody_less_than_the_primary(self) -> None:
        self.wait_until_asked()
        self.replica.sql("SELECT pg_wal_replay_pause()")
        for number in range(1, 6):
            self.assertEqual(200, self.point(self.first, number))
            self.assertEqual((number, False), self.number(self.first), "what it acknowledged, it knows")
            changed = time.monotonic()
            while self.number(self.second)[0] != number:
                self.assertLess(time.monotonic() - changed, 1.5, "the replica's old answer was given")
        self.replica.sql("SELECT pg_wal_replay_resume()")
        self.replica.stop()
        self.assertEqual(200, self.point(self.first, 9))
        self.assertEqual((9, False), self.number(self.first), "without a replica, the primary answers")


if __name__ == "__main__":
    unittest.main()
