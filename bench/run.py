#!/usr/bin/env python3
"""`make bench`: the service beside the least that could do the same, in one run on one machine.

Everything that is compared is started here, on loopback, pinned to one core; wrk loads it from another. The
subjects of a table take turns for some rounds, so that whatever else the machine does meets all of them. What
counts is the ratio of the medians; the spread is (largest - smallest) / median.

PORTOLAN and REFERENCE name the programs, PORTOLAN_TEST_POSTGRES a PostgreSQL that may be filled (`make bench`
sees to all three). BENCH_SECONDS is the time of one measurement [3], BENCH_ROUNDS how many [5], BENCH_GROWTH the
larger number of entitlements of the growth table [1000000]; names of tables as arguments choose among them.
"""

import base64
import hashlib
import hmac
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
GROWTH = int(os.environ.get("BENCH_GROWTH", "1000000"))
PORTOLAN = os.environ["PORTOLAN"]
REFERENCE = os.environ["REFERENCE"]
POSTGRES = os.environ["PORTOLAN_TEST_POSTGRES"]
SERVER_CORE, LOAD_CORE = "0", "1"

# wrk tells its percentiles by name only up to p99.
REPORT = """
done = function(summary, latency, requests)
  local failed = summary.errors.status + summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout
  io.write(string.format("bench %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), failed))
end
"""


class Process:
    """A program of the run, which ends with it."""

    running = []

    def __init__(self, command, core=SERVER_CORE, ready=None, environment=None):
        pinned = ["taskset", "-c", core, *map(str, command)]
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("PORTOLAN_")}, **(environment or {})}
        self.log = tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log", delete=False)
        started = time.monotonic()
        self.process = subprocess.Popen(
            pinned, stdout=subprocess.PIPE if ready else self.log, stderr=self.log, text=True, env=environment
        )
        Process.running.append(self)
        self.url = None
        if ready:
            line = self.process.stdout.readline()
            if ready not in line:
                sys.exit(f"bench: {command[0]} did not start: {line}{Path(self.log.name).read_text()}")
            self.url = line.split()[-1]
        self.started_in = time.monotonic() - started

    def memory(self, field="VmHWM"):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        Process.running.remove(self)
        os.unlink(self.log.name)


class Service(Process):
    """The service on a data directory, with a key of each kind that is needed."""

    def __init__(self, folder, *, database=None, settings=None):
        self.folder = folder
        self.settings = {"PORTOLAN__HTTP__LISTEN": "127.0.0.1:0", **(settings or {})}
        if database:
            self.settings["PORTOLAN__DATABASE__URL"] = database
            self.settings["PORTOLAN__SECRETS__MASTER_KEY_FILE"] = str(folder / "master.key")
            if not (folder / "master.key").exists():
                folder.mkdir(parents=True, exist_ok=True)
                run([PORTOLAN, "master-key", "create", folder / "master.key"])
        super().__init__(
            [PORTOLAN, "--data-dir", folder, "serve"], ready="listening on", environment=self.settings
        )

    def command(self, *arguments, **options):
        return run([PORTOLAN, "--data-dir", self.folder, *arguments], environment=self.settings, **options)

    def key(self, role, name):
        return self.command("key", "create", "--role", role, "--name", name).split()[-1]

    def ask(self, method, path, key, body=None, kind="application/json"):
        request = urllib.request.Request(self.url + path, method=method, data=body)
        request.add_header("Authorization", f"Bearer {key}")
        if body is not None:
            request.add_header("Content-Type", kind)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.read()


def run(command, environment=None, **options):
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"bench: {' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def wrk(scratch, url, connections, headers=(), script=""):
    """One measurement: requests a second, p50, p99 and p99.9 in microseconds."""
    file = scratch / "load.lua"
    file.write_text(script + REPORT)
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", file, url]
    for header in headers:
        command += ["-H", header]
    told = re.search(r"^bench (.*)$", run(command), re.M)[1]
    requests, duration, p50, p99, p999, failed = map(int, told.split())
    if failed:
        sys.exit(f"bench: {failed} of {requests} answers of {url} were errors")
    return requests / (duration / 1e6), p50, p99, p999


