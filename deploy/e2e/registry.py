"""A registry from Debian's packages, images for it, and the clients that pull them."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import threading
from base64 import b64decode
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from world import Portolan, Programs, free_port, run, shipped

PASSWORDS = {"alice": "alices-password", "bob": "bobs-password"}
OPEN, ALICES, BOBS = "open/base", "alice/app", "bob/app"


class Registry:
    """docker-registry, as it is shipped, with an image in each repository."""

    def __init__(self, programs: Programs) -> None:
        self.programs, self.port = programs, free_port()
        self.storage = programs.folder / "registry"
        self.start("registry.yml")
        for name in (OPEN, ALICES, BOBS):
            self.push(name)

    def start(self, config: str, **changes: str) -> None:
        changes |= {"/var/lib/docker-registry": str(self.storage), "127.0.0.1:5000": f"127.0.0.1:{self.port}"}
        conf = shipped(f"registry/{config}", changes, self.programs.folder / config)
        self.programs.start("registry", shutil.which("docker-registry"), "serve", conf, port=self.port)

    def restart_with_tokens(self, realm: str, bundle: Path) -> None:
        self.programs.stop("registry")
        changes = {"https://registry.example.com/v2/token": realm, "/etc/docker/registry/portolan.pem": str(bundle)}
        self.start("registry-token.yml", **changes)

    def push(self, name: str) -> None:
        layout = self.programs.folder / name.replace("/", "-")
        make_image(layout, f"the image of {name}\n")
        target = f"docker://127.0.0.1:{self.port}/{name}:latest"
        skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:latest", target)


def make_image(folder: Path, text: str) -> None:
    """An image of one file, as an OCI layout (image-layout specification)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, kind: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        entry = tarfile.TarInfo("text")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    diff = hashlib.sha256(layer.getvalue()).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{diff}"]}
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), "config.v1+json")
    layers = [blob(layer.getvalue(), "layer.v1.tar")]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    }
    described = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def skopeo(*arguments: str | Path, **options) -> str:
    return run("skopeo", "--insecure-policy", *arguments, **options)


@dataclass
class Client:
    """A user of podman, skopeo and docker, with files of his own."""

    folder: Path
    host: str

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.auth = self.folder / "auth.json"

    def skopeo(self, command: str, *arguments: str | Path, **options) -> str:
        verify = {"copy": "--src-tls-verify=false"}.get(command, "--tls-verify=false")
        more = ("--authfile", self.auth) if self.auth.exists() or command == "login" else ()
        return skopeo(command, verify, *more, *arguments, **options)

    def copy(self, name: str, **options) -> str:
        """The text in the image."""
        out = self.folder / "copied"
        shutil.rmtree(out, ignore_errors=True)
        said = self.skopeo("copy", f"docker://{self.host}/{name}:latest", f"oci:{out}:latest", **options)
        return text_of(out) if not options.get("status") else said

    def login(self, user: str, password: str | None = None, **options) -> str:
        password = PASSWORDS[user] if password is None else password
        words = ("-u", user, "--password-stdin", self.host)
        return self.skopeo("login", *words, input=password, **options)

    @property
    def podmans_files(self) -> tuple[str | Path, ...]:
        return ("--storage-driver=vfs", "--root", self.folder / "root", "--runroot", self.folder / "run")

    def podman(self, command: str, *arguments: str, **options) -> str:
        if not self.auth.exists():
            self.auth.write_text("{}")
        words = (command, "--tls-verify=false", "--authfile", self.auth, *arguments)
        return run("podman", *self.podmans_files, *words, **options)

    def images(self) -> list[str]:
        """The images that podman has."""
        return run("podman", *self.podmans_files, "images", "--format", "{{.Repository}}").split()

    def docker(self, *arguments: str, **options) -> str:
        return run("docker", "--config", self.folder / "docker", *arguments, **options)


def text_of(layout: Path) -> str:
    """The one file of an image."""
    def blob(described: dict) -> bytes:
        return (layout / "blobs" / "sha256" / described["digest"].removeprefix("sha256:")).read_bytes()

    manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]))
    with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as tar:
        return tar.extractfile("text").read().decode()


def feed(portolan: Portolan) -> None:
    """Says whose the repositories are, as a content system does."""
    def put(path: str, body: object) -> None:
        answer = portolan.call("PUT", f"/container_gateway/{path}", body)
        assert (answer.status, answer.json()) == (200, {}), answer.body

    def listed(*names: str) -> list[dict]:
        return [{"repository": name, "auth_required": name != OPEN} for name in names]

    put("repository_list", {"repositories": listed(OPEN, ALICES, BOBS)})
    put("user_repository_mapping", {"users": [{"alice": listed(ALICES, OPEN)}, {"bob": listed(BOBS)}]})
    put("host_repository_mapping", {"hosts": [{HOST: listed(ALICES)}]})


HOST = "5e1d6a3c-0000-4000-8000-000000000001"


class Authority:
    """A content system's token endpoint: it knows the users, and says what each may pull."""

    def __init__(self) -> None:
        authority = self
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - the library's name
                path = urlsplit(self.path)
                authority.asked.append(path.path)
                user = self.user()
                if user is None:
                    return self.answer(401, {})
                if path.path == "/v2/token":
                    assert parse_qs(path.query)["account"] == [user]
                    return self.answer(200, {"token": f"katello-{user}", "expires_in": 300})
                return self.answer(200, {"repositories": [f"{user}/app", "nobody/knows"]})

            def user(self) -> str | None:
                scheme, _, pair = self.headers.get("Authorization", "").partition(" ")
                user, _, password = b64decode(pair).decode().partition(":")
                return user if scheme == "Basic" and PASSWORDS.get(user) == password else None

            def answer(self, status: int, body: object) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
