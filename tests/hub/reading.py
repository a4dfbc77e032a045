"""The part of the Hub's interface that shows and gives what is there: information, trees, files, Parquet listings."""

from __future__ import annotations

from hub.shelf import git_id, is_large, object_id
from hub.visit import Refusal, Visit

_PARQUET = "refs/convert/parquet"


def harnesses(visit: Visit) -> None:
    visit.send({"standardEnvVars": [], "harnesses": {}})


def info(visit: Visit, kind: str, name: str, revision: str | None = None) -> None:
    repo_id = _repository(kind, name)
    files, sha = visit.files(repo_id, revision)
    siblings = [{"rfilename": path} for path in sorted(files)]
    private = visit.readable(repo_id).private
    visit.send({"id": name, "sha": sha, "private": private, "gated": False, "siblings": siblings})


def refs(visit: Visit, kind: str, name: str) -> None:
    repository = visit.readable(_repository(kind, name))
    kinds: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "pullRequests": [], "tags": []}
    for revision in repository.revisions:
        ref = {"name": revision, "ref": revision, "targetCommit": repository.sha(revision)}
        if revision == "main":
            kinds["branches"].append(ref | {"ref": "refs/heads/main"})
        else:
            kinds["converts" if revision == _PARQUET else "pullRequests"].append(ref)
    visit.send(kinds)


def tree(visit: Visit, kind: str, name: str, revision: str, folder: str | None = None) -> None:
    files, _ = visit.files(_repository(kind, name), revision)
    entries = []
    for path, content in sorted(files.items()):
        if folder and not path.startswith(f"{folder}/"):
            continue
        entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": git_id(content)}
        if is_large(path, len(content)):
            entry["lfs"] = {"oid": object_id(path, content), "size": len(content), "pointerSize": 134}
        entries.append(entry)
    if folder and not entries:
        raise Refusal(404, f"{folder} does not exist on {revision}", "EntryNotFound")
    visit.send(entries)


def resolve(visit: Visit, repo_id: str, revision: str, path: str) -> None:
    files, sha = visit.files(repo_id, revision)
    if path not in files:
        # By the commit the client notes in its cache what is not there.
        raise Refusal(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": sha})
    headers = {"ETag": f'"{object_id(path, files[path])}"', "X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
    visit.send(files[path], headers=headers)


def parquet(visit: Visit, name: str) -> None:
    """The addresses of the files that the Hub converted a data set to, by configuration and split."""
    repo_id = _repository("datasets", name)
    listed: dict[str, dict[str, list[str]]] = {}
    for path in sorted(visit.readable(repo_id).refs.get(_PARQUET, {})):
        config, split, file = path.split("/")
        number = int(file.removesuffix(".parquet"))
        address = f"{visit.hub.url}/api/datasets/{name}/parquet/{config}/{split}/{number}.parquet"
        listed.setdefault(config, {}).setdefault(split, []).append(address)
    visit.send(listed)


def parquet_file(visit: Visit, name: str, config: str, split: str, number: str) -> None:
    resolve(visit, _repository("datasets", name), _PARQUET, f"{config}/{split}/{int(number):04d}.parquet")


def _repository(kind: str, name: str) -> str:
    return name if kind == "models" else f"{kind}/{name}"


_API = r"GET /api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)"
_DATASET = r"GET /api/datasets/(?P<name>[^/]+/[^/]+)"
_REVISION = r"(?P<revision>refs/[^/]+/[^/]+|[^/]+)"
ROUTES = {
    r"GET /api/agent-harnesses": harnesses,
    rf"{_API}(/revision/{_REVISION})?": info,
    rf"{_API}/refs": refs,
    rf"{_API}/tree/{_REVISION}(/(?P<folder>.+))?": tree,
    rf"{_DATASET}/parquet": parquet,
    rf"{_DATASET}/parquet/(?P<config>[^/]+)/(?P<split>[^/]+)/(?P<number>\d+)\.parquet": parquet_file,
    rf"GET /(?P<repo_id>(datasets/)?[^/]+/[^/]+)/resolve/{_REVISION}/(?P<path>.+)": resolve,
}
