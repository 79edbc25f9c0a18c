"""Reads of what proxies ask for, each compared with what the node may know at that moment."""

import uuid

from client import Answer, Worker, Wrong
from owners import NONE, Owner, version_of

UNKNOWN = "urn:portolan:problem:entitlement-not-found"
# Of each owner so many are asked for by half of all reads.
HOT = 10
REMEMBERED = 20_000


class Looker(Worker):
    """Asks for entitlements, and knows what it sees."""

    def __init__(self, world, name: str) -> None:
        super().__init__(world, name)
        self.tags: dict[tuple[str, str], tuple[str, int]] = {}

    def look(self, kind: str, node, owner: Owner, entitlement: str, tag: str | None = None) -> int | None:
        """The version that a node answers for an entitlement; NONE where it knows none."""
        headers = {"If-None-Match": tag} if tag else None
        path = f"/entitlements/{entitlement}/cdn_info"
        wanted = (200, 404, 304) if tag else (200, 404)
        answer = self.ask(kind, node, "GET", path, self.world.proxy, wanted=wanted, headers=headers)
        if answer.status == 404:
            answer.must("type", answer.json()["type"], UNKNOWN)
            self.may_lack(answer, node, owner, entitlement)
            return NONE
        answer.must("Cache-Control", answer.headers["Cache-Control"], "private, max-age=60")
        if answer.status == 304:
            answer.must("ETag", answer.headers["ETag"], tag)
            state = self.tags[node.name, entitlement][1]
        else:
            state = self.version(answer, owner, entitlement)
            self.remember(node, entitlement, answer.headers["ETag"], state)
        self.may_say(answer, node, owner, state)
        return state

    def remember(self, node, entitlement: str, tag: str, state: int) -> None:
        if len(self.tags) >= REMEMBERED:
            self.tags.clear()
        self.tags[node.name, entitlement] = tag, state

    def version(self, answer: Answer, owner: Owner, entitlement: str | None) -> int:
        """Which version an answer is of: all of it."""
        told = answer.json()
        answer.must("entitlementId", told["entitlementId"], entitlement)
        answer.must("ownerKey", told["ownerKey"], owner.key)
        answer.must("caCertificate", told["caCertificate"]["status"], "PRESENT")
        state = version_of(told["cdnUrl"], owner.key)
        if state is None:
            raise Wrong(f"cdnUrl is {told['cdnUrl']} ({answer.request_id()})")
        source, certificate = told["upstreamEntitlementId"], told["upstreamCertificate"]
        given = (certificate["cert"], certificate["key"]) if certificate else None
        of = [one.version for one in owner.manifests if one.pairs.get(source, ()) == given]
        if state not in of:
            mixed = f"the CDN is that of version {state}, the certificate of {source} that of {of}"
            raise Wrong(f"{owner.key}, asked for {entitlement or 'it'}: {mixed} ({answer.request_id()})")
        if entitlement in owner.all:
            answer.must("upstreamEntitlementId", source, entitlement)
        return state

    def states(self, answer: Answer, node, owner: Owner) -> set[int | None]:
        return owner.may_be(node, answer.begun, answer.ended, self.world.bound)

    def may_say(self, answer: Answer, node, owner: Owner, state: int) -> None:
        if state not in (may := self.states(answer, node, owner)):
            told = f"{node.name}: {owner.key} is answered as version {state}, and may be {may}"
            raise Wrong(f"{told} ({answer.request_id()})")

    def may_lack(self, answer: Answer, node, owner: Owner, entitlement: str) -> None:
        may = self.states(answer, node, owner)
        if not any(entitlement not in owner.ids(state) for state in may):
            told = f"{node.name}: {entitlement} of {owner.key} is not known, and is in each of {may}"
            raise Wrong(f"{told} ({answer.request_id()})")


class Reader(Looker):
    """A proxy, on one connection to each node."""

    def step(self) -> None:
        node, owner = self.random.choice(self.world.nodes), self.random.choice(self.world.owners)
        names = owner.everywhere[:HOT] if self.random.random() < 0.5 else owner.all
        entitlement, dice = self.random.choice(names), self.random.random()
        if dice < 0.1:
            self.unknown(node)
        elif dice < 0.2:
            self.text(node, owner, entitlement)
        elif dice < 0.25:
            self.whole(node, owner)
        elif dice < 0.5 and (known := self.tags.get((node.name, entitlement))):
            self.look("cdn_info, If-None-Match", node, owner, entitlement, known[0])
        else:
            self.look("cdn_info", node, owner, entitlement)

    def unknown(self, node) -> None:
        path = f"/entitlements/{uuid.uuid4().hex}/cdn_info"
        answer = self.ask("cdn_info, unknown", node, "GET", path, self.world.proxy, wanted=(404,))
        answer.must("type", answer.json()["type"], UNKNOWN)

    def text(self, node, owner: Owner, entitlement: str) -> None:
        path = f"/candlepin/entitlements/{entitlement}/upstream_cert"
        answer = self.ask("upstream_cert", node, "GET", path, self.world.proxy, wanted=(200, 404))
        if answer.status == 404:
            return self.may_lack(answer, node, owner, entitlement)
        text = answer.body.decode()
        holding = [one for one in owner.manifests if entitlement in one.ids and one.text(entitlement) == text]
        if not holding:
            raise Wrong(f"{node.name}: {path}: the text is of none of the manifests ({answer.request_id()})")
        self.may_say(answer, node, owner, holding[0].version)

    def whole(self, node, owner: Owner) -> None:
        path = f"/owners/{owner.key}/cdn_info"
        answer = self.ask("cdn_info of an owner", node, "GET", path, self.world.proxy, wanted=(200, 404))
        if answer.status == 404:
            if NONE not in self.states(answer, node, owner):
                raise Wrong(f"{node.name}: {path}: 404, and it has a manifest ({answer.request_id()})")
            return
        self.may_say(answer, node, owner, self.version(answer, owner, None))
