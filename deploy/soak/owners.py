"""What is imported, and what each node may answer at each moment: an owner's history, written by whoever changes it."""

import io
import json
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

# Manifests of each owner. They overlap, so that each import adds, updates and removes.
VERSIONS = 3
NEVER = float("inf")
# Nothing is imported.
NONE = None


@dataclass
class Manifest:
    """One version of an owner's: its bytes, and the certificate and key of each entitlement."""

    version: int
    data: bytes
    cdn_url: str
    pairs: dict[str, tuple[str, str]]

    @property
    def ids(self):
        return self.pairs.keys()

    def text(self, entitlement: str) -> str:
        """What `upstream_cert` answers."""
        cert, key = self.pairs[entitlement]
        return cert + ("" if cert.endswith("\n") else "\n") + key


@dataclass
class Change:
    """From when on a state may be seen, and from when on nothing else."""

    state: int | None
    begun: float
    node: object = None  # Where it was made: what that node acknowledged, it knows. None: nobody knows at once.
    acknowledged: float = NEVER


@dataclass
class Owner:
    key: str
    steady: bool  # Never without a manifest.
    manifests: list[Manifest]
    history: list[Change] = field(default_factory=lambda: [Change(NONE, 0.0, None, 0.0)])
    records: list[tuple[str, int]] = field(default_factory=list)  # Imports that can be put back.

    def __post_init__(self) -> None:
        sets = [set(manifest.ids) for manifest in self.manifests]
        self.everywhere = sorted(set.intersection(*sets))
        self.all = sorted(set.union(*sets))

    @property
    def state(self) -> int | None:
        return self.history[-1].state

    def ids(self, state: int | None):
        return self.manifests[state].ids if state is not NONE else ()

    def begin(self, change: Change) -> Change:
        # A new list, so that readers never meet a half-changed one.
        self.history = [*self.history[-63:], change]
        return change

    def may_be(self, node, begun: float, ended: float, bound: float) -> set[int | None]:
        """The states that this node may answer somebody who asked and was answered then."""
        states, superseded = set(), NEVER
        for change in reversed(self.history):
            if change.begun <= ended and begun <= superseded:
                states.add(change.state)
            known = change.acknowledged + (0.0 if change.node is node else bound)
            superseded = min(superseded, known)
            if superseded < begun:
                break
        return states

    def counts(self, before: int | None, after: int | None) -> dict[str, int]:
        """What the record of such an import must say; each manifest has other certificates."""
        old, new = set(self.ids(before)), set(self.ids(after))
        same = before == after
        return {
            "added": len(new - old), "updated": 0 if same else len(new & old), "removed": len(old - new),
            "unchanged": len(new) if same else 0, "downstreamRemoved": 0,
        }


def describe(key: str, version: int, count: int) -> str:
    created = datetime.now(timezone.utc) - timedelta(hours=VERSIONS - version)
    return (
        f'seed = "{key}"\ncreated = "{created:%Y-%m-%dT%H:%M:%SZ}"\nconsumer_name = "{key}-mirror"\n'
        f'cdn_url = "{url_of(key, version)}"\ngenerate = {count}\ngenerate_from = {version * count // 4}\n'
    )


def url_of(key: str, version: int) -> str:
    return f"https://v{version}.{key}.example.com"


def version_of(url: str, key: str) -> int | None:
    """The version whose CDN this is."""
    return next((version for version in range(VERSIONS) if url == url_of(key, version)), None)


def build(node, folder: Path, key: str, version: int, count: int) -> Manifest:
    description, out = folder / f"{key}-{version}.toml", folder / f"{key}-{version}.zip"
    description.write_text(describe(key, version, count))
    node.command("manifest", "build", description, "--scheme", "ecdsa", "--ca-dir", folder / "ca", "--out", out)
    data = out.read_bytes()
    out.unlink()
    return Manifest(version, data, url_of(key, version), pairs_of(data))


def entries_of(data: bytes) -> dict[str, dict]:
    """The entitlements of an archive, by their ids."""
    with zipfile.ZipFile(io.BytesIO(data)) as outer, zipfile.ZipFile(io.BytesIO(outer.read("consumer_export.zip"))) as inner:
        names = [name for name in inner.namelist() if name.startswith("export/entitlements/") and name.endswith(".json")]
        return {entry["id"]: entry for entry in (json.loads(inner.read(name)) for name in names)}


def pairs_of(data: bytes) -> dict[str, tuple[str, str]]:
    certificates = {name: entry["certificates"][0] for name, entry in entries_of(data).items()}
    return {name: (one["cert"], one["key"]) for name, one in certificates.items()}


def make_owners(node, folder: Path, owners: int, count: int) -> list[Owner]:
    """Every third one comes and goes."""
    wanted = [(f"owner-{number}", version) for number in range(owners) for version in range(VERSIONS)]
    first = build(node, folder, *wanted[0], count)  # Makes the CA.
    with ThreadPoolExecutor(2) as pool:
        rest = list(pool.map(lambda one: build(node, folder, *one, count), wanted[1:]))
    built = [first, *rest]
    return [
        Owner(f"owner-{number}", number % 3 != 0, built[number * VERSIONS : (number + 1) * VERSIONS])
        for number in range(owners)
    ]


def master_key(folder: Path, program: str) -> Path:
    path = folder / "master.key"
    subprocess.run([program, "master-key", "create", path], check=True, capture_output=True)
    return path
