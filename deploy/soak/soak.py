#!/usr/bin/env python3
"""`make soak`: a day of load in small. Imports, reads and revocations at once; every answer is checked, memory must be
flat, and nothing may fail.

PORTOLAN names the program. SOAK_SECONDS is the time of it all [3600], ENGINE where the data is: `postgres` (two nodes,
a primary, and a replica for reads), `sqlite` (one node), or `both`, each for half the time [both]. SOAK_OWNERS [24],
SOAK_ENTITLEMENTS of a manifest [300], SOAK_READERS [4], SOAK_CACHE_BYTES [4 MiB], SOAK_SAMPLE_SECONDS [a part of the
time, 5 at most]. The exit status is 1 where anything was wrong.
"""

import base64
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from client import Errors, Worker
from cluster import PORTOLAN, Node, Postgres, programs
from credentials import KeyMaker, Registrar, TokenCutter
from imports import Importer
from owners import Change, make_owners, master_key
from reads import Reader
from samples import Judgement, Sample, look, print_rates


def number(name: str, default: float) -> int:
    return int(os.environ.get(name, default))


SECONDS = number("SOAK_SECONDS", 3600)
ENGINES = {"both": ("postgres", "sqlite"), "postgres": ("postgres",), "sqlite": ("sqlite",)}
CACHE_BYTES = number("SOAK_CACHE_BYTES", 4 * 2**20)
IMPORTERS = 2
# What the line of each minute counts.
IMPORTS = ("import", "import as a job", "restore")
REVOCATIONS = ("revoke", "tokens/revoke", "entitlement revoked", "portolan key revoke")


