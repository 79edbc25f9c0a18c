"""What the tests of deploy/ stand on: programs that end with their test, the shipped configurations with only
what they mark changed, certificates, names, and requests that are sent as they are written."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent
PORTOLAN = os.environ["PORTOLAN"]
PATIENCE = 30.0


def free_port() -> int:
    """A port that the system chose, and that nobody has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(*arguments: str | Path, status: int = 0, **options) -> str:
    """What a program prints that must end so."""
    done = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, check=False, **options
    )
    if done.returncode != status:
        raise AssertionError(f"{arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def shipped(name: str, changes: dict[str, str], to: Path) -> Path:
    """A configuration as it is shipped, but for what it says to change: each such line, and nothing else."""
    lines = (DEPLOY / name).read_text().splitlines()
    used = set()
    for at, line in enumerate(lines):
        if "# change" not in line:
            continue
        code = line.split("# change")[0]
        fitting = [old for old in changes if old in code]
        if not fitting:
            raise AssertionError(f"{name} wants a change that the test does not make: {line}")
        for old in fitting:
            code = code.replace(old, changes[old])
            used.add(old)
        lines[at] = code.rstrip()
    if unused := changes.keys() - used:
        raise AssertionError(f"{name} has no such line to change: {unused}")
    to.write_text("\n".join(lines) + "\n")
    return to


def wait_until(is_so: Callable[[], bool]) -> None:
    """Waits for what must come soon."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise AssertionError("it did not come about")
        threading.Event().wait(0.05)


class Programs:
    """Programs that run beside a test, and end with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, *command: str | Path, port: int) -> None:
        log = (self.folder / f"{name}.log").open("a")
        arguments = [str(part) for part in command]
        self.running[name] = subprocess.Popen(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

        def listens() -> bool:
            if self.running[name].poll() is not None:
                raise AssertionError(f"{name} ended: {self.log(name)}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        wait_until(listens)

    def stop(self, name: str) -> None:
        program = self.running.pop(name)
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def stop_all(self) -> None:
        for name in list(self.running):
            self.stop(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def json(self):
        return json.loads(self.body)


def ask(
    port: int,
    path: str,
    headers: dict[str, str] | list[tuple[str, str]] = (),
    method: str = "GET",
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request, its path and headers exactly as they are here."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=tls)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    )
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    own_host = any(name == "Host" for name, _ in pairs)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=own_host, skip_accept_encoding=True)
        for name, value in pairs:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, answer.read())


class Portolan:
    """The service, on a database of its own."""

    def __init__(
        self, programs: Programs, config: str = "", tls: Path | None = None, gateway: int | None = None
    ) -> None:
        self.programs, self.port, self.gateway = programs, free_port(), gateway
        self.tls = ssl.create_default_context(cafile=str(tls)) if tls else None
        if self.tls:
            # Its name is for clients of the registry; here it is known by its address.
            self.tls.check_hostname = False
        self.data = programs.folder / "data"
        self.data.mkdir()
        (self.data / "portolan.toml").write_text(config)
        self.start()
        self.admin = (self.data / "admin.key").read_text().strip()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listen = f"127.0.0.1:{self.port}"
        command = (PORTOLAN, "--data-dir", self.data, "--listen", listen, "serve")
        # Its own listener is open last.
        self.programs.start("portolan", *command, port=self.gateway or self.port)

    def stop(self) -> None:
        self.programs.stop("portolan")

    def cli(self, *arguments: str | Path, **options) -> str:
        return run(PORTOLAN, "--data-dir", self.data, *arguments, **options)

    def key(self, role: str) -> str:
        return self.cli("key", "create", "--role", role, "--name", f"e2e-{role}")

    def call(self, method: str, path: str, body: object = None, key: str | None = None) -> Answer:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {key or self.admin}", "Content-Type": "application/json"}
        return ask(self.port, path, headers, method, sent, self.tls)


NGINX = """\
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr info;
worker_processes 2;
include /etc/nginx/modules-enabled/*.conf;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {conf};
}}
"""


def start_nginx(programs: Programs, name: str, conf: Path, port: int) -> None:
    folder = programs.folder / f"{name}-files"
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(NGINX.format(folder=folder, conf=conf, user=user))
    programs.start(name, shutil.which("nginx") or "/usr/sbin/nginx", "-c", main, port=port)


class Names:
    """A name server that knows one address for every name."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                question, client = self.socket.recvfrom(512)
            except OSError:
                return
            header = question[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
            end = question.index(0, 12) + 5
            record = struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton("127.0.0.1")
            self.socket.sendto(header + question[12:end] + record, client)

    def close(self) -> None:
        self.socket.close()


@dataclass
class Issuer:
    """A CA that gives out certificates for tests: `ca.crt` and `ca.key` of a folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> "Issuer":
        folder.mkdir()
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-days", "2", "-keyout", folder / "ca.key", "-out", folder / "ca.crt"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
        )
        return cls(folder)

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def issue(self, subject: str, *, host: str | None = None) -> tuple[Path, Path]:
        """A certificate and its key."""
        stem = self.folder / re.sub(r"\W+", "-", subject).strip("-")
        request, certificate, key = (stem.with_suffix(end) for end in (".csr", ".crt", ".key"))
        run(
            *("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", subject, "-keyout", key, "-out", request),
            *(("-addext", f"subjectAltName=DNS:{host}") if host else ()),
        )
        run(
            *("openssl", "x509", "-req", "-in", request, "-out", certificate, "-days", "2"),
            *("-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-copy_extensions", "copyall"),
        )
        return certificate, key


@contextlib.contextmanager
def world() -> Iterator[Programs]:
    """A folder and the programs in it; both end here, and what the programs said is shown where a test failed."""
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("E2E_DIR")))
    programs = Programs(folder)
    try:
        yield programs
    finally:
        programs.stop_all()
        shutil.rmtree(folder, ignore_errors=True)