def h2load(scratch, url, connections, headers=()):
    """The same over HTTP/2 without TLS, 32 requests at once on each connection; it tells no percentiles."""
    command = ["taskset", "-c", LOAD_CORE, "h2load", "-t1", f"-c{connections}", "-m32", f"-D{SECONDS}"]
    for header in headers:
        command += ["-H", header]
    told = run([*command, url])
    if not re.search(r"^status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx$", told, re.M):
        sys.exit(f"bench: answers of {url} were errors: {told}")
    return (float(re.search(r"([\d.]+) req/s", told)[1]), None, None, None)


def compare(scratch, title, subjects, connections, budget=None, load=wrk):
    """Lets subjects take turns. The first is what the others are measured by."""
    results = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, subject in subjects.items():
            results[name].append(load(scratch, connections=connections, **subject))
    base = statistics.median(result[0] for result in next(iter(results.values())))
    print(f"\n### {title}, {connections} connection{'s' if connections > 1 else ''}\n")
    print("| | requests/s | spread | ratio | p50 | p99 | p99.9 |\n|---|---|---|---|---|---|---|")
    for name, rounds in results.items():
        rates = [result[0] for result in rounds]
        median = statistics.median(rates)
        spread = (max(rates) - min(rates)) / median
        times = [[result[i] for result in rounds] for i in (1, 2, 3)]
        shown = " | ".join("–" if None in time else f"{statistics.median(time) / 1000:.2f} ms" for time in times)
        print(f"| {name} | {median:,.0f} | {spread:.0%} | {median / base:.2f} | {shown} |", flush=True)
        if budget and name == budget[0] and connections == 64:
            met(title, median / base, budget[1])


budgets = []


def met(what, value, wanted, at_most=False):
    fine = value <= wanted if at_most else value >= wanted
    budgets.append((what, value, wanted, at_most, fine))


def sample_database(name):
    run(["psql", "-q", POSTGRES, "-c", f"CREATE DATABASE {name}"])
    return POSTGRES.rsplit("/", 1)[0] + "/" + name


def fill(service, scratch, entitlements):
    """An owner with a manifest of so many entitlements; answers an entitlement's ids, and a proxy's key."""
    manifest = scratch / f"manifest-{entitlements}.zip"
    if not manifest.exists():
        service.command("manifest", "build", "--generate", str(entitlements), "--ca-dir", scratch / "ca", "--out", manifest)
    service.command("ca", "add", scratch / "ca" / "ca.crt")
    admin = service.key("admin", "bench-admin")
    service.ask("POST", "/owners", admin, json.dumps({"key": "acme"}).encode())
    started = time.monotonic()
    service.ask("POST", "/owners/acme/imports", admin, manifest.read_bytes(), "application/zip")
    took = time.monotonic() - started
    return admin, service.key("proxy", "bench-proxy"), took, manifest


def ids(service, admin, most):
    """Entitlements of the owner, up to so many."""
    found, path = [], "/owners/acme/entitlements?limit=1000"
    while path and len(found) < most:
        request = urllib.request.Request(service.url + path, headers={"Authorization": f"Bearer {admin}"})
        with urllib.request.urlopen(request) as answer:
            found += [item["id"] for item in json.load(answer)]
            link = re.search(r"<([^>]*)>; rel=\"next\"", answer.headers.get("Link", ""))
            path = link and urllib.parse.urljoin(path, link[1])
    return found[:most]


def at_random(scratch, names, path):
    """A script that asks for one after the other, in a random order."""
    file = scratch / f"ids-{len(names)}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"
    file.write_text("\n".join(names))
    return f"""
local ids = {{}}
for line in io.lines("{file}") do ids[#ids + 1] = line end
math.randomseed(4711)
for i = #ids, 2, -1 do local j = math.random(i); ids[i], ids[j] = ids[j], ids[i] end
local at = 0
request = function()
  at = at % #ids + 1
  return wrk.format("GET", "{path}" .. ids[at] .. "{'/cdn_info' if 'entitlements' in path else ''}")
end
"""


