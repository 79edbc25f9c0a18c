"""nginx as an edge: it has the files, and asks for each request whether the token is enough."""

import unittest

from repository import COLLECTION, FREE, GAME, TOOL, Repository, ref_token
from world import Portolan, ask, free_port, shipped, start_nginx, world


class FlatpakEdge(unittest.TestCase):
    def setUp(self) -> None:
        self.programs = self.enterContext(world())
        self.portolan = Portolan(self.programs)
        self.repository = Repository(self.programs)
        self.repository.tell(self.portolan)
        self.issuer = self.portolan.key("issuer")
        for user, ref in (("alice", GAME), ("bob", TOOL)):
            self.portolan.cli("grant", "set", user, ref, "--owner", "acme", "--collection", COLLECTION)
        self.alice = ref_token(self.portolan, self.issuer, "alice", GAME)
        self.bob = ref_token(self.portolan, self.issuer, "bob", TOOL)
        self.port = free_port()
        changes = {
            "/var/cache/nginx/portolan": f"{self.programs.folder}/decisions",
            "127.0.0.1:7080": f"127.0.0.1:{self.portolan.port}",
            "listen 8080": f"listen 127.0.0.1:{self.port}",
            "/srv/ostree": str(self.repository.root),
        }
        conf = shipped("nginx/flatpak-edge.conf", changes, self.programs.folder / "flatpak-edge.conf")
        start_nginx(self.programs, "nginx", conf, self.port)

    def get(self, path: str, token: str | None = None, *more: tuple[str, str], method: str = "GET"):
        bearer = [("Authorization", f"Bearer {token}")] if token else []
        return ask(self.port, path, bearer + list(more), method)

    def test_a_pull_needs_the_right_token(self) -> None:
        pull = self.repository.pull
        self.assertIn(f"the app of {GAME}", pull(self.port, GAME, self.alice))
        self.assertIn(f"the app of {TOOL}", pull(self.port, TOOL, self.bob))
        self.assertIn(f"the app of {FREE}", pull(self.port, FREE, None))
        with self.assertRaisesRegex(AssertionError, "401"):
            pull(self.port, GAME, None)
        with self.assertRaisesRegex(AssertionError, "403"):
            pull(self.port, GAME, self.bob)
        with self.assertRaisesRegex(AssertionError, "401"):
            pull(self.port, GAME, self.alice[:-4] + "AAAA")

    def test_an_access_token_pulls_below_its_prefix(self) -> None:
        scope = ("--sub", "build", "--scope", "download", "--repo", "stable", "--duration", "1h")
        token = self.portolan.cli("token", "create", *scope, "--prefix", "org.acme.Game")
        self.assertIn(f"the app of {GAME}", self.repository.pull(self.port, GAME, token))
        with self.assertRaisesRegex(AssertionError, "403"):
            self.repository.pull(self.port, TOOL, token)

    def test_a_second_pull_asks_nothing(self) -> None:
        pull = self.repository.pull_objects
        first = pull(self.port, GAME, self.alice)
        # Whoever asks now, asks nobody.
        self.portolan.stop()
        self.assertEqual(pull(self.port, GAME, self.alice), first)
        # What was decided for one is decided for nobody else.
        for token in (None, self.bob):
            with self.assertRaisesRegex(AssertionError, "500"):
                pull(self.port, GAME, token)

    def test_the_parts_of_a_delta_are_as_closed_as_its_superblock(self) -> None:
        files = self.repository.delta_files()
        names = {path.rsplit("/", 1)[1] for path in files}
        self.assertLessEqual({"superblock", "0"}, names)
        for path in files:
            with self.subTest(path):
                self.assertEqual(self.get(path).status, 401)
                self.assertEqual(self.get(path, self.bob).status, 403)
                self.assertEqual(self.get(path, self.alice).status, 200)
        pulled = self.repository.pull(self.port, GAME, self.alice, "--require-static-deltas")
        self.assertIn("a second version", pulled)
        # For ostree, a delta that is refused is none.
        with self.assertRaisesRegex(AssertionError, "none found"):
            self.repository.pull(self.port, GAME, self.bob, "--require-static-deltas")

    def test_a_revoked_token_opens_nothing_that_was_not_decided(self) -> None:
        wanted = self.repository.object_of(GAME)
        self.assertEqual(self.get(wanted, self.alice).status, 200)
        revoked = self.portolan.call("POST", "/tokens/revoke", {"user": "alice"}, self.issuer)
        self.assertEqual(revoked.status, 204)
        refused = self.get(f"{wanted}?anew", self.alice)
        self.assertEqual(refused.status, 401)
        self.assertIn("Bearer", refused.headers["www-authenticate"])

    def test_no_other_way_to_write_it_opens_it(self) -> None:
        wanted = self.repository.object_of(GAME)
        self.assertEqual(self.get(wanted).status, 401)
        directory, name = wanted.rsplit("/", 1)
        ways = [
            wanted.replace("/objects/", "/objects//"),
            wanted.replace("/objects/", "/./objects/"),
            wanted.replace("/objects/", "/objects/x/../"),
            wanted.replace("/objects/", "/objects/x/%2e%2e/"),
            wanted.replace("/objects/", "/objects%2f"),
            wanted.replace("/objects/", "/objects;x/"),
            wanted.replace("/objects/", "/%6fbjects/"),
            wanted.replace("/repo/", "//repo/"),
            wanted.replace(".commit", ".%63ommit"),
            wanted.replace(".commit", ".commit%00"),
            wanted.replace(".commit", ".commit/"),
            wanted.replace("/repo/stable/", "/repo/other/../stable/"),
            f"{directory}/{name}?x=/repo/stable/config",
            f"{directory}/{name}#/repo/stable/config",
            f"/repo/stable/config/..{wanted.removeprefix('/repo/stable')}",
        ]
        for path in ways:
            with self.subTest(path):
                self.assertNotEqual(self.get(path).status, 200)
                self.assertNotEqual(self.get(path, self.bob).status, 200)

    def test_no_header_of_the_client_counts(self) -> None:
        wanted, free = self.repository.object_of(GAME), self.repository.object_of(FREE)
        for name in ("X-Original-URI", "X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL"):
            with self.subTest(name):
                self.assertEqual(self.get(wanted, None, (name, free)).status, 401)
                self.assertEqual(self.get(wanted, self.bob, (name, free)).status, 403)
                # Nor does it keep out whoever may.
                self.assertEqual(self.get(wanted, self.alice, (name, free)).status, 200)
        for name in ("X-Portolan-User", "X-Flatpak-Requested-Ref", "X-Original-Method"):
            with self.subTest(name):
                self.assertEqual(self.get(wanted, None, (name, "alice")).status, 401)
        twice = ("Authorization", f"Bearer {self.bob}")
        self.assertNotEqual(self.get(wanted, self.alice, twice).status, 200)

    def test_a_key_of_the_cache_looks_like_no_other(self) -> None:
        wanted = self.repository.object_of(GAME)
        self.assertEqual(self.get(wanted, self.alice).status, 200)
        for authorization in ("", " ", f"GET {wanted} Bearer {self.alice}", f"Bearer {self.alice} GET {wanted}"):
            with self.subTest(authorization):
                self.assertNotEqual(self.get(wanted, None, ("Authorization", authorization)).status, 200)

    def test_only_reading_is_let_through(self) -> None:
        wanted = self.repository.object_of(GAME)
        self.assertEqual(self.get(wanted, self.alice, method="HEAD").status, 200)
        for method in ("POST", "PUT", "DELETE"):
            self.assertIn(self.get(wanted, self.alice, method=method).status, (403, 405))


if __name__ == "__main__":
    unittest.main()
