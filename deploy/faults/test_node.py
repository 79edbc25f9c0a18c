"""What becomes of a node whose disk is full, whose clock jumps, or that is told to end while it works."""

import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

from cluster import PORTOLAN, Node, Postgres, programs, wait_until

OWNER = "acme"
AT_MOST = 1.0
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


class Fixture(unittest.TestCase):
    """A folder, and a manifest with some megabytes of certificates in it."""

    entitlements = 800

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="faults-")))
        self.folder.chmod(0o755)

    def node(self, name: str, settings: dict[str, str]) -> Node:
        node = Node(self.folder, name, settings)
        self.addCleanup(node.kill)
        return node

    def prepare(self, node: Node) -> None:
        self.admin = node.command("key", "create", "--role", "admin", "--name", "faults").split()[-1]
        ca, manifest = self.folder / "ca", self.folder / "m.zip"
        node.command("manifest", "build", "--generate", self.entitlements, "--ca-dir", ca, "--out", manifest)
        node.command("ca", "add", ca / "ca.crt")
        self.manifest = manifest.read_bytes()
        self.asked(node, "POST", "/owners", {"key": OWNER})

    def asked(self, node: Node, method: str, path: str, body: object = None, status: int = 200) -> bytes:
        answered, _, answer = node.ask(method, path, self.admin, body)
        self.assertEqual(answered, status, f"{node.name}: {method} {path}: {answer[:500]}")
        return answer

    def records(self, node: Node) -> list:
        return json.loads(self.asked(node, "GET", f"/owners/{OWNER}/imports"))


@unittest.skipUnless(os.geteuid() == 0, "only root can make a disk that is small")
class FullDisk(Fixture):
    """A small disk of its own, which can be made larger."""

    def disk(self, name: str, mebibytes: int) -> Path:
        disk = self.folder / name
        disk.mkdir()
        self.mount("-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "portolan-faults", disk)
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        return disk

    def mount(self, *arguments: object) -> None:
        subprocess.run(["mount", *map(str, arguments)], check=True)

    def refused(self, node: Node) -> None:
        status, _, answer = node.ask("POST", f"/owners/{OWNER}/imports", self.admin, self.manifest)
        self.assertIn(status, (503, 507), answer)
        self.assertTrue(json.loads(answer)["detail"], answer)
        self.assertEqual(self.records(node), [], "a failure of the service is no record of the owner's")
        self.asked(node, "GET", f"/owners/{OWNER}/upstream_consumers")
        self.assertEqual(json.loads(self.asked(node, "GET", f"/owners/{OWNER}/entitlements")), [])
        self.assertEqual(node.ask("GET", "/health/ready", self.admin)[0], 200)

    def taken(self, node: Node) -> None:
        record = json.loads(self.asked(node, "POST", f"/owners/{OWNER}/imports", self.manifest))
        self.assertEqual(record["counts"]["added"], self.entitlements)
        first = json.loads(self.asked(node, "GET", f"/owners/{OWNER}/entitlements?limit=1"))[0]["id"]
        self.asked(node, "GET", f"/entitlements/{first}/cdn_info")

    def test_the_disk_for_uploads_is_full(self) -> None:
        disk = self.disk("uploads", 1)
        node = self.node("node", {"PORTOLAN__IMPORT__SPOOL_DIR": str(disk)})
        self.prepare(node)
        self.assertGreater(len(self.manifest), 1 << 20)
        self.refused(node)
        self.mount("-o", "remount,size=64m", disk)
        self.taken(node)
        self.assertEqual(list(disk.iterdir()), [], "an upload was left behind")

    def test_the_databases_disk_is_full(self) -> None:
        disk = self.disk("node-disk", 3)
        spool = self.folder / "spool"
        url = f"sqlite://{disk / 'portolan.db'}"
        node = self.node("node", {"PORTOLAN__DATABASE__URL": url, "PORTOLAN__IMPORT__SPOOL_DIR": str(spool)})
        self.prepare(node)
        self.refused(node)
        self.mount("-o", "remount,size=256m", disk)
        wait_until("it can write again", lambda: self.can_write(node))
        self.taken(node)

    def can_write(self, node: Node) -> bool:
        return node.ask("PUT", f"/owners/{OWNER}/cdn", self.admin, {"cdnUrl": "https://cdn.example.com"})[0] == 200


class Nodes(Fixture):
    """Several nodes on one PostgreSQL, which start and are replaced one after the other."""

    entitlements = 3

    def setUp(self) -> None:
        super().setUp()
        self.postgres = Postgres(self.folder / "postgres", programs()).make()
        self.addCleanup(self.postgres.stop)
        self.postgres.sql("CREATE DATABASE portolan")
        master = self.folder / "master.key"
        subprocess.run([PORTOLAN, "master-key", "create", master], check=True, capture_output=True)
        self.settings = {
            "PORTOLAN__DATABASE__URL": f"postgres://portolan@127.0.0.1:{self.postgres.port}/portolan",
            "PORTOLAN__SECRETS__MASTER_KEY_FILE": str(master),
        }

    def imported(self, node: Node) -> str:
        """The path of an entitlement that this node has just imported."""
        self.asked(node, "POST", f"/owners/{OWNER}/imports", self.manifest)
        listed = json.loads(self.asked(node, "GET", f"/owners/{OWNER}/entitlements"))
        return f"/entitlements/{listed[0]['id']}/cdn_info"

    def cdn(self, node: Node, path: str) -> str:
        begun = time.monotonic()
        answer = json.loads(self.asked(node, "GET", path))
        self.assertLess(time.monotonic() - begun, AT_MOST)
        return answer["cdnUrl"]

    def moved(self, path: str, url: str, node: Node, other: Node) -> None:
        """One node is told of another CDN, and the other one hears of it."""
        self.asked(node, "PUT", f"/owners/{OWNER}/cdn", {"cdnUrl": url})
        self.assertEqual(self.cdn(node, path), url)
        took = wait_until("the other node has heard", lambda: self.cdn(other, path) == url)
        self.assertLess(took, 2.0)


class Upgrade(Nodes):
    def test_nodes_that_start_at_once_make_one_schema_and_outlive_its_next_step(self) -> None:
        with concurrent.futures.ThreadPoolExecutor() as starting:
            started = starting.map(lambda name: self.node(name, self.settings), ("first", "second", "third"))
            first, second, third = started
        self.prepare(first)
        path = self.imported(first)
        # What the next version's first node does while these go on: a column more, and its line in the list.
        self.postgres.sql("ALTER TABLE owners ADD COLUMN of_the_next_version text", "portolan")
        self.postgres.sql("INSERT INTO seaql_migrations VALUES ('m20991231_000001_next', 0)", "portolan")
        self.moved(path, "https://1.example.com", first, second)
        self.moved(path, "https://2.example.com", second, third)
        again = f"/owners/{OWNER}/imports?force=MANIFEST_SAME&force=MANIFEST_OLD"
        self.asked(third, "POST", again, self.manifest)
        self.assertEqual(first.stop(), 0)
        self.moved(path, "https://3.example.com", third, second)
        # One of this version that starts only now says why it does not.
        command = [PORTOLAN, "--data-dir", self.folder / "late", "--listen", "127.0.0.1:0", "serve"]
        late = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | self.settings)
        self.assertEqual(late.returncode, 1, late.stdout)
        self.assertIn("m20991231_000001_next", late.stderr)


