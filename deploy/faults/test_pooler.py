"""PgBouncer in transaction mode between the nodes and PostgreSQL: the server behind a connection is another one from
one transaction to the next, and nobody may notice."""

import json
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from cluster import PORTOLAN, Address, Node, Postgres, free_port, programs, wait_until

OWNER = "acme"
ENTITLEMENTS = 60
SERVERS = 3
READERS = 8


class Pooler:
    """A PgBouncer over one server, with fewer connections to it than clients ask at once."""

    def __init__(self, folder: Path, behind: Postgres) -> None:
        self.port = free_port()
        folder.mkdir()
        settings = folder / "pgbouncer.ini"
        settings.write_text(f"""[databases]
portolan = host=127.0.0.1 port={behind.port} user=portolan
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SERVERS}
logfile = {folder / "log"}
""")
        for path in (folder, settings):
            subprocess.run(["chown", "-R", "--reference", behind.folder, path], check=True)
        command = [*behind.as_user, "pgbouncer", "-q", str(settings)]
        self.process = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL)
        wait_until("the pooler listens", self.listens)

    def listens(self) -> bool:
        ready = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        ready[0] = str(programs() / ready[0])
        return subprocess.run(ready, check=False).returncode == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class BehindAPooler(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="faults-")))
        self.folder.chmod(0o755)
        self.postgres = Postgres(self.folder / "postgres", programs()).make()
        self.addCleanup(self.postgres.stop)
        self.postgres.sql("CREATE DATABASE portolan")
        pooler = Pooler(self.folder / "pooler", self.postgres)
        self.addCleanup(pooler.end)
        self.direct = Address(self.postgres.port)
        self.addCleanup(self.direct.close)
        master = self.folder / "master.key"
        subprocess.run([PORTOLAN, "master-key", "create", master], check=True, capture_output=True)
        self.settings = {
            "PORTOLAN__DATABASE__URL": f"postgres://portolan@127.0.0.1:{pooler.port}/portolan",
            "PORTOLAN__DATABASE__DIRECT_URL": f"postgres://portolan@127.0.0.1:{self.direct.port}/portolan",
            "PORTOLAN__SECRETS__MASTER_KEY_FILE": str(master),
            # Nothing stays in memory: each request asks the database.
            "PORTOLAN__CACHE__ENTITLEMENT_BYTES": "1048576",
        }
        self.first, self.second = self.node("first"), self.node("second")
        self.admin = self.first.command("key", "create", "--role", "admin", "--name", "pooler").split()[-1]
        generated = ["--generate", ENTITLEMENTS, "--ca-dir", self.folder / "ca", "--out", self.folder / "m.zip"]
        self.first.command("manifest", "build", *generated)
        self.first.command("ca", "add", self.folder / "ca" / "ca.crt")
        self.asked(self.first, "POST", "/owners", {"key": OWNER})
        self.asked(self.first, "POST", f"/owners/{OWNER}/imports", (self.folder / "m.zip").read_bytes())
        listed = json.loads(self.asked(self.second, "GET", f"/owners/{OWNER}/entitlements?limit=100"))
        self.ids = [item["id"] for item in listed]

    def node(self, name: str) -> Node:
        node = Node(self.folder, name, self.settings)
        self.addCleanup(node.kill)
        return node

    def asked(self, node: Node, method: str, path: str, body: object = None) -> bytes:
        status, _, answer = node.ask(method, path, self.admin, body)
        self.assertIn(status, (200, 201, 204), f"{node.name}: {method} {path}: {answer}")
        return answer

    def test_reads_and_writes_of_two_nodes_share_three_servers(self) -> None:
        self.assertEqual(len(self.ids), ENTITLEMENTS)
        wrong: list[str] = []

        def read(node: Node, turn: int) -> None:
            for entitlement in self.ids[turn:] + self.ids[:turn]:
                status, _, body = node.ask("GET", f"/entitlements/{entitlement}/cdn_info", self.admin)
                if status != 200 or json.loads(body)["entitlementId"] != entitlement:
                    wrong.append(f"{node.name}: {status} {body[:200]!r}")

        def write(node: Node) -> None:
            for number in range(20):
                for method, path, body in (
                    ("POST", "/owners", {"key": f"{node.name}-{number}"}),
                    ("PUT", f"/owners/{node.name}-{number}/cdn", {"cdnUrl": "https://cdn.example.com"}),
                    ("DELETE", f"/owners/{node.name}-{number}", None),
                ):
                    status, _, answer = node.ask(method, path, self.admin, body)
                    if status not in (200, 201, 204):
                        wrong.append(f"{node.name}: {method} {path}: {status} {answer[:200]!r}")

        nodes = (self.first, self.second)
        work = [threading.Thread(target=read, args=(nodes[turn % 2], turn * 7)) for turn in range(READERS)]
        work += [threading.Thread(target=write, args=(node,)) for node in nodes]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        self.assertEqual(wrong, [])
        asked = sum(node.figure(self.admin, "portolan_cache_queries_total") for node in nodes)
        self.assertGreater(asked, ENTITLEMENTS, "memory answered what the database was to be asked")
        shared = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'portolan' AND application_name = 'portolan'"
        self.assertLessEqual(int(self.postgres.sql(shared)), SERVERS)

    def test_changes_are_heard_past_the_pooler(self) -> None:
        info = f"/entitlements/{self.ids[0]}/cdn_info"
        for number in range(5):
            url = f"https://v{number}.example.com"
            self.asked(self.first, "PUT", f"/owners/{OWNER}/cdn", {"cdnUrl": url})
            self.assertEqual(json.loads(self.asked(self.first, "GET", info))["cdnUrl"], url)
            wait_until(
                "the other node has heard",
                lambda url=url: json.loads(self.asked(self.second, "GET", info))["cdnUrl"] == url,
                patience=2.0,
            )


if __name__ == "__main__":
    unittest.main()
