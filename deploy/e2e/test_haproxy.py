"""HAProxy as an edge that asks nobody: it verifies tokens by itself, and compares them with what the origin, nginx,
says of each object."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import random
import unittest

from repository import COLLECTION, FREE, GAME, TOOL, Repository, ref_token
from world import DEPLOY, Portolan, ask, free_port, run, shipped, start_nginx, wait_until, world

ISSUER = "https://portolan.example.com"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class HAProxyEdge(unittest.TestCase):
    def setUp(self) -> None:
        self.programs = self.enterContext(world())
        folder = self.programs.folder
        self.portolan = Portolan(self.programs, f'[tokens]\nissuer = "{ISSUER}"\n')
        self.repository = Repository(self.programs)
        self.repository.tell(self.portolan)
        self.issuer = self.portolan.key("issuer")
        for user, refs in (("alice", [GAME, "app/org.acme.Many/*/stable"]), ("bob", [TOOL])):
            self.portolan.cli("grant", "set", user, *refs, "--owner", "acme", "--collection", COLLECTION)
        self.alice = ref_token(self.portolan, self.issuer, "alice", GAME)
        self.bob = ref_token(self.portolan, self.issuer, "bob", TOOL)
        self.origin, self.port = free_port(), free_port()
        self.start_origin()
        run(DEPLOY / "haproxy" / "portolan-keys", self.portolan.url, folder / "keys", status=10)
        changes = {
            "/etc/haproxy/portolan/flatpak-edge.lua": str(DEPLOY / "haproxy" / "flatpak-edge.lua"),
            "127.0.0.1:8082": f"127.0.0.1:{self.port}",
            "127.0.0.1:8081": f"127.0.0.1:{self.origin}",
            "/etc/haproxy/portolan/current.pem": f"{folder}/keys/current.pem",
            "/etc/haproxy/portolan/previous.pem": f"{folder}/keys/previous.pem",
            # Marked, and right as they are.
            ISSUER: ISSUER,
            COLLECTION: COLLECTION,
            "stable": "stable",
        }
        self.conf = shipped("haproxy/flatpak-edge.cfg", changes, folder / "haproxy.cfg")
        self.programs.start("haproxy", "haproxy", "-db", "-f", self.conf, port=self.port)

    def start_origin(self) -> None:
        folder = self.programs.folder
        key = folder / "key.conf"
        key.write_text(f'proxy_set_header Authorization "Bearer {self.portolan.key("proxy")}";\n')
        changes = {
            "/var/cache/nginx/portolan-required": f"{folder}/required",
            "127.0.0.1:7080": f"127.0.0.1:{self.portolan.port}",
            "127.0.0.1:8081": f"127.0.0.1:{self.origin}",
            "/srv/ostree": str(self.repository.root),
            "/etc/nginx/portolan/key.conf": str(key),
        }
        conf = shipped("nginx/flatpak-origin.conf", changes, folder / "flatpak-origin.conf")
        start_nginx(self.programs, "nginx", conf, self.origin)

    def get(self, path: str, token: str | None = None, *more: tuple[str, str], method: str = "GET"):
        bearer = [("Authorization", f"Bearer {token}")] if token else []
        return ask(self.port, path, bearer + list(more), method)

    def kids(self) -> list[str]:
        keys = ask(self.portolan.port, "/.well-known/jwks.json").json()["keys"]
        return [key["kid"] for key in keys if key["purpose"] == "ref-token"]

    def test_the_origin_says_what_each_object_is_of(self) -> None:
        game = ask(self.origin, self.repository.object_of(GAME))
        self.assertEqual((game.status, game.headers["x-flatpak-requested-ref"]), (200, GAME))
        self.assertEqual(game.headers["x-token-type"], "1")
        again = ask(self.origin, self.repository.object_of(GAME), {"If-None-Match": game.headers["etag"]})
        self.assertEqual((again.status, again.headers["x-flatpak-requested-ref"]), (304, GAME))
        free = ask(self.origin, self.repository.object_of(FREE))
        self.assertEqual((free.status, free.headers["x-token-type"]), (200, "0"))
        self.assertNotIn("x-flatpak-requested-ref", free.headers)
        for path in self.repository.delta_files():
            with self.subTest(path):
                self.assertEqual(ask(self.origin, path).headers["x-flatpak-requested-ref"], GAME)
        # A query is the client's own, and says nothing.
        for query in ("?x", "?uri=/repo/stable/config", "?x&uri=/repo/stable/config"):
            asked = ask(self.origin, self.repository.object_of(GAME) + query)
            self.assertEqual(asked.headers["x-flatpak-requested-ref"], GAME, query)
        unknown = "/repo/stable/objects/ab/" + "c" * 62 + ".commit"
        self.assertEqual(ask(self.origin, unknown).status, 403)

    def test_it_decides_offline(self) -> None:
        pull = self.repository.pull_objects
        first = pull(self.port, GAME, self.alice)
        # The origin knows what has been asked for once.
        for token in (None, self.bob):
            with self.assertRaisesRegex(AssertionError, "40[13]"):
                pull(self.port, GAME, token)
        # A token that was made before, and that HAProxy never saw.
        another = ref_token(self.portolan, self.issuer, "alice", GAME)
        keys = self.programs.folder / "jwks.json"
        keys.write_bytes(ask(self.portolan.port, "/.well-known/jwks.json").body)
        self.portolan.stop()
        self.assertEqual(pull(self.port, GAME, another), first)
        for token, status in ((None, "401"), (self.bob, "403")):
            with self.assertRaisesRegex(AssertionError, status):
                pull(self.port, GAME, token)
        # So does any peer that has the public keys.
        verify = ("token", "verify", "--jwks", keys, "--collection", COLLECTION, "--ref")
        said = self.portolan.cli(*verify, GAME, "--user", "alice", input=another)
        self.assertIn(f'"alice" may have {GAME}', said)
        with self.assertRaises(AssertionError):
            self.portolan.cli(*verify, TOOL, input=another)

    def test_of_many_at_once_each_has_what_is_its_own(self) -> None:
        game, tool = self.repository.object_of(GAME), self.repository.object_of(TOOL)
        expected = {
            (game, self.alice): 200,
            (game, self.bob): 403,
            (game, None): 401,
            (tool, self.alice): 403,
            (tool, self.bob): 200,
            (tool, None): 401,
        }
        asked = list(expected) * 50
        random.Random(20261126).shuffle(asked)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda one: self.get(*one).status, asked))
        wrong = [one for one, status in zip(asked, answers, strict=True) if status != expected[one]]
        self.assertEqual((len(answers), wrong), (300, []))

    def test_a_token_for_many_refs_counts_for_each(self) -> None:
        refs = [f"app/org.acme.Many/arch{number}/stable" for number in range(50)]
        token = ref_token(self.portolan, self.issuer, "alice", *refs, GAME)
        self.assertEqual(self.get(self.repository.object_of(GAME), token).status, 200)
        self.assertEqual(self.get(self.repository.object_of(TOOL), token).status, 403)
        self.assertEqual(self.get(self.repository.object_of(FREE)).status, 200)

    def test_parts_of_deltas_are_closed(self) -> None:
        for path in self.repository.delta_files():
            with self.subTest(path):
                self.assertEqual(self.get(path).status, 401)
                self.assertEqual(self.get(path, self.bob).status, 403)
                self.assertEqual(self.get(path, self.alice).status, 200)

    def test_what_is_no_ref_token_of_ours_counts_for_nothing(self) -> None:
        wanted = self.repository.object_of(GAME)
        self.assertEqual(self.get(wanted, self.alice).status, 200)
        header, claims, signature = self.alice.split(".")
        pad = "=" * (-len(claims) % 4)
        stated = json.loads(base64.urlsafe_b64decode(claims + pad))
        public = (self.programs.folder / "keys" / "current.pem").read_bytes()
        head = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        hs256 = f"{part({**head, 'alg': 'HS256'})}.{claims}"
        mac = base64.urlsafe_b64encode(hmac.digest(public, hs256.encode(), hashlib.sha256)).rstrip(b"=").decode()
        access = ("--sub", "x", "--scope", "download", "--repo", "stable", "--prefix", "", "--duration", "1h")
        forged = {
            "HS256 with the public key as its secret": f"{hs256}.{mac}",
            "no algorithm": f"{part({**head, 'alg': 'none'})}.{claims}.",
            "no algorithm, but a signature": f"{part({**head, 'alg': 'none'})}.{claims}.{signature}",
            "other claims": f"{header}.{part({**stated, 'user': 'mallory'})}.{signature}",
            "no signature": f"{header}.{claims}.",
            "two parts": f"{header}.{claims}",
            "an access token": self.portolan.cli("token", "create", *access),
            "another repository's": ref_token(self.portolan, self.issuer, "alice", GAME, aud="beta"),
        }
        for name, token in forged.items():
            with self.subTest(name):
                self.assertEqual(self.get(wanted, token).status, 401)
        ours = ref_token(self.portolan, self.issuer, "alice", GAME, aud="stable")
        self.assertEqual(self.get(wanted, ours).status, 200)
        twice = ("Authorization", f"Bearer {self.alice}")
        self.assertEqual(self.get(wanted, self.bob, twice).status, 400)
        self.assertEqual(self.get(wanted, self.alice, method="DELETE").status, 405)

    def test_a_token_ends(self) -> None:
        wanted = self.repository.object_of(GAME)
        token = ref_token(self.portolan, self.issuer, "alice", GAME, duration=2)
        self.assertEqual(self.get(wanted, token).status, 200)
        wait_until(lambda: self.get(wanted, token).status == 401)

    def test_a_key_is_rotated_while_tokens_count(self) -> None:
        keys = self.programs.folder / "keys"
        update = (DEPLOY / "haproxy" / "portolan-keys", self.portolan.url, keys)
        run(*update, status=0)
        (kid,) = self.kids()
        self.portolan.cli("signing-key", "rotate", kid)
        wait_until(lambda: len(self.kids()) == 2)
        run(*update, status=10)
        self.programs.stop("haproxy")
        self.programs.start("haproxy", "haproxy", "-db", "-f", self.conf, port=self.port)
        wanted = self.repository.object_of(GAME)
        self.assertEqual(self.get(wanted, self.alice).status, 200)
        self.assertEqual(self.get(wanted, ref_token(self.portolan, self.issuer, "alice", GAME)).status, 200)


if __name__ == "__main__":
    unittest.main()
