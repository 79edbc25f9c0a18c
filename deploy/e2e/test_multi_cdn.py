"""nginx in place of Thumbslug: clients with a certificate by entitlement, two owners, two CDNs that have a CA each, and
an identity by entitlement that the CDNs see."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import random
import shutil
import ssl
import threading
import unittest

from world import DEPLOY, Issuer, Names, Portolan, ask, free_port, run, shipped, start_nginx, wait_until, world

# A CDN that says as whom it sees its client.
CDN = """\
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_verify_client optional_no_ca;
    location / {{ return 200 "{name} $host $request_uri $ssl_client_fingerprint"; }}
}}
"""
ENTITLEMENTS = {"acme": ("acme-one", "acme-two"), "beta": ("beta-one", "beta-two", "beta-bare")}
# It has no certificate upstream: a CDN sees nobody.
BARE = "beta-bare"
BASES = {"acme": "/content/acme", "beta": ""}


class MultiCdn(unittest.TestCase):
    def setUp(self) -> None:
        self.programs = self.enterContext(world())
        self.folder = self.programs.folder
        names = self.enterContext(contextlib.closing(Names()))
        self.portolan = Portolan(self.programs, '[http]\ntrusted_proxies = ["127.0.0.1"]\n')
        self.proxy_key, auditor = self.portolan.key("proxy"), self.portolan.key("auditor")
        self.auditor = self.folder / "auditor.key"
        self.auditor.write_text(auditor)
        self.cdns = {owner: free_port() for owner in ENTITLEMENTS}
        self.import_manifests()
        self.start_cdns()
        # acme's CDN has a certificate of the CA that signed its manifests, as in the first design; beta's is one of
        # the operator's, with a CA of its own.
        self.portolan.cli(
            *("cdn", "add", "beta-cdn", "--url", f"https://beta.test:{self.cdns['beta']}"),
            *("--certificate", self.beta_ca.certificate),
        )
        self.portolan.cli("owner", "cdn", "beta", "--label", "beta-cdn")
        self.cas = self.folder / "cas"
        self.write_cas(10)
        self.clients = Issuer.make(self.folder / "clients", "Clients")
        self.port = free_port()
        start_nginx(self.programs, "proxy", self.conf(names.port), self.port)

    def import_manifests(self) -> None:
        for owner, entitlements in ENTITLEMENTS.items():
            tables = "".join(
                f'[[entitlements]]\nid = "{id}"\ncertificate = {str(id != BARE).lower()}\n' for id in entitlements
            )
            url = f"https://{owner}.test:{self.cdns[owner]}{BASES[owner]}"
            description = self.folder / f"{owner}.toml"
            description.write_text(f'seed = "{owner}"\nown_keys = true\ncdn_url = "{url}"\n{tables}')
            ca, manifest = self.folder / f"{owner}-ca", self.folder / f"{owner}.zip"
            self.portolan.cli("manifest", "build", description, "--ca-dir", ca, "--out", manifest)
            self.portolan.cli("owner", "add", owner)
            self.portolan.cli("ca", "add", ca / "ca.crt", "--name", f"{owner}.crt")
            self.portolan.cli("import", manifest, "--owner", owner)

    def start_cdns(self) -> None:
        self.beta_ca = Issuer.make(self.folder / "beta-cdn-ca", "Beta's CDN")
        issuers = {"acme": Issuer(self.folder / "acme-ca"), "beta": self.beta_ca}
        servers = []
        for owner, issuer in issuers.items():
            certificate, key = issuer.issue(f"/CN={owner}.test", host=f"{owner}.test")
            port = self.cdns[owner]
            servers.append(CDN.format(port=port, certificate=certificate, key=key, name=owner))
        # Whoever has beta's CA, and calls himself acme.
        certificate, key = self.beta_ca.issue("/CN=acme.test", host="acme.test")
        self.impostor = free_port()
        servers.append(CDN.format(port=self.impostor, certificate=certificate, key=key, name="impostor"))
        conf = self.folder / "cdns.conf"
        conf.write_text("".join(servers))
        start_nginx(self.programs, "cdns", conf, self.impostor)

    def write_cas(self, status: int) -> None:
        # What the command line changes counts in the service within two seconds.
        held = len(self.portolan.cli("--json", "ca", "list").split('"filename"')) - 1
        wait_until(lambda: len(self.portolan.call("GET", "/upstream_cas").json()) == held)
        script = DEPLOY / "nginx" / "portolan-cdn-cas"
        run(script, self.portolan.url, self.auditor, self.cas, self.folder / "cdn-proxy.conf", status=status)

    def conf(self, resolver: int) -> object:
        shutil.copy(DEPLOY / "nginx" / "cdn-proxy.conf", self.folder)
        key = self.folder / "key.conf"
        key.write_text(f'proxy_set_header Authorization "Bearer {self.proxy_key}";\n')
        certificate, private = self.clients.issue("/CN=localhost", host="localhost")
        changes = {
            "/etc/nginx/portolan/;": f"{DEPLOY}/nginx/;",
            "127.0.0.1:7080": f"127.0.0.1:{self.portolan.port}",
            "listen 8443": f"listen 127.0.0.1:{self.port}",
            "/etc/nginx/portolan/server.crt": str(certificate),
            "/etc/nginx/portolan/server.key": str(private),
            "/etc/nginx/portolan/clients.crt": str(self.clients.certificate),
            "127.0.0.53": f"127.0.0.1:{resolver}",
            "/etc/nginx/portolan/cas/": f"{self.cas}/",
            "/etc/nginx/portolan/key.conf": str(key),
        }
        return shipped("nginx/multi-cdn.conf", changes, self.folder / "multi-cdn.conf")

    def client(self, subject: str, issuer: Issuer | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.clients.certificate))
        context.check_hostname = False
        context.load_cert_chain(*(issuer or self.clients).issue(subject))
        return context

    def identity(self, entitlement: str) -> str:
        """The SHA-1 by which nginx tells a certificate, of the one that this entitlement has upstream."""
        if entitlement == BARE:
            return ""
        info = self.portolan.call("GET", f"/entitlements/{entitlement}/cdn_info", key=self.proxy_key).json()
        # Blocks with what it entitles to follow the certificate.
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        block = info["upstreamCertificate"]["cert"].partition(begin)[2].partition(end)[0]
        der = ssl.PEM_cert_to_DER_cert(begin + block + end)
        return hashlib.sha1(der).hexdigest()

    def expected(self, owner: str, entitlement: str, path: str) -> bytes:
        return f"{owner} {owner}.test {BASES[owner]}{path} {self.identity(entitlement)}".encode()

    def test_each_client_has_its_cdn_and_identity(self) -> None:
        identities = set()
        for owner, entitlements in ENTITLEMENTS.items():
            for entitlement in entitlements:
                context = self.client(f"/O=Somebody/CN={entitlement}")
                path = "/dist/rpm%20a.rpm?x=1&y=%2f"
                answer = ask(self.port, path, tls=context)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.body, self.expected(owner, entitlement, path))
                identities.add(self.identity(entitlement))
        self.assertEqual(len(identities), 5)

    def test_a_thousand_mixed_requests_and_none_as_somebody_else(self) -> None:
        everybody = [(owner, id) for owner, ids in ENTITLEMENTS.items() for id in ids]
        contexts = {id: self.client(f"/CN={id}") for _, id in everybody}
        expected = {id: self.expected(owner, id, "/a") for owner, id in everybody}
        # Connections to the proxy are kept, those of all clients side by side.
        kept: dict[tuple[int, str], http.client.HTTPSConnection] = {}

        def one(id: str) -> tuple[int, bytes]:
            mine = (threading.get_ident(), id)
            if mine not in kept:
                kept[mine] = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=contexts[id])
                self.addCleanup(kept[mine].close)
            kept[mine].request("GET", "/a")
            answer = kept[mine].getresponse()
            return answer.status, answer.read()

        asked = [id for _, id in everybody for _ in range(200)]
        random.Random(20261126).shuffle(asked)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, asked))
        wrong = [(id, answer) for id, answer in zip(asked, answers, strict=True) if answer != (200, expected[id])]
        self.assertEqual((len(answers), wrong[:3]), (1000, []))

    def test_whoever_is_unknown_is_refused(self) -> None:
        self.assertEqual(ask(self.port, "/a", tls=self.client("/CN=nobody")).status, 403)
        self.assertEqual(ask(self.port, "/a", tls=self.client("/CN=acme-one,O=x")).status, 403)
        self.assertEqual(ask(self.port, "/a", tls=self.client("/CN=acme-one/CN=beta-one")).status, 403)
        self.assertEqual(ask(self.port, "/a", tls=self.client("/O=acme-one")).status, 403)
        stranger = Issuer.make(self.folder / "stranger", "Stranger")
        refused = ask(self.port, "/a", tls=self.client("/CN=acme-one", stranger))
        self.assertEqual(refused.status, 400)
        without = ssl.create_default_context(cafile=str(self.clients.certificate))
        without.check_hostname = False
        self.assertEqual(ask(self.port, "/a", tls=without).status, 400)

    def test_no_header_of_the_client_says_who_it_is(self) -> None:
        acme = self.client("/CN=acme-one")
        for name, value in (
            ("X-Entitlement-Id", "beta-one"),
            ("X-SSL-Client-S-DN", "CN=beta-one"),
            ("X-SSL-Client-Verify", "SUCCESS"),
            ("X-Cdn-Url", f"https://beta.test:{self.cdns['beta']}"),
            ("Authorization", "Bearer x"),
            ("Host", "beta.test"),
        ):
            headers = [(name, value)]
            with self.subTest(name):
                answer = ask(self.port, "/a", headers, tls=acme)
                self.assertEqual((answer.status, answer.body), (200, self.expected("acme", "acme-one", "/a")))
        nobody = self.client("/CN=nobody")
        self.assertEqual(ask(self.port, "/a", [("X-Entitlement-Id", "acme-one")], tls=nobody).status, 403)

    def test_no_path_leads_out_of_the_cdns(self) -> None:
        acme = self.client("/CN=acme-one")
        for path in ("/../a", "/%2e%2e/a", "/x/../../a", "/..%2fa", f"/_cdn/{'0' * 64}/", "/_cdn_info"):
            with self.subTest(path):
                self.assertIn(ask(self.port, path, tls=acme).status, (400, 404))

    def test_another_owners_ca_vouches_for_nothing(self) -> None:
        acme = self.client("/CN=acme-one")
        self.assertEqual(ask(self.port, "/a", tls=acme).status, 200)
        # A host of acme's name, with a certificate of the CA that is trusted for beta alone.
        self.portolan.cli("owner", "cdn", "acme", "--url", f"https://acme.test:{self.impostor}")
        wait_until(lambda: ask(self.port, "/a", tls=acme).status == 502)
        self.portolan.cli("owner", "cdn", "acme", "--reset")
        wait_until(lambda: ask(self.port, "/a", tls=acme).status == 200)

    def test_without_its_ca_nothing_is_asked(self) -> None:
        acme = self.client("/CN=acme-one")
        self.assertEqual(ask(self.port, "/a", tls=acme).status, 200)
        self.write_cas(0)
        self.portolan.cli("ca", "remove", "acme.crt")
        self.write_cas(10)
        self.assertEqual(len(list(self.cas.glob("*.pem"))), 2)
        self.programs.stop("proxy")
        start_nginx(self.programs, "proxy-again", self.folder / "multi-cdn.conf", self.port)
        self.assertEqual(ask(self.port, "/a", tls=acme).status, 502)
        self.assertEqual(ask(self.port, "/a", tls=self.client("/CN=beta-one")).status, 200)

    def test_while_portolan_is_away_nobody_is_let_through(self) -> None:
        acme = self.client("/CN=acme-one")
        self.assertEqual(ask(self.port, "/a", tls=acme).status, 200)
        self.portolan.stop()
        self.assertEqual(ask(self.port, "/a", tls=acme).status, 500)

    def test_no_key_is_in_a_log(self) -> None:
        acme = self.client("/CN=acme-one")
        self.assertEqual(ask(self.port, "/a", tls=acme).status, 200)
        logs = self.programs.log("proxy") + self.programs.log("portolan")
        self.assertNotIn("PRIVATE KEY", logs)
        self.assertNotIn(self.proxy_key, logs)


if __name__ == "__main__":
    unittest.main()
