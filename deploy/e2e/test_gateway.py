"""The container gateway before a registry, asked by the clients that people use."""

import json
import shutil
import unittest
from base64 import b64encode
from pathlib import Path

from registry import ALICES, BOBS, HOST, OPEN, PASSWORDS, Authority, Client, Registry, feed, skopeo, text_of
from world import Issuer, Portolan, Programs, ask, free_port, shipped, wait_until, world


def shipped_config(programs: Programs, name: str, gateway: int, registry: int) -> str:
    changes = {
        "127.0.0.1:7081": f"127.0.0.1:{gateway}",
        "http://127.0.0.1:5000": f"http://127.0.0.1:{registry}",
        "https://registry.example.com": f"http://127.0.0.1:{gateway}",
    }
    return shipped(f"registry/{name}", changes, programs.folder / name).read_text()


class Pulling:
    """What holds for every kind of token."""

    config: str

    def setUp(self) -> None:
        self.programs = self.enterContext(world())
        self.registry = Registry(self.programs)
        self.port = free_port()
        config = shipped_config(self.programs, self.config, self.port, self.registry.port)
        self.portolan = Portolan(self.programs, config, gateway=self.port)
        for user, password in PASSWORDS.items():
            self.portolan.cli("gateway", "user", "add", user, "--password-stdin", input=password)
        feed(self.portolan)
        self.host = f"127.0.0.1:{self.port}"

    def client(self, name: str) -> Client:
        return Client(self.programs.folder / name, self.host)

    def test_skopeo_pulls_what_is_its_users(self) -> None:
        nobody, alice = self.client("nobody"), self.client("alice")
        self.assertEqual(nobody.copy(OPEN), f"the image of {OPEN}\n")
        for name in (ALICES, BOBS):
            nobody.copy(name, status=1)
        self.assertIn("Login Succeeded", alice.login("alice"))
        for name in (ALICES, OPEN):
            self.assertEqual(alice.copy(name), f"the image of {name}\n")
        with self.assertRaisesRegex(AssertionError, "no repository|unauthorized|NAME_UNKNOWN|denied"):
            alice.copy(BOBS)
        described = json.loads(alice.skopeo("inspect", f"docker://{self.host}/{ALICES}:latest"))
        self.assertEqual(described["RepoTags"], ["latest"])
        tags = json.loads(alice.skopeo("list-tags", f"docker://{self.host}/{ALICES}"))
        self.assertEqual(tags["Tags"], ["latest"])
        with self.assertRaisesRegex(AssertionError, "(?i)invalid username/password|unauthorized"):
            self.client("mallory").login("alice", "guessed")

    def test_podman_logs_in_pulls_and_searches(self) -> None:
        alice = self.client("alice")
        said = alice.podman("login", "-u", "alice", "--password-stdin", self.host, input=PASSWORDS["alice"])
        self.assertIn("Login Succeeded", said)
        alice.podman("pull", f"{self.host}/{ALICES}:latest")
        self.assertEqual(alice.images(), [f"{self.host}/{ALICES}"])
        with self.assertRaises(AssertionError):
            alice.podman("pull", f"{self.host}/{BOBS}:latest")
        found = alice.podman("search", "--format", "{{.Name}}", f"{self.host}/app")
        self.assertEqual(found.split(), [f"{self.host}/{ALICES}"])
        everybodys = self.client("nobody").podman("search", "--format", "{{.Name}}", f"{self.host}/")
        self.assertEqual(everybodys.split(), [f"{self.host}/{OPEN}"])

    def test_docker_logs_in_and_looks_at_manifests(self) -> None:
        if not shutil.which("docker"):
            self.skipTest("there is no docker command line here")
        alice = self.client("alice")
        said = alice.docker("login", "-u", "alice", "--password-stdin", self.host, input=PASSWORDS["alice"])
        self.assertIn("Login Succeeded", said)
        config = json.loads((alice.folder / "docker" / "config.json").read_text())
        self.assertIn("identitytoken", config["auths"][self.host], "docker keeps the refresh token")
        seen = alice.docker("manifest", "inspect", "--insecure", f"{self.host}/{ALICES}:latest")
        self.assertEqual(json.loads(seen)["schemaVersion"], 2)
        with self.assertRaises(AssertionError):
            alice.docker("manifest", "inspect", "--insecure", f"{self.host}/{BOBS}:latest")

    def test_nothing_is_pushed(self) -> None:
        alice = self.client("alice")
        alice.login("alice")
        layout = self.programs.folder / ALICES.replace("/", "-")
        target = f"docker://{self.host}/{ALICES}:new"
        with self.assertRaisesRegex(AssertionError, "(?i)unsupported|not supported"):
            alice.skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:latest", target)
        for method in ("PUT", "POST", "PATCH"):
            answer = ask(self.port, f"/v2/{ALICES}/blobs/uploads/", method=method, body=b"x")
            self.assertEqual((answer.status, answer.json()["errors"][0]["code"]), (404, "UNSUPPORTED"))

    def test_a_part_of_a_blob_is_a_part(self) -> None:
        manifest = ask(self.port, f"/v2/{OPEN}/manifests/latest", ACCEPT)
        self.assertEqual(manifest.status, 200)
        digest = manifest.json()["layers"][0]["digest"]
        whole = ask(self.port, f"/v2/{OPEN}/blobs/{digest}")
        part = ask(self.port, f"/v2/{OPEN}/blobs/{digest}", {"Range": "bytes=5-9"})
        self.assertEqual((part.status, part.body), (206, whole.body[5:10]))
        head = ask(self.port, f"/v2/{OPEN}/blobs/{digest}", method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["content-length"], str(len(whole.body)))


ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}


