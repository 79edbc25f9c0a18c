"""Tokens cut out of tokens and revoked, API keys made and revoked, entitlements registered and revoked: what is
revoked is refused at once where that was done, and within the bound elsewhere."""

import base64
import hashlib
import hmac
import itertools
import json
import time

from client import Worker, Wrong
from owners import entries_of
from reads import UNKNOWN, Looker

INVALID = "urn:portolan:problem:invalid-token"
FORM = "application/x-www-form-urlencoded"
CHILDREN = 10


def claims_of(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class TokenCutter(Worker):
    """Children of parents with a `jti`, of both kinds. Each child of a first parent has children, and is revoked."""

    pace = 0.2

    def __init__(self, world, name: str) -> None:
        super().__init__(world, name)
        self.numbers = itertools.count()

    def step(self) -> None:
        node, number = self.random.choice(self.world.nodes), next(self.numbers)
        subject = f"build/{self.name}-{number}"
        self.flat(node)
        child = self.cut(node, self.world.parent, subject, 600)
        for each in self.world.nodes:
            for below in range(CHILDREN):
                self.cut(each, child, f"{subject}/{below}", 300)
        if not self.is_active(node, child):
            raise Wrong(f"{node.name}: a child is not active")
        revoked = self.revoke(node, child, subject, number)
        if self.counts(node, child) or self.is_active(node, child):
            raise Wrong(f"{node.name}: a token counts after its revocation was acknowledged here")
        for other in self.world.others(node):
            self.follows("a revocation elsewhere", other, revoked, lambda: not self.counts(other, child))
        self.cut(node, self.world.parent, f"{subject}-after", 600)

    def cut(self, node, parent: str, subject: str, seconds: int) -> str:
        wish = {"name": "soak", "sub": subject, "scope": ["upload"], "duration": seconds}
        answer = self.ask("token_subset", node, "POST", "/token_subset", parent, wish)
        child, above = claims_of(answer.json()["token"]), claims_of(parent)
        answer.must("sub", child["sub"], subject)
        answer.must("scope", child["scope"], ["upload"])
        # flat-manager knows no first parent: its children have their parent's id.
        first = child.get("root_jti", child["jti"])
        answer.must("the first parent", first, above.get("root_jti", above["jti"]))
        if child["exp"] > above["exp"]:
            raise Wrong(f"a child outlives its parent: {child['exp']} > {above['exp']}")
        return answer.json()["token"]

    def flat(self, node) -> None:
        token = self.cut(node, self.world.flat_parent, "build", 600)
        signed, _, seal = token.rpartition(".")
        right = hmac.new(self.world.secret, signed.encode(), hashlib.sha256).digest()
        if seal != base64.urlsafe_b64encode(right).rstrip(b"=").decode():
            raise Wrong(f"{node.name}: the signature of an HS256 child is wrong")

    def revoke(self, node, token: str, subject: str, number: int) -> float:
        """By whoever holds it, by its id, or by its subject; answers when that was acknowledged."""
        if number % 3 == 0:
            answer = self.ask("revoke", node, "POST", "/revoke", None, f"token={token}".encode(), media=FORM)
        else:
            what = {"jti": claims_of(token)["jti"]} if number % 3 == 1 else {"sub": subject}
            answer = self.ask("tokens/revoke", node, "POST", "/tokens/revoke", self.world.issuer, what, wanted=(204,))
        return answer.ended

    def counts(self, node, token: str) -> bool:
        wish = {"name": "soak", "sub": claims_of(token)["sub"], "scope": ["upload"], "duration": 60}
        kind = "token_subset, perhaps revoked"
        answer = self.ask(kind, node, "POST", "/token_subset", token, wish, wanted=(200, 401))
        if answer.status == 401:
            answer.must("type", answer.json()["type"], INVALID)
        return answer.status == 200

    def is_active(self, node, token: str) -> bool:
        form = f"token={token}".encode()
        answer = self.ask("introspect", node, "POST", "/introspect", self.world.issuer, form, media=FORM)
        told = answer.json()
        if not told["active"]:
            answer.must("what is told", told, {"active": False})
        return told["active"]


class KeyMaker(Worker):
    """API keys and first parents, made and revoked with the program beside the nodes."""

    pace = 3.0

    def __init__(self, world, name: str) -> None:
        super().__init__(world, name)
        self.numbers = itertools.count()
        self.mine, self.foreign = [owner for owner in world.owners if owner.steady][:2]

    def step(self) -> None:
        node, number = self.random.choice(self.world.nodes), next(self.numbers)
        name = f"{self.name}-{self.series}-{number % 10}"  # The name of what was revoked is free again.
        key = self.command(node, "key create", "--role", "proxy", "--owner", self.mine.key, "--name", name).split()[-1]
        for each in self.world.nodes:
            if self.status(each, key, self.mine) != 200 or self.status(each, key, self.foreign) != 403:
                raise Wrong(f"{each.name}: a new key does not open its owner's alone")
        self.command(node, "key revoke", name)
        revoked = time.monotonic()
        for each in self.world.nodes:
            self.follows("a key revoked", each, revoked, lambda: self.status(each, key, self.mine) == 401)
        self.first_parent(node)

    def command(self, node, words: str, *arguments: str) -> str:
        begun = time.monotonic()
        try:
            return node.command(*words.split(), *arguments)
        except AssertionError as error:
            raise Wrong(f"portolan {error}") from error
        finally:
            self.times[f"portolan {words}"].add(time.monotonic() - begun)

    def status(self, node, key: str, owner) -> int:
        path = f"/entitlements/{owner.everywhere[0]}/cdn_info"
        return self.ask("cdn_info, a new key", node, "GET", path, key, wanted=(200, 401, 403)).status

    def first_parent(self, node) -> None:
        """One that flat-manager reads: its children go with it."""
        words = ("--purpose", "flat-manager", "--sub", "build", "--scope", "upload", "--duration", "10m", "--repo", "stable")
        parent = self.command(node, "token create", *words)
        wish = {"name": "soak", "sub": "build/1", "scope": ["upload"], "duration": 60}
        child = self.ask("token_subset", node, "POST", "/token_subset", parent, wish).json()["token"]
        what = {"jti": claims_of(parent)["jti"]}
        answer = self.ask("tokens/revoke", node, "POST", "/tokens/revoke", self.world.issuer, what, wanted=(204,))
        for token in (parent, child):
            self.refused(node, token)
            for other in self.world.others(node):
                self.follows("a revocation elsewhere", other, answer.ended, lambda: self.subset(other, token) == 401)

    def subset(self, node, token: str) -> int:
        wish = {"name": "soak", "sub": "build/1", "scope": ["upload"], "duration": 10}
        kind = "token_subset, perhaps revoked"
        return self.ask(kind, node, "POST", "/token_subset", token, wish, wanted=(200, 401)).status

    def refused(self, node, token: str) -> None:
        if self.subset(node, token) != 401:
            raise Wrong(f"{node.name}: a token counts after its first parent was revoked here")


class Registrar(Looker):
    """A local subscription system: entitlements of its own, registered, read and revoked; and exports."""

    pace = 0.3

    def __init__(self, world, name: str) -> None:
        super().__init__(world, name)
        self.steady = [owner for owner in world.owners if owner.steady]

    def step(self) -> None:
        node, owner = self.random.choice(self.world.nodes), self.random.choice(self.steady)
        if self.random.random() < 0.1:
            return self.export(node, owner)
        name = f"{self.name}-{self.series}-{self.random.randrange(100)}"
        path = f"/owners/{owner.key}/entitlements/{name}"
        made = self.ask("entitlement registered", node, "PUT", path, self.world.admin, {})
        self.expect(node, owner, name, True)
        for other in self.world.others(node):
            self.follows("an entitlement elsewhere", other, made.ended, lambda: self.knows(other, owner, name))
        gone = self.ask("entitlement revoked", node, "DELETE", f"/entitlements/{name}", self.world.admin, wanted=(204,))
        self.expect(node, owner, name, False)
        for other in self.world.others(node):
            self.follows("an entitlement elsewhere", other, gone.ended, lambda: not self.knows(other, owner, name))

    def expect(self, node, owner, name: str, known: bool) -> None:
        if self.knows(node, owner, name) != known:
            raise Wrong(f"{node.name}: {name} is {'un' if known else ''}known at once after the change")

    def knows(self, node, owner, name: str) -> bool:
        """What it says of one that is known must be of the owner's manifest of now."""
        path = f"/entitlements/{name}/cdn_info"
        answer = self.ask("cdn_info, registered", node, "GET", path, self.world.proxy, wanted=(200, 404))
        if answer.status == 404:
            answer.must("type", answer.json()["type"], UNKNOWN)
            return False
        self.may_say(answer, node, owner, self.version(answer, owner, name))
        return True

    def export(self, node, owner) -> None:
        answer = self.ask("export", node, "POST", f"/owners/{owner.key}/exports", self.world.admin, {})
        exported = entries_of(answer.body)
        if not any(exported.keys() == set(owner.ids(state)) for state in self.states(answer, node, owner)):
            raise Wrong(f"{node.name}: the export of {owner.key} has {len(exported)} entitlements, of no manifest")
