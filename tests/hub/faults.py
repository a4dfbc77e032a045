"""What can go wrong with a request: the Hub answers something else, or the connection breaks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of its answer.

    status: the answer's; None breaks the connection: of what is sent up half arrives, of what comes down half leaves.
    done: the connection breaks when all was done and only the answer is missing.
    """

    status: int | None = None
    said: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False

    @property
    def is_halfway(self) -> bool:
        """Whether the connection breaks in the middle."""
        return not self.status and not self.done


SERVER_ERROR = Fault(500, "Internal Error - We're working hard to fix this as soon as possible!")
RATE_LIMIT = Fault(429, "Too Many Requests: you have reached your 'api' rate limit.", {"Retry-After": "3"})
EXPIRED = Fault(401, "Invalid credentials in Authorization header")
NOT_YOURS = Fault(403, "Forbidden: you must be the owner of this repository or a collaborator")
BROKEN = Fault()
ANSWER_LOST = Fault(done=True)