class Opaque(Pulling, unittest.TestCase):
    config = "gateway.toml"

    def test_a_restart_ends_no_login(self) -> None:
        alice = self.client("alice")
        alice.login("alice")
        token = ask(self.port, "/v2/token", basic("alice")).json()["token"]
        self.portolan.stop()
        self.portolan.start()
        bearer = {"Authorization": f"Bearer {token}"}
        self.assertEqual(ask(self.port, "/v2/", bearer).status, 200)
        self.assertEqual(ask(self.port, f"/v2/{ALICES}/manifests/latest", bearer | ACCEPT).status, 200)
        self.assertEqual(alice.copy(ALICES), f"the image of {ALICES}\n")


class Jwt(Pulling, unittest.TestCase):
    config = "gateway-jwt.toml"

    def setUp(self) -> None:
        super().setUp()
        bundle = self.programs.folder / "bundle.pem"
        self.portolan.cli("gateway", "rootcert", "--out", bundle)
        self.registry.restart_with_tokens(f"http://{self.host}/v2/token", bundle)

    def token(self, user: str, *scopes: str) -> str:
        query = "&".join(f"scope={scope}" for scope in scopes)
        answer = ask(self.port, f"/v2/token?service=registry.example.com&{query}", basic(user))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()["token"]

    def at_registry(self, name: str, token: str | None) -> int:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return ask(self.registry.port, f"/v2/{name}/manifests/latest", bearer | ACCEPT).status

    def test_the_registry_verifies_tokens_itself(self) -> None:
        asked = [f"repository:{name}:pull,push" for name in (ALICES, BOBS, OPEN)]
        alice = self.token("alice", *asked)
        statuses = [self.at_registry(name, alice) for name in (ALICES, BOBS, OPEN)]
        self.assertEqual(statuses, [200, 401, 200])
        self.assertEqual(self.at_registry(ALICES, None), 401)
        self.assertEqual(self.at_registry(ALICES, alice[:-4] + "AAAA"), 401)
        upload = ask(self.registry.port, f"/v2/{ALICES}/blobs/uploads/", {"Authorization": f"Bearer {alice}"}, "POST")
        self.assertEqual(upload.status, 401)

    def test_a_key_is_rotated_and_the_registry_is_told_nothing(self) -> None:
        before = self.token("alice", f"repository:{ALICES}:pull")
        self.portolan.cli("signing-key", "rotate", "--purpose", "registry")

        def rotated() -> bool:
            after = self.token("alice", f"repository:{ALICES}:pull")
            return after.split(".")[0] != before.split(".")[0] and self.at_registry(ALICES, after) == 200

        wait_until(rotated)
        self.assertEqual(self.at_registry(ALICES, before), 200)