@unittest.skipUnless(FAKETIME, "faketime is not installed")
class Clock(Nodes):
    def setUp(self) -> None:
        super().setUp()
        self.offset = self.folder / "offset"
        self.offset.write_text("+0")
        moved = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.steady, self.jumping = self.node("steady", self.settings), self.node("jumping", self.settings | moved)
        self.prepare(self.steady)

    def clock(self) -> float:
        """What time the jumping node says it is."""
        made = self.asked(self.jumping, "POST", "/owners", {"key": f"at-{time.monotonic_ns()}"})
        return time.mktime(time.strptime(json.loads(made)["created"][:19], "%Y-%m-%dT%H:%M:%S"))

    def test_a_clock_that_jumps_makes_no_answer_old_and_no_job_stuck(self) -> None:
        path, before = self.imported(self.steady), self.clock()
        for number, offset in enumerate(("+3600", "-3600", "+0")):
            self.offset.write_text(offset)
            wait_until("the clock has jumped", lambda offset=offset: abs(self.clock() - before - int(offset)) < 600)
            for node, other in ((self.steady, self.jumping), (self.jumping, self.steady)):
                self.moved(path, f"https://{number}.{node.name}.example.com", node, other)
            again = f"/owners/{OWNER}/imports/async?force=MANIFEST_SAME&force=MANIFEST_OLD"
            job = json.loads(self.asked(self.jumping, "POST", again, self.manifest, status=202))["id"]
            wait_until("the job has ended", lambda job=job: self.state(job) in ("FINISHED", "FAILED"))
            self.assertEqual(self.state(job), "FINISHED")

    def state(self, job: str) -> str:
        return json.loads(self.asked(self.jumping, "GET", f"/jobs/{job}"))["state"]


class Ending(Fixture):
    """SIGTERM while an upload is on its way."""

    def upload(self, node: Node) -> tuple[socket.socket, int]:
        """Begins an upload, and sends half of it."""
        address = urllib.parse.urlsplit(node.url)
        upload = self.enterContext(socket.create_connection((address.hostname, address.port), 30))
        head = (
            f"POST /owners/{OWNER}/imports HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {self.admin}\r\n"
            f"Content-Type: application/zip\r\nContent-Length: {len(self.manifest)}\r\n\r\n"
        )
        half = len(self.manifest) // 2
        upload.sendall(head.encode() + self.manifest[:half])
        return upload, half

    def told_to_end(self, node: Node) -> None:
        node.process.terminate()
        address = urllib.parse.urlsplit(node.url)

        def is_closed() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((address.hostname, address.port), 1):
                return False
            return True

        wait_until("no connection is taken any more", is_closed)

    def test_what_is_under_way_is_finished(self) -> None:
        node = self.node("node", {})
        self.prepare(node)
        upload, half = self.upload(node)
        self.told_to_end(node)
        self.assertIsNone(node.process.poll(), "it waits for the upload")
        upload.sendall(self.manifest[half:])
        answer = b""
        while piece := upload.recv(1 << 16):
            answer += piece
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:500])
        self.assertEqual(node.process.wait(30), 0)
        node.start()
        self.assertEqual(len(self.records(node)), 1)

    def test_a_client_that_never_ends_is_cut_off(self) -> None:
        node = self.node("node", {"PORTOLAN__HTTP__SHUTDOWN_GRACE_SECONDS": "1"})
        self.prepare(node)
        self.upload(node)
        begun = time.monotonic()
        self.told_to_end(node)
        self.assertEqual(node.process.wait(30), 0)
        self.assertLess(time.monotonic() - begun, 10)
        node.start()
        self.assertEqual(self.records(node), [], "half an upload was taken for something")
        left = list((node.folder / "uploads").iterdir())
        self.assertEqual(left, [], "an upload was left behind")


if __name__ == "__main__":
    unittest.main()
