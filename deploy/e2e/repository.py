"""An OSTree repository with three apps: two that need a token, and one that is free. Everything in it was made
by ostree itself, and Portolan learned of it by its own scan."""

from pathlib import Path

from world import Portolan, Programs, run

COLLECTION = "org.acme.Stable"
GAME = "app/org.acme.Game/x86_64/stable"
TOOL = "app/org.acme.Tool/x86_64/stable"
FREE = "app/org.acme.Free/x86_64/stable"
# What `xa.token-type` says of what needs a token.
PAID = 1


class Repository:
    """`repo/stable` below a folder that a web server has as its root."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.root = programs.folder / "srv"
        self.path = self.root / "repo" / "stable"
        self.path.mkdir(parents=True)
        self.pulls = 0
        self.ostree("init", "--mode=archive", f"--collection-id={COLLECTION}")
        self.commits = {ref: self.commit(ref, kind) for ref, kind in ((GAME, PAID), (TOOL, PAID), (FREE, 0))}
        before = self.commits[GAME]
        self.commits[GAME] = self.commit(GAME, PAID, more="a second version\n" * 1000)
        self.ostree("static-delta", "generate", f"--from={before}", f"--to={self.commits[GAME]}")
        self.ostree("static-delta", "generate", "--empty", GAME)
        self.ostree("summary", "--update")

    def ostree(self, *arguments: str) -> str:
        return run("ostree", f"--repo={self.path}", *arguments)

    def commit(self, ref: str, kind: int, more: str = "") -> str:
        tree = self.programs.folder / "tree"
        tree.mkdir(exist_ok=True)
        (tree / "app").write_text(f"the app of {ref}\n{more}")
        return self.ostree(
            *("commit", f"--branch={ref}", f"--tree=dir={tree}", "--canonical-permissions"),
            *(f"--add-metadata=xa.token-type=int32 {kind}", "--subject=e2e"),
        )

    def object_of(self, ref: str) -> str:
        """The path of a ref's commit."""
        commit = self.commits[ref]
        return f"/repo/stable/objects/{commit[:2]}/{commit[2:]}.commit"

    def delta_files(self) -> list[str]:
        """All files of deltas: superblocks, and the parts that hold the content."""
        files = [path for path in (self.path / "deltas").rglob("*") if path.is_file()]
        return sorted("/" + str(path.relative_to(self.root)) for path in files)

    def tell(self, portolan: Portolan) -> None:
        """Lets Portolan know all of it."""
        portolan.cli("owner", "add", "acme")
        portolan.cli(
            *("repo", "scan", self.path, "--repo", "stable", "--owner", "acme"),
            *("--require-token-type", str(PAID)),
        )

    def pull(self, port: int, ref: str, token: str | None, *more: str) -> str:
        """Pulls into a repository that is new, and says what the app holds."""
        self.pulls += 1
        client = self.programs.folder / f"client-{self.pulls}"
        run("ostree", f"--repo={client}", "init", "--mode=bare-user-only")
        url = f"http://127.0.0.1:{port}/repo/stable"
        run("ostree", f"--repo={client}", "remote", "add", "--no-gpg-verify", "origin", url)
        header = [f"--http-header=Authorization=Bearer {token}"] if token else []
        run("ostree", f"--repo={client}", "pull", *header, *more, "origin", ref)
        return run("ostree", f"--repo={client}", "cat", f"origin:{ref}", "/app")

    def pull_objects(self, port: int, ref: str, token: str | None) -> str:
        """A pull that asks for the same files each time: beside deltas ostree asks for those objects that
        happen not to be there yet."""
        return self.pull(port, ref, token, "--disable-static-deltas")


def ref_token(portolan: Portolan, issuer: str, user: str, *refs: str, **more: object) -> str:
    """The one token for these refs."""
    asked = [{"collectionId": COLLECTION, "ref": ref} for ref in refs]
    answer = portolan.call("POST", "/ref_tokens", {"user": user, "refs": asked, **more}, issuer)
    assert answer.status == 200, answer.body
    tokens = answer.json()["tokens"]
    assert len(tokens) == 1, answer.body
    return next(iter(tokens))