def nginx(scratch, bytes_of):
    """nginx with a static file."""
    folder = scratch / "nginx"
    (folder / "www").mkdir(parents=True, exist_ok=True)
    shutil.copy(bytes_of, folder / "www" / "static")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=10;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; default_type application/json; }}
}}""")
    server = Process([shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"])
    server.url = f"http://127.0.0.1:{port}"
    wait_for(server.url + "/static")
    return server


def wait_for(url):
    for _ in range(200):
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.02)
    sys.exit(f"bench: {url} does not answer")


def memory_table(scratch):
    """cdn_info from memory beside a route that gives the same bytes."""
    service = Service(scratch / "memory")
    admin, key, _, _ = fill(service, scratch, 10)
    name = ids(service, admin, 1)[0]
    path = f"/entitlements/{name}/cdn_info"
    answer = scratch / "answer.json"
    answer.write_bytes(service.ask("GET", path, key))
    reference = Process([REFERENCE, "127.0.0.1:0", answer, "-", "-"], ready="listening on")
    static = nginx(scratch, answer)
    print(f"\nThe answer has {answer.stat().st_size:,} bytes.")
    subjects = {
        "axum, the same bytes": {"url": reference.url + "/static"},
        "cdn_info": {"url": service.url + path, "headers": [f"Authorization: Bearer {key}"]},
        "nginx, a static file": {"url": static.url + "/static"},
    }
    for connections in (1, 64, 256):
        compare(scratch, "cdn_info from memory", subjects, connections, ("cdn_info", 0.85))
    del subjects["nginx, a static file"]
    for connections in (1, 8):
        compare(scratch, "cdn_info from memory, HTTP/2", subjects, connections, load=h2load)
    print(f"\nResident at most: service {service.memory() / 2**20:.0f} MiB, axum {reference.memory() / 2**20:.0f} MiB.")
    for each in (service, reference, static):
        each.end()


def miss_table(scratch):
    """cdn_info that memory does not have, beside a route with one select."""
    database = sample_database("bench_miss")
    small = {"PORTOLAN__CACHE__ENTITLEMENT_BYTES": str(1 << 20)}
    service = Service(scratch / "miss", database=database, settings=small)
    admin, key, _, _ = fill(service, scratch, 10_000)
    names = ids(service, admin, 10_000)
    (scratch / "none").write_text("")
    reference = Process([REFERENCE, "127.0.0.1:0", scratch / "none", database, "-"], ready="listening on")
    subjects = {
        "axum, one SeaORM select": {"url": reference.url, "script": at_random(scratch, names, "/select/")},
        "cdn_info, missed": {
            "url": service.url,
            "script": at_random(scratch, names, "/entitlements/"),
            "headers": [f"Authorization: Bearer {key}"],
        },
    }
    for connections in (1, 64, 256):
        compare(scratch, "cdn_info missed, PostgreSQL", subjects, connections, ("cdn_info, missed", 0.8))
    for each in (service, reference):
        each.end()


def token(secret, **claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    seal = hmac.new(secret, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(seal).rstrip(b"=")).decode()


def token_table(scratch):
    """token_subset beside routes that verify and sign."""
    service = Service(scratch / "tokens")
    keys = scratch / "keys"
    keys.mkdir()
    secret = hashlib.sha256(b"bench").digest()
    (keys / "secret").write_bytes(secret)
    for name, options in (("ES256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("EdDSA", ["-algorithm", "ed25519"])):
        run(["openssl", "genpkey", *options, "-out", keys / name])
        run(["openssl", "pkey", "-in", keys / name, "-pubout", "-out", keys / f"{name}.pub"])
    (scratch / "none").write_text("")
    given = base64.b64encode(secret).decode()
    service.command("signing-key", "add", "--alg", "HS256", "--purpose", "flat-manager", "--secret-base64", given)
    reference = Process([REFERENCE, "127.0.0.1:0", scratch / "none", "-", keys], ready="listening on")
    end = int(time.time()) + 86_400
    claims = {"sub": "build", "scope": ["build", "upload", "publish"], "prefixes": ["org."], "name": "bench", "exp": end}
    parents = {
        "token_subset HS256": token(secret, **claims),
        "token_subset HS256, jti": token(secret, **claims, jti="bench"),
    }
    subjects = {"axum, verify and sign HS256": bare_token(reference, "HS256")}
    subjects |= {name: subset_of(service, parent) for name, parent in parents.items()}
    for connections in (1, 64):
        compare(scratch, "token_subset", subjects, connections, ("token_subset HS256", 0.9))
    for name in ("ES256", "EdDSA"):
        service.command("signing-key", "add", "--alg", name, "--purpose", "access", "--private-key-file", keys / name)
        scopes = ["--scope", "build", "--scope", "upload", "--prefix", "org."]
        parent = service.command("token", "create", "--sub", "build", *scopes, "--duration", "1d").split()[-1]
        subjects = {
            f"axum, verify and sign {name}": bare_token(reference, name),
            f"token_subset {name}": subset_of(service, parent),
        }
        compare(scratch, f"token_subset {name}", subjects, 64, (f"token_subset {name}", 0.9))
    for each in (service, reference):
        each.end()


def asks_for_a_child():
    asked = json.dumps({"sub": "build/1", "scope": ["upload"], "duration": 3600, "name": "child"})
    return f"wrk.method = 'POST'\nwrk.body = [[{asked}]]\nwrk.headers['Content-Type'] = 'application/json'\n"


def subset_of(service, parent):
    return {"url": service.url + "/token_subset", "script": asks_for_a_child(), "headers": [f"Authorization: Bearer {parent}"]}


def bare_token(reference, name):
    with urllib.request.urlopen(f"{reference.url}/token/{name}") as answer:
        parent = answer.read().decode()
    return {"url": f"{reference.url}/token/{name}", "script": asks_for_a_child(), "headers": [f"Authorization: Bearer {parent}"]}


def edge_table(scratch):
    """edge/authorize beside the static route: an object that needs no token, and one that needs one."""
    service = Service(scratch / "edge")
    admin = service.key("admin", "bench-admin")
    secret = hashlib.sha256(b"bench").digest()
    given = base64.b64encode(secret).decode()
    service.command("signing-key", "add", "--alg", "HS256", "--purpose", "flat-manager", "--secret-base64", given)
    service.ask("POST", "/owners", admin, json.dumps({"key": "acme"}).encode())
    repo = {"ownerKey": "acme", "collectionId": "org.example.Repo", "requireAuthForTokenTypes": [1]}
    service.ask("PUT", "/repos/stable", admin, json.dumps(repo).encode())
    commit = hashlib.sha256(b"commit").hexdigest()
    told = {"commit": commit, "tokenType": 1, "refs": ["app/org.example.App/x86_64/stable"]}
    service.ask("PUT", "/repos/stable/commits", admin, json.dumps(told).encode() + b"\n", "application/x-ndjson")
    answer = scratch / "answer.json"
    if not answer.exists():
        answer.write_bytes(b"x" * 6926)
    reference = Process([REFERENCE, "127.0.0.1:0", answer, "-", "-"], ready="listening on")
    claims = {"sub": "u", "scope": ["download"], "prefixes": ["org.example"], "name": "bench", "exp": int(time.time()) + 86_400}
    holder = token(secret, **claims, repos=["stable"], branches=[], apps=[])
    url = service.url + "/edge/authorize/nginx"
    held = f"/repo/stable/objects/{commit[:2]}/{commit[2:]}.commit"
    subjects = {
        "axum, 6.9 KB": {"url": reference.url + "/static"},
        "edge/authorize, open": {"url": url, "headers": ["X-Original-URI: /repo/stable/summary"]},
        "edge/authorize, token": {"url": url, "headers": [f"X-Original-URI: {held}", f"Authorization: Bearer {holder}"]},
    }
    for connections in (1, 64):
        compare(scratch, "edge/authorize", subjects, connections, ("edge/authorize, token", 0.75))
    for each in (service, reference):
        each.end()


def import_table(scratch):
    """An import beside unzip, openssl and \\copy of the same rows."""
    print("\n### Import of 10,000 entitlements\n")
    print("| | seconds | of it | resident at most |\n|---|---|---|---|")
    for engine in ("SQLite", "PostgreSQL"):
        database = sample_database("bench_import") if engine == "PostgreSQL" else None
        service = Service(scratch / f"import-{engine}", database=database)
        _, _, took, manifest = fill(service, scratch, 10_000)
        print(f"| import, {engine} | {took:.2f} | | {service.memory() / 2**20:.0f} MiB |", flush=True)
        met(f"import on {engine}, resident MiB", service.memory() / 2**20, 256, at_most=True)
        service.end()
        if engine == "PostgreSQL":
            baseline = by_hand(scratch, manifest, database)
            print(f"| unzip, openssl, \\copy | {sum(baseline):.2f} | {' + '.join(f'{t:.2f}' for t in baseline)} | |")
            met("import on PostgreSQL, times the baseline", took / sum(baseline), 3, at_most=True)


def by_hand(scratch, manifest, database):
    """Seconds of unzip, of openssl, and of copying the same rows."""
    folder = scratch / "by-hand"
    folder.mkdir()
    times = []
    started = time.monotonic()
    run(["unzip", "-q", manifest, "-d", folder])
    run(["unzip", "-q", folder / "consumer_export.zip", "-d", folder / "export"])
    times.append(time.monotonic() - started)
    run(["openssl", "x509", "-in", scratch / "ca" / "ca.crt", "-pubkey", "-noout", "-out", folder / "ca.pub"])
    started = time.monotonic()
    verify = ["openssl", "dgst", "-sha256", "-verify", folder / "ca.pub", "-signature", folder / "signature"]
    run([*verify, folder / "consumer_export.zip"])
    times.append(time.monotonic() - started)
    rows = folder / "rows"
    run(["psql", "-q", database, "-c", f"\\copy entitlements to '{rows}'"])
    run(["psql", "-q", database, "-c", "CREATE TABLE copied (LIKE entitlements INCLUDING INDEXES)"])
    started = time.monotonic()
    run(["psql", "-q", database, "-c", f"\\copy copied from '{rows}'"])
    times.append(time.monotonic() - started)
    return times


def growth_table(scratch):
    """Lookups that memory does not have, with few entitlements and with many."""
    for engine in ("PostgreSQL", "SQLite"):
        subjects, services = {}, []
        for number in (1_000, GROWTH):
            database = sample_database(f"bench_growth_{number}") if engine == "PostgreSQL" else None
            small = {"PORTOLAN__CACHE__ENTITLEMENT_BYTES": str(1 << 20)}
            service = Service(scratch / f"growth-{engine}-{number}", database=database, settings=small)
            services.append(service)
            admin, key, _, _ = fill(service, scratch, 10)
            lines = scratch / f"batch-{number}"
            if not lines.exists():
                with lines.open("w") as out:
                    for i in range(number):
                        out.write(json.dumps({"id": f"d{i}"}) + "\n")
            service.ask("POST", "/owners/acme/entitlements/batch", admin, lines.read_bytes(), "application/x-ndjson")
            step = max(1, number // 50_000)
            names = [f"d{i}" for i in range(0, number, step)]
            subjects[f"{number:,} entitlements"] = {
                "url": service.url,
                "script": at_random(scratch, names, "/entitlements/"),
                "headers": [f"Authorization: Bearer {key}"],
            }
        compare(scratch, f"Growth, {engine}, missed", subjects, 1)
        base, grown = (statistics.median(wrk(scratch, connections=1, **s)[1] for _ in range(ROUNDS)) for s in subjects.values())
        met(f"growth on {engine}: time of a lookup at {GROWTH:,} to that at 1,000", grown / base, 1.3, at_most=True)
        for service in services:
            service.end()


def start_table(scratch):
    """From nothing to the first answer, on an empty embedded database."""
    times, sizes = [], []
    for number in range(ROUNDS):
        started = time.monotonic()
        service = Service(scratch / f"start-{number}")
        wait_for(service.url + "/health/live")
        times.append((time.monotonic() - started) * 1000)
        sizes.append(service.memory("VmRSS") / 2**20)
        service.end()
    time_taken, size = statistics.median(times), statistics.median(sizes)
    print(f"\n### Start\n\nTo the first answer, with a new database: {time_taken:.0f} ms; resident {size:.0f} MiB.")
    met("start to first answer, ms", time_taken, 150, at_most=True)
    met("resident after the start, MiB", size, 40, at_most=True)


TABLES = {
    "memory": memory_table,
    "miss": miss_table,
    "tokens": token_table,
    "edge": edge_table,
    "import": import_table,
    "start": start_table,
    "growth": growth_table,
}


def main():
    wanted = sys.argv[1:] or list(TABLES)
    scratch = Path(tempfile.mkdtemp(prefix="portolan-bench-"))
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    print(f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
          f"{SECONDS} s a measurement, {ROUNDS} rounds.")
    try:
        for name in wanted:
            TABLES[name](scratch)
    finally:
        for process in list(Process.running):
            process.end()
        shutil.rmtree(scratch)
    print("\n### Budgets\n\n| what | measured | wanted | |\n|---|---|---|---|")
    for what, value, limit, at_most, fine in budgets:
        print(f"| {what} | {value:.2f} | {'≤' if at_most else '≥'} {limit} | {'met' if fine else '**missed**'} |")


if __name__ == "__main__":
    main()
