"""Imports in all their ways, undone and put back, of owners that are deleted and made again. Each is read at once on
the node that did it, and within the bound on the other one."""

import time

from client import Answer, Wrong
from owners import NEVER, NONE, VERSIONS, Change, Owner
from reads import Looker

OLD = "MANIFEST_OLD"


class Importer(Looker):
    """The one that changes these owners, so that it always knows what is imported."""

    pace = 0.5

    def __init__(self, world, name: str, owners: list[Owner]) -> None:
        super().__init__(world, name)
        self.owners = owners

    def step(self) -> None:
        owner = self.random.choice(self.owners)
        node = self.random.choice(self.world.nodes)
        ways = [self.upload] * 6 + [self.job] * 2 + [self.restore] * 2
        if not owner.steady:
            ways += [self.undo, self.delete] * 2
        if owner.state is NONE:
            ways = [self.upload, self.job]
        self.random.choice(ways)(node, owner)

    def next_version(self, owner: Owner) -> int:
        return 0 if owner.state is NONE else (owner.state + 1) % VERSIONS

    def upload(self, node, owner: Owner) -> None:
        before, version = owner.state, self.next_version(owner)
        goes_back = before is not NONE and version < before
        if goes_back and self.random.random() < 0.3:
            self.refused(node, owner, version)
        change = owner.begin(Change(version, time.monotonic(), node))
        path = f"/owners/{owner.key}/imports?force={OLD}"
        answer = self.send("import", node, path, owner, version)
        change.acknowledged = answer.ended
        self.recorded(answer.json(), owner, before, version, [OLD] if goes_back else [])
        self.seen(node, owner, answer)
        listed = self.ask("import records", node, "GET", f"/owners/{owner.key}/imports?limit=1", self.world.admin)
        listed.must("the newest record", listed.json()[0]["id"], answer.json()["id"])

    def send(self, kind: str, node, path: str, owner: Owner, version: int, wanted=(200,)) -> Answer:
        data = owner.manifests[version].data
        return self.ask(kind, node, "POST", path, self.world.admin, data, wanted=wanted, media="application/zip")

    def refused(self, node, owner: Owner, version: int) -> None:
        """An older manifest that nobody forces changes nothing."""
        answer = self.send("import refused", node, f"/owners/{owner.key}/imports", owner, version, (409,))
        answer.must("conflicts", answer.json()["conflicts"], [OLD])
        self.look("cdn_info after a refusal", node, owner, self.random.choice(owner.everywhere))

    def recorded(self, record: dict, owner: Owner, before: int | None, after: int, forced: list[str] | None) -> None:
        """Whether the record says what was done."""
        wanted = {"status": "SUCCESS"}
        if owner.history[-2].acknowledged < NEVER:  # Else nobody knows what was there before.
            wanted["counts"] = owner.counts(before, after)
            if forced is not None:
                wanted["forcedConflicts"] = forced
        for name, value in wanted.items():
            if record[name] != value:
                raise Wrong(f"{owner.key}: import {record['id']}: {name} is {record[name]}, should be {value}")
        owner.records = [*owner.records[-4:], (record["id"], after)]

    def seen(self, node, owner: Owner, answer: Answer) -> None:
        """At once where it was done, and soon elsewhere: that it is no state of before, `look` sees to."""
        wanted, entitlement = owner.state, self.random.choice(owner.everywhere)
        if (state := self.look("cdn_info after a change", node, owner, entitlement)) != wanted:
            raise Wrong(f"{node.name}: {owner.key} is answered as {state} at once after {wanted} was acknowledged")
        for name in self.random.sample(owner.all, 2):
            self.look("cdn_info after a change", node, owner, name)
        for other in self.world.others(node):
            self.soon(other, owner, entitlement, wanted, answer.ended)

    def soon(self, node, owner: Owner, entitlement: str, wanted: int | None, since: float) -> None:
        reads = "cdn_info after a change"
        self.follows("a change elsewhere", node, since, lambda: self.look(reads, node, owner, entitlement) == wanted)

    def job(self, node, owner: Owner) -> None:
        """Without its client; asked about elsewhere, and done by whichever node."""
        before, version = owner.state, self.next_version(owner)
        goes_back = before is not NONE and version < before
        change = owner.begin(Change(version, time.monotonic()))
        path = f"/owners/{owner.key}/imports/async?force={OLD}"
        job = self.send("import as a job", node, path, owner, version, (202,)).json()
        asked = self.random.choice(self.world.nodes)
        path = f"/jobs/{job['id']}?wait=30s"
        answer = self.ask("job, waiting", asked, "GET", path, self.world.admin)
        answer.must("state", answer.json()["state"], "FINISHED")
        change.acknowledged = answer.ended
        self.recorded(answer.json()["resultData"], owner, before, version, [OLD] if goes_back else [])
        for each in self.world.nodes:
            self.soon(each, owner, self.random.choice(owner.everywhere), version, answer.ended)

    def restore(self, node, owner: Owner) -> None:
        if not owner.records:
            return
        (record, version), before = self.random.choice(owner.records), owner.state
        change = owner.begin(Change(version, time.monotonic(), node))
        path = f"/owners/{owner.key}/imports/{record}/restore"
        answer = self.ask("restore", node, "POST", path, self.world.admin)
        change.acknowledged = answer.ended
        self.recorded(answer.json(), owner, before, version, None)
        self.seen(node, owner, answer)

    def undo(self, node, owner: Owner) -> None:
        before = owner.state
        change = owner.begin(Change(NONE, time.monotonic(), node))
        answer = self.ask("undo", node, "DELETE", f"/owners/{owner.key}/imports", self.world.admin)
        change.acknowledged = answer.ended
        answer.must("status", answer.json()["status"], "DELETE")
        answer.must("counts", answer.json()["counts"], owner.counts(before, NONE))
        self.seen(node, owner, answer)

    def delete(self, node, owner: Owner) -> None:
        """And makes it again: a new owner, of whose past nothing may come back."""
        path = f"/owners/{owner.key}"
        change = owner.begin(Change(NONE, time.monotonic(), node))
        answer = self.ask("owner deleted", node, "DELETE", path, self.world.admin, wanted=(204,))
        change.acknowledged = answer.ended
        owner.records = []
        self.ask("owner deleted, looked for", node, "GET", path, self.world.admin, wanted=(404,))
        self.seen(node, owner, answer)
        self.ask("owner made", node, "POST", "/owners", self.world.admin, {"key": owner.key})
        self.look("cdn_info after a change", node, owner, self.random.choice(owner.everywhere))
