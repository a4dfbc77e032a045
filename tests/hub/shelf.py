"""What the stand-in for the Hub holds: users, repositories with their revisions, large files; and what it was asked."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hub.faults import Fault

Files = dict[str, bytes]  # by path

# The Hub decides by .gitattributes and by size; these are its defaults for a new repository.
_LARGE_SUFFIXES = (".safetensors", ".bin", ".pt", ".parquet")
_LARGE_BYTES = 10_000_000


@dataclass(frozen=True)
class User:
    """Who a token belongs to, and whether it may write."""

    name: str
    role: str = "write"


@dataclass
class Repository:
    """A repository: the files of main, those of other revisions by their name, the summaries of the commits to main."""

    private: bool = False
    files: Files = field(default_factory=dict, repr=False)
    refs: dict[str, Files] = field(default_factory=dict, repr=False)
    commits: list[str] = field(default_factory=list)

    @property
    def revisions(self) -> dict[str, Files]:
        """The files of each revision, main first."""
        return {"main": self.files, **self.refs}

    def sha(self, revision: str = "main") -> str:
        """The id of a revision's last commit."""
        said = [revision, *(self.commits if revision == "main" else ()), *sorted(self.revisions[revision])]
        return hashlib.sha1("\n".join(said).encode()).hexdigest()

    def find(self, revision: str) -> str | None:
        """The name of a revision, given that or the id of its last commit."""
        return next((name for name in self.revisions if revision in (name, self.sha(name))), None)


@dataclass
class Hub:
    """The stand-in at `url`: `users` by token, `repositories` by id, that of a data set with "datasets/" before it.

    requests: each as "METHOD path", in the order of arrival. unknown: those that the stand-in has no answer for.
    objects: large files by their sha256. parts: those that arrive in parts, by sha256 and number.
    """

    users: dict[str, User]
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict, repr=False)
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict, repr=False)
    part_size: int | None = None
    _faults: Iterator[Fault | None] = field(default_factory=lambda: itertools.repeat(None))

    def inject(self, fault: Fault, when: Callable[[int], bool]) -> None:
        """From now on let `fault` happen to every request whose number is one of `when`; the next has number 1."""
        self._faults = (fault if when(number) else None for number in itertools.count(1))

    def mend(self) -> None:
        """No more faults."""
        self._faults = itertools.repeat(None)

    def next_fault(self) -> Fault | None:
        """What is to happen to the request that has just arrived."""
        return next(self._faults)


def is_large(path: str, size: int) -> bool:
    """Whether a file of `size` bytes goes the way of large files."""
    return path.endswith(_LARGE_SUFFIXES) or size > _LARGE_BYTES


def object_id(path: str, content: bytes) -> str:
    """What git, or its large file storage, calls this file."""
    if is_large(path, len(content)):
        return hashlib.sha256(content).hexdigest()
    return git_id(content)


def git_id(content: bytes) -> str:
    """What git calls a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