@contextlib.contextmanager
def no_interrupt():
    """Ctrl-C is for this program, not for what is started meanwhile: the signals that are held back are inherited."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class World:
    """The nodes, their database, their owners, and who may do what. Ends with the stack that it is given."""

    bound = 1.0  # Seconds after which what one node did is known to the others: docs/operations.md.

    def __init__(self, engine: str, held: contextlib.ExitStack) -> None:
        self.errors, self.stop, self.primary = Errors(), threading.Event(), None
        self.nodes: list[Node] = []
        self.said = defaultdict(int)
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        folder.chmod(0o755)
        settings = {"PORTOLAN__CACHE__ENTITLEMENT_BYTES": str(CACHE_BYTES), "NO_COLOR": "1"}
        names = ["only"]
        if engine == "postgres":
            settings |= self.databases(folder, held)
            names = ["first", "second"]
        for name in names:
            with no_interrupt():
                self.nodes.append(Node(folder, name, settings))
            held.callback(self.end, self.nodes[-1])
        self.fill(self.nodes[0], folder)
        # That there was no key yet is said before.
        self.said |= {node.name: node.log.stat().st_size for node in self.nodes}

    def databases(self, folder: Path, held: contextlib.ExitStack) -> dict[str, str]:
        self.primary = Postgres(folder / "primary", programs())
        held.callback(self.primary.stop)
        self.primary.make().sql("CREATE DATABASE portolan")
        replica = Postgres(folder / "replica", programs())
        held.callback(replica.stop)
        replica.copy_of(self.primary)
        return {
            "PORTOLAN__DATABASE__URL": f"postgres://portolan@127.0.0.1:{self.primary.port}/portolan",
            "PORTOLAN__DATABASE__READ_URL": f"postgres://portolan@127.0.0.1:{replica.port}/portolan",
            "PORTOLAN__SECRETS__MASTER_KEY_FILE": str(master_key(folder, PORTOLAN)),
        }

    def fill(self, node: Node, folder: Path) -> None:
        self.owners = make_owners(node, folder, number("SOAK_OWNERS", 24), number("SOAK_ENTITLEMENTS", 300))
        node.command("ca", "add", folder / "ca" / "ca.crt")
        roles = ("admin", "proxy", "issuer", "auditor")
        self.admin, self.proxy, self.issuer, self.auditor = (
            node.command("key", "create", "--role", role, "--name", f"soak-{role}").split()[-1] for role in roles
        )
        self.secret = hashlib.sha256(b"soak").digest()
        given = base64.b64encode(self.secret).decode()
        node.command("signing-key", "add", "--alg", "HS256", "--purpose", "flat-manager", "--secret-base64", given)
        words = "--sub build --scope build --scope upload --prefix org.cool --repo stable --duration 90d".split()
        self.parent = node.command("token", "create", *words)
        self.flat_parent = node.command("token", "create", "--purpose", "flat-manager", *words)
        for owner in self.owners:
            begun = time.monotonic()
            for path, body in (("/owners", {"key": owner.key}), (f"/owners/{owner.key}/imports", owner.manifests[0].data)):
                status, _, told = node.ask("POST", path, self.admin, body)
                if status != 200:
                    sys.exit(f"soak: {path}: {status} {told!r}")
            owner.begin(Change(0, begun, node, time.monotonic()))

    def others(self, node: Node) -> list[Node]:
        return [other for other in self.nodes if other is not node]

    def end(self, node: Node) -> None:
        """In an orderly way, and with no error in its log; what it warned of is told."""
        try:
            if status := node.stop():
                self.errors.add("the end", f"{node.name} ended with the status {status}")
        except subprocess.TimeoutExpired:
            self.errors.add("the end", f"{node.name} does not end")
            node.kill()
        warnings = []
        with node.log.open() as log:
            log.seek(self.said[node.name])
            for line in log:
                if " ERROR " in line or "panicked" in line:
                    self.errors.add(f"the log of {node.name}", line.strip())
                elif " WARN " in line:
                    warnings.append(line.strip())
        for line in warnings[:3]:
            print(f"{node.name} warned, {len(warnings)} times in all: {line}", flush=True)


def workers(world: World) -> list[Worker]:
    importers = [Importer(world, f"importer-{n}", world.owners[n::IMPORTERS]) for n in range(IMPORTERS)]
    readers = [Reader(world, f"reader-{n}") for n in range(number("SOAK_READERS", 4))]
    others = [TokenCutter(world, "tokens-0"), TokenCutter(world, "tokens-1"), KeyMaker(world, "keys")]
    return [*importers, *readers, *others, Registrar(world, "registrar-0"), Registrar(world, "registrar-1")]


def done_by(everybody: list[Worker]) -> Counter:
    done = Counter()
    for worker in everybody:
        done.update({kind: times.count for kind, times in list(worker.times.items())})
    return done


def told(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Part:
    """One engine's time."""

    def __init__(self, engine: str, seconds: float) -> None:
        self.engine, self.seconds = engine, seconds
        self.interval = number("SOAK_SAMPLE_SECONDS", 0) or min(5.0, max(0.25, seconds / 200))
        self.every = 60.0 if seconds >= 300 else 10.0
        self.samples: list[Sample] = []
        self.interrupted, self.whole = False, False

    def run(self) -> bool:
        """Whether everything was well."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.ExitStack() as held:
            print(f"\n== {self.engine}: {told(self.seconds)} min", flush=True)
            world = World(self.engine, held)
            # Whoever asks twice for the end would leave something running.
            held.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
            held.callback(signal.signal, signal.SIGTERM, signal.SIG_IGN)
            everybody = workers(world)
            with no_interrupt():
                for worker in everybody:
                    worker.start()
            took = self.watch(world, everybody)
        return self.report(world, everybody, took)

    def watch(self, world: World, everybody: list[Worker]) -> float:
        begun = time.monotonic()
        try:
            self.look_on(world, everybody, begun)
            self.whole = True
        except KeyboardInterrupt:
            self.interrupted = True
            print("interrupted", flush=True)
        except (OSError, AssertionError) as error:
            world.errors.add("a node or its database is gone", error)
        took = time.monotonic() - begun
        world.stop.set()
        for worker in everybody:
            worker.join()
        return took

    def look_on(self, world: World, everybody: list[Worker], begun: float) -> None:
        line, before = self.every, (0.0, Counter())
        while (at := time.monotonic() - begun) < self.seconds:
            self.samples.append(look(world, at))
            if at >= line:
                before = self.line(world, at, done_by(everybody), before)
                line += self.every
            world.stop.wait(max(0.0, min(self.interval, self.seconds - at)))

    def line(self, world: World, at: float, done: Counter, before: tuple[float, Counter]) -> tuple[float, Counter]:
        """What was done since the last one, and what it takes."""
        span, since = at - before[0], done - before[1]
        imports = sum(since[kind] for kind in IMPORTS) / span * 60
        revoked = sum(since[kind] for kind in REVOCATIONS) / span * 60
        rates = f"{since.total() / span:,.0f} requests a second, {imports:.0f} imports and {revoked:.0f} revocations a minute"
        nodes = self.samples[-1].nodes.items()
        taken = ", ".join(f"{name} {figures['resident, MiB']:.0f} MiB" for name, figures in nodes)
        print(f"{told(at)} of {told(self.seconds)}: {rates}; {taken}; {world.errors.count} errors", flush=True)
        return at, done

    def report(self, world: World, everybody: list[Worker], took: float) -> bool:
        print(f"\n### {self.engine}, {told(took)} min\n")
        print_rates(everybody, took)
        if not self.whole:
            print(f"\nended before its time; {world.errors.count} errors until then")
            return False
        judgement = Judgement(self.samples, self.seconds, CACHE_BYTES)
        judgement.flat()
        for fault in judgement.faults:
            print(f"FAULT {fault}")
        kinds = ", ".join(f"{kind} {count}" for kind, count in world.errors.kinds.most_common())
        print(f"\n{world.errors.count} errors{': ' if kinds else ''}{kinds}; {len(judgement.faults)} faults", flush=True)
        return not world.errors.count and not judgement.faults


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Many threads wait for answers: whoever has one must not wait long for its turn.
    sys.setswitchinterval(0.001)
    engines = ENGINES[os.environ.get("ENGINE") or "both"]
    fine = True
    for engine in engines:
        part = Part(engine, SECONDS / len(engines))
        fine = part.run() and fine
        if part.interrupted:
            return 130
    print("\nsoak: " + ("no error, and flat" if fine else "**not well**"))
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