class AuthorityAway(unittest.TestCase):
    """The content system knows the users, and goes away."""

    def setUp(self) -> None:
        self.programs = self.enterContext(world())
        self.registry, self.authority = Registry(self.programs), Authority()
        self.addCleanup(lambda: self.authority.stop() if self.authority else None)
        self.port = free_port()
        where = f"http://127.0.0.1:{self.authority.port}/v2"
        config = f"""
            [gateway]
            listen = "127.0.0.1:{self.port}"
            upstream = "http://127.0.0.1:{self.registry.port}"
            [gateway.authority]
            kind = "token_endpoint"
            url = "{where}/token"
            repositories_url = "{where}/_catalog"
        """
        self.portolan = Portolan(self.programs, config, gateway=self.port)
        feed(self.portolan)
        self.host = f"127.0.0.1:{self.port}"

    def test_logins_that_were_go_on_and_new_ones_say_503(self) -> None:
        alice = Client(self.programs.folder / "alice", self.host)
        alice.login("alice")
        self.assertEqual(alice.copy(ALICES), f"the image of {ALICES}\n")
        wrong = ask(self.port, "/v2/token", basic("alice", "guessed"))
        self.assertEqual(wrong.status, 401)
        self.authority.stop()
        self.authority = None
        self.assertEqual(alice.copy(ALICES), f"the image of {ALICES}\n")
        nobody = Client(self.programs.folder / "nobody", self.host)
        self.assertEqual(nobody.copy(OPEN), f"the image of {OPEN}\n")
        refused = ask(self.port, "/v2/token", basic("bob"))
        self.assertEqual(refused.status, 503)
        with self.assertRaisesRegex(AssertionError, "(?i)503|unavailable|does not answer"):
            Client(self.programs.folder / "bob", self.host).login("bob")


class Hosts(unittest.TestCase):
    """TLS at the gateway, and a host that has a certificate instead of a password."""

    def test_a_host_pulls_what_is_its(self) -> None:
        programs = self.enterContext(world())
        registry, issuer = Registry(programs), Issuer.make(programs.folder / "ca", "Katello CA")
        server, key = issuer.issue("/CN=localhost", host="localhost")
        port = free_port()
        config = f"""
            [http]
            tls_cert_file = "{server}"
            tls_key_file = "{key}"
            [gateway]
            listen = "127.0.0.1:{port}"
            upstream = "http://127.0.0.1:{registry.port}"
            host_ca_file = "{issuer.certificate}"
        """
        portolan = Portolan(programs, config, tls=issuer.certificate, gateway=port)
        feed(portolan)
        certificates = {
            "mine": issuer.issue(f"/O=acme/CN={HOST}"),
            "another": issuer.issue("/O=acme/CN=5e1d6a3c-0000-4000-8000-000000000002"),
            "forged": Issuer.make(programs.folder / "other", "Katello CA").issue(f"/O=acme/CN={HOST}"),
        }
        pulls = {}
        for name, (certificate, key) in certificates.items():
            folder = programs.folder / name
            folder.mkdir()
            shutil.copy(issuer.certificate, folder / "ca.crt")
            shutil.copy(certificate, folder / "client.cert")
            shutil.copy(key, folder / "client.key")
            for repository in (ALICES, BOBS, OPEN):
                pulls[name, repository] = self.pull(folder, port, repository)
        expected = {(name, repository): repository == OPEN for name, repository in pulls}
        expected["mine", ALICES] = True
        self.assertEqual(pulls, expected)

    def pull(self, certificates: Path, port: int, name: str) -> bool:
        out = certificates / "copied"
        shutil.rmtree(out, ignore_errors=True)
        source = f"docker://localhost:{port}/{name}:latest"
        try:
            skopeo("copy", "--src-cert-dir", certificates, source, f"oci:{out}:latest")
        except AssertionError:
            return False
        return text_of(out) == f"the image of {name}\n"


def basic(user: str, password: str | None = None) -> dict[str, str]:
    pair = f"{user}:{PASSWORDS[user] if password is None else password}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
