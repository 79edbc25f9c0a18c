"""What the fault tests stand on: PostgreSQL with a streaming replica, an address in between that can be cut, and
nodes of the service, each a process of its own that ends with its test."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

PORTOLAN = os.environ["PORTOLAN"]
PATIENCE = 30.0


def free_port() -> int:
    """A port that the system chose, and that nobody has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what: str, is_so, patience: float = PATIENCE) -> float:
    """Waits for what must come soon, and answers how long that took."""
    begun = time.monotonic()
    while not is_so():
        if time.monotonic() - begun > patience:
            raise AssertionError(f"it did not come about: {what}")
        threading.Event().wait(0.02)
    return time.monotonic() - begun


class Postgres:
    """One PostgreSQL server, run as an unprivileged user where this is root."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs, self.port = folder, programs, free_port()
        self.data = folder / "data"
        self.as_user: list[str] = []
        folder.mkdir(mode=0o755)
        if os.geteuid() == 0:
            user = "postgres" if subprocess.run(["id", "-u", "postgres"], capture_output=True).returncode == 0 else "nobody"
            group = subprocess.check_output(["id", "-g", user], text=True).strip()
            self.as_user = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "--"]
            shutil.chown(folder, user)

    def run(self, program: str, *arguments: object, check: bool = True) -> str:
        command = [*self.as_user, str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def settings(self, text: str) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(text)

    def make(self) -> "Postgres":
        self.run("initdb", "-D", self.data, "-U", "portolan", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.settings(f"unix_socket_directories = '{self.folder}'\nlisten_addresses = '127.0.0.1'\nmax_connections = 100\n")
        return self.start()

    def copy_of(self, primary: "Postgres") -> "Postgres":
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", primary.port, "-U", "portolan", "-D", self.data, "-R", "-X", "stream", "-c", "fast")
        self.settings(f"unix_socket_directories = '{self.folder}'\n")
        return self.start()

    def start(self) -> "Postgres":
        # The server outlives pg_ctl, and must not hold its pipes open.
        self.run("pg_ctl", "-D", self.data, "-o", f"-p {self.port}", "-l", self.folder / "log", "-w", "start")
        return self

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop", check=False)

    def kill(self) -> None:
        """Ends it as a machine ends that loses its power: nothing is written any more."""
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def promote(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def sql(self, text: str, database: str = "postgres") -> str:
        return self.run("psql", "-h", "127.0.0.1", "-p", self.port, "-U", "portolan", "-d", database, "-qAt", "-c", text).strip()


def programs() -> Path:
    """Where PostgreSQL's programs are."""
    found = shutil.which("pg_ctl")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1]


class Address:
    """An address that leads to a server, and can be told to lead elsewhere, to nothing, or nowhere at all."""

    def __init__(self, port: int) -> None:
        self.target, self.frozen, self.delay = port, False, 0.0
        self.open = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs: set[tuple[socket.socket, socket.socket]] = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if not self.open:
                    near.close()
                    continue
                threading.Thread(target=self.carry, args=(near,), daemon=True).start()

    def carry(self, near: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            held.callback(near.close)
            far = held.enter_context(socket.create_connection(("127.0.0.1", self.target), PATIENCE))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (near, far)
            self.pairs.add(pair)
            held.callback(self.pairs.discard, pair)
            waiting = held.enter_context(selectors.DefaultSelector())
            waiting.register(near, selectors.EVENT_READ, far)
            waiting.register(far, selectors.EVENT_READ, near)
            while pair in self.pairs:
                for ready, _ in waiting.select(0.2):
                    while self.frozen and pair in self.pairs:
                        threading.Event().wait(0.01)
                    if self.delay:
                        threading.Event().wait(self.delay)
                    data = ready.fileobj.recv(1 << 16)
                    if not data:
                        return
                    ready.data.sendall(data)

    def cut(self) -> None:
        """Resets what is open, and takes nothing new."""
        self.open = False
        for pair in list(self.pairs):
            self.pairs.discard(pair)
            for end in pair:
                with contextlib.suppress(OSError):
                    # A reset, and no goodbye: RFC 9293, 3.10.5.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    end.shutdown(socket.SHUT_RDWR)

    def lead_to(self, port: int) -> None:
        self.target, self.open, self.frozen = port, True, False

    def close(self) -> None:
        self.cut()
        self.listener.close()


class Node:
    """One process of the service."""

    def __init__(self, folder: Path, name: str, settings: dict[str, str]) -> None:
        self.folder, self.name = folder / name, name
        self.settings = {"PORTOLAN__AUDIT__NODE": name, **settings}
        self.folder.mkdir()
        self.log = folder / f"{name}.log"
        self.start()

    def command(self, *arguments: object) -> str:
        command = [PORTOLAN, "--data-dir", self.folder, *arguments]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, check=False, env=os.environ | self.settings
        )
        if done.returncode:
            raise AssertionError(f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [PORTOLAN, "--data-dir", self.folder, "--listen", "127.0.0.1:0", "serve"],
                stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | self.settings,
            )
        line = self.process.stdout.readline()
        if "listening on" not in line:
            raise AssertionError(f"{self.name} did not start: {line}{self.log.read_text()}")
        self.url = line.split()[-1]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method: str, path: str, key: str, body: object = None, timeout: float = PATIENCE):
        """Status, headers and body; the status is 0 where there was no answer."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {key}")
        kind = "application/zip" if isinstance(body, bytes) else "application/json"
        request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.headers, refused.read()
        except OSError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 0, {}, b""

    def figure(self, key: str, name: str) -> float:
        """A figure of the node's, all its series together."""
        _, _, text = self.ask("GET", "/metrics", key)
        lines = [line for line in text.decode().splitlines() if line.startswith(name)]
        return sum(float(line.split()[-1]) for line in lines)
