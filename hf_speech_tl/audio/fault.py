"""A recording that cannot be used, and why."""

from __future__ import annotations


class BadAudio(ValueError):
    """A recording that cannot be used.

    `reason` is one of "missing file", "unreadable", "not audio", "truncated", "empty", "not finite", "silent" and, of a
    name in a corpus, "outside the corpus folder"; `detail` says more about this one, and may be empty.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason
