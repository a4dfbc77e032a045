"""The part of the Hub's interface that makes repositories and fills them: create, preupload, large files, commit."""

from __future__ import annotations

import base64
import hashlib
import json
import math

from hub.front_matter import complaints
from hub.shelf import Files, Repository, is_large, object_id
from hub.visit import Refusal, Visit


def whoami(visit: Visit) -> None:
    user = visit.logged_in()
    token = {"accessToken": {"displayName": "test", "role": user.role}}
    visit.send({"type": "user", "name": user.name, "auth": token, "orgs": []})


def create(visit: Visit) -> None:
    wanted, user = json.loads(visit.body), visit.logged_in()
    namespace = wanted.get("organization") or user.name
    if namespace != user.name or user.role != "write":
        raise Refusal(403, f'You don\'t have the rights to create a model under the namespace "{namespace}"')
    repo_id = f"{namespace}/{wanted['name']}"
    url = f"{visit.hub.url}/{repo_id}"
    if repo_id in visit.hub.repositories:
        visit.send({"error": "You already created this model repo", "url": url}, status=409)
        return
    visit.hub.repositories[repo_id] = Repository(private=wanted.get("visibility") == "private")
    visit.send({"url": url, "name": repo_id})


def validate(visit: Visit) -> None:
    errors = [{"message": said} for said in complaints(json.loads(visit.body)["content"])]
    visit.send({"errors": errors, "warnings": []}, status=400 if errors else 200)


def preupload(visit: Visit, repo_id: str) -> None:
    repository = visit.writable(repo_id)
    files = []
    for asked in json.loads(visit.body)["files"]:
        path = asked["path"]
        mode = "lfs" if is_large(path, asked["size"]) else "regular"
        entry = {"path": path, "uploadMode": mode, "shouldIgnore": False}
        known = repository.files.get(path)
        files.append(entry if known is None else {**entry, "oid": object_id(path, known)})
    visit.send({"files": files})


def batch(visit: Visit, repo_id: str) -> None:
    visit.logged_in()
    visit.readable(repo_id)  # and no more, for it is not said whether this is for a pull request
    asked = json.loads(visit.body)
    size = visit.hub.part_size if "multipart" in asked["transfers"] else None
    objects = []
    for entry in asked["objects"]:
        oid = entry["oid"]
        upload: dict[str, object] = {"href": f"{visit.hub.url}/lfs/{oid}"}
        if size:
            numbers = range(1, math.ceil(entry["size"] / size) + 1)
            places = {str(number): f"{visit.hub.url}/lfs/{oid}/{number}" for number in numbers}
            upload["header"] = {"chunk_size": str(size), **places}
        actions = {"upload": upload, "verify": {"href": f"{visit.hub.url}/lfs-verify"}}
        objects.append(entry if oid in visit.hub.objects else {**entry, "actions": actions})
    visit.send({"transfer": "multipart" if size else "basic", "objects": objects})


def store(visit: Visit, oid: str) -> None:
    if hashlib.sha256(visit.body).hexdigest() != oid:
        raise Refusal(400, "the content does not have the sha256 that was announced")
    visit.hub.objects[oid] = visit.body
    visit.send({})


def store_part(visit: Visit, oid: str, number: str) -> None:
    visit.hub.parts[oid, int(number)] = visit.body
    visit.send({}, headers={"ETag": hashlib.md5(visit.body).hexdigest()})


def join_parts(visit: Visit, oid: str) -> None:
    numbers = [part["partNumber"] for part in json.loads(visit.body)["parts"]]
    visit.body = b"".join(visit.hub.parts[oid, number] for number in numbers)
    store(visit, oid)


def verify(visit: Visit) -> None:
    if json.loads(visit.body)["oid"] not in visit.hub.objects:
        raise Refusal(404, "object not found")
    visit.send({})


def commit(visit: Visit, repo_id: str) -> None:
    repository = visit.writable(repo_id)
    summary = ""
    files: Files = {}
    for line in visit.body.decode().splitlines():
        key, value = (item := json.loads(line))["key"], item["value"]
        if key == "header":
            summary = value["summary"]
        elif key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile" and value["oid"] in visit.hub.objects:
            files[value["path"]] = visit.hub.objects[value["oid"]]
        else:
            # Nothing has been changed yet: a commit is taken whole or not at all.
            raise Refusal(400, f"cannot commit {key} {value.get('path')}")
    if said := complaints(files.get("README.md", b"").decode()):
        raise Refusal(400, f"Invalid metadata in README.md: {said[0]}")
    answer: dict[str, object] = {"success": True}
    if "create_pr" in visit.query:
        number = 1 + sum(name.startswith("refs/pr/") for name in repository.refs)
        revision = f"refs/pr/{number}"
        repository.refs[revision] = repository.files | files
        answer["pullRequestUrl"] = f"{visit.hub.url}/{repo_id}/discussions/{number}"
    else:
        revision = "main"
        repository.files |= files
        repository.commits.append(summary)
    sha = repository.sha(revision)
    visit.send({**answer, "commitOid": sha, "commitUrl": f"{visit.hub.url}/{repo_id}/commit/{sha}"})


_ID = r"(?P<repo_id>[^/]+/[^/]+)"
ROUTES = {
    r"GET /api/whoami-v2": whoami,
    r"POST /api/repos/create": create,
    r"POST /api/validate-yaml": validate,
    rf"POST /api/models/{_ID}/preupload/main": preupload,
    rf"POST /{_ID}\.git/info/lfs/objects/batch": batch,
    r"PUT /lfs/(?P<oid>[0-9a-f]{64})": store,
    r"PUT /lfs/(?P<oid>[0-9a-f]{64})/(?P<number>\d+)": store_part,
    r"POST /lfs/(?P<oid>[0-9a-f]{64})": join_parts,
    r"POST /lfs-verify": verify,
    rf"POST /api/models/{_ID}/commit/main": commit,
}
