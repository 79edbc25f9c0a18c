"""What the nodes and the database take, looked at every few seconds, and whether that is flat."""

import statistics
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from client import Times

MIB = 2**20
# The last tenth's median may be so many times the second quarter's, and so much more: twice that in a short run, whose
# second quarter comes before memory has been used in all its ways.
FACTOR = 1.15
SLACK = {"resident, MiB": 16.0, "open files": 16.0, "threads": 4.0}
SHORT = 120.0
MOMENTS = (0.1, 0.25, 0.5, 0.75, 1.0)
# Before the second quarter the cache must have been this full, or flat memory would say nothing.
FULL = 0.8
FIGURES = (
    "portolan_cache_bytes", "portolan_cache_entries", "portolan_cache_queries_total", "portolan_feed_silent_seconds",
    'portolan_cache_requests_total{result="hit"}', 'portolan_cache_requests_total{result="miss"}',
    'portolan_cache_requests_total{result="stale"}', 'portolan_database_connections{state="busy"}',
)


@dataclass
class Sample:
    """One look at everything: `nodes` by name, what is in SLACK and in FIGURES."""

    at: float
    nodes: dict[str, dict[str, float]] = field(default_factory=dict)
    database_mib: float = 0.0
    connections: int = 0


def process(pid: int) -> dict[str, float]:
    folder = Path(f"/proc/{pid}")
    told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    return {
        "resident, MiB": int(told["VmRSS"].split()[0]) / 1024,
        "open files": len(list((folder / "fd").iterdir())),
        "threads": int(told["Threads"]),
    }


def figures(node, key: str) -> dict[str, float]:
    """Figures of /metrics, and how many answers were of a status that must not be."""
    status, _, text = node.ask("GET", "/metrics", key)
    if status != 200:
        raise AssertionError(f"{node.name}: /metrics: {status}")
    told, failures = dict.fromkeys(FIGURES, 0.0), 0.0
    for line in text.decode().splitlines():
        name, _, value = line.rpartition(" ")
        if name in told:
            told[name] = float(value)
        if name.startswith("portolan_http_requests_total") and 'status="5' in name:
            failures += float(value)
    return {**told, "5xx": failures}


def look(world, at: float) -> Sample:
    sample = Sample(at)
    for node in world.nodes:
        sample.nodes[node.name] = process(node.process.pid) | figures(node, world.auditor)
    if world.primary:
        asked = "SELECT pg_database_size('portolan'), (SELECT count(*) FROM pg_stat_activity WHERE datname = 'portolan')"
        size, connections = map(int, world.primary.sql(asked, "portolan").split("|"))
        sample.database_mib, sample.connections = size / MIB, connections
    else:
        files = world.nodes[0].folder.glob("portolan.db*")
        sample.database_mib = sum(file.stat().st_size for file in files) / MIB
    return sample


def print_rates(workers: list, seconds: float) -> None:
    """As this program sees it: it shares the machine, and its threads wait for one another."""
    together: dict[str, Times] = defaultdict(Times)
    for worker in workers:
        for kind, times in worker.times.items():
            together[kind].take(times)
    print("| operation | number | a second | p50 | p99 | most |\n|---|---|---|---|---|---|")
    for kind, times in sorted(together.items(), key=lambda item: -item[1].count):
        shown = [f"{second * 1000:,.1f} ms" for second in (times.quantile(0.5), times.quantile(0.99), times.most)]
        print(f"| {kind} | {times.count:,} | {times.count / seconds:,.1f} | {' | '.join(shown)} |")
    count = sum(times.count for times in together.values())
    print(f"| all | {count:,} | {count / seconds:,.1f} | | | |")


class Judgement:
    """The samples of a part of the run, and what must hold of them."""

    def __init__(self, samples: list[Sample], seconds: float, cache_bytes: int) -> None:
        self.samples, self.seconds, self.cache_bytes = samples, seconds, cache_bytes
        self.faults: list[str] = []

    def within(self, begin: float, end: float) -> list[Sample]:
        return [sample for sample in self.samples if begin * self.seconds <= sample.at <= end * self.seconds]

    def median(self, node: str, what: str, begin: float, end: float) -> float:
        return statistics.median(sample.nodes[node][what] for sample in self.within(begin, end))

    def near(self, moment: float) -> Sample:
        return min(self.samples, key=lambda sample: abs(sample.at - moment * self.seconds))

    def flat(self) -> None:
        looks = [0.0, *(sample.at for sample in self.samples)]
        print(f"\nThe longest time between two looks: {max(b - a for a, b in zip(looks, looks[1:])):.1f} s")
        if not (self.within(0, 0.25) and self.within(0.25, 0.5) and self.within(0.9, 1.0)):
            self.faults.append("nothing was seen for so long that nobody knows whether anything is flat")
            return
        self.table()
        self.others()

    def table(self) -> None:
        print(f"\n| flat? | | {' | '.join(f'{m:.0%}' for m in MOMENTS)} | second quarter | last tenth | at most | |")
        print("|---" * (len(MOMENTS) + 6) + "|")
        for node in self.samples[0].nodes:
            for what, slack in SLACK.items():
                before, after = self.median(node, what, 0.25, 0.5), self.median(node, what, 0.9, 1.0)
                most = before * FACTOR + slack * (2 if self.seconds < SHORT else 1)
                row = [f"{self.near(moment).nodes[node][what]:.0f}" for moment in MOMENTS]
                row += [f"{before:.1f}", f"{after:.1f}", f"{most:.1f}", "yes" if after <= most else "**no**"]
                print(f"| {node} | {what} | {' | '.join(row)} |")
                if after > most:
                    self.faults.append(f"{node}: {what} is not flat: {before:.1f}, then {after:.1f}")

    def others(self) -> None:
        print(f"\n| also | {' | '.join(f'{m:.0%}' for m in MOMENTS)} | most |")
        print("|---" * (len(MOMENTS) + 2) + "|")
        self.row("database, MiB", lambda sample: sample.database_mib)
        if any(sample.connections for sample in self.samples):
            self.row("its connections", lambda sample: sample.connections)
        for node in self.samples[0].nodes:
            self.row(f"{node}, cache, MiB", lambda sample: sample.nodes[node]["portolan_cache_bytes"] / MIB)
            self.row(f"{node}, feed silent, s", lambda sample: sample.nodes[node]["portolan_feed_silent_seconds"], ".2f")
        print()
        for node, last in self.samples[-1].nodes.items():
            hits, misses = (last[f'portolan_cache_requests_total{{result="{result}"}}'] for result in ("hit", "miss"))
            print(f"{node}: {hits:,.0f} questions answered from memory, {misses:,.0f} not; {last['5xx']:.0f} answers of 5xx")
            self.held(node, last)

    def row(self, name: str, value, form: str = ".0f") -> None:
        told = [f"{value(self.near(moment)):{form}}" for moment in MOMENTS]
        print(f"| {name} | {' | '.join(told)} | {max(map(value, self.samples)):{form}} |")

    def held(self, node: str, last: dict[str, float]) -> None:
        stale = last['portolan_cache_requests_total{result="stale"}']
        if last["5xx"] or stale:
            self.faults.append(f"{node}: {last['5xx']:.0f} answers of 5xx, {stale:.0f} marked as stale")
        early = [sample.nodes[node]["portolan_cache_bytes"] for sample in self.samples if sample.at <= self.seconds / 4]
        if max(early) < FULL * self.cache_bytes:
            self.faults.append(f"{node}: the cache was not full in the first quarter: flat memory says nothing")
