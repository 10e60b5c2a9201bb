"""Calls over HTTP that are no publish, in the vendor's log: a line a minute for all that are alike.

    GET /mqtt/retainedMessages      200, 200, 200, 403      ->  3 succeeded, 1 failed with AuthzError

What a newcomer gets wrong: publishes are not here. Each of them has a record of its own, items of a batch included.
"""

import asyncio
from typing import Final, NamedTuple

from myna.faces.contract import Scope
from myna.faces.eventgrid.answers import outcome_of
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.metrics import Metrics
from myna.faces.eventgrid.records import Records

PAUSE: Final = 60.0  # seconds
MOST: Final = 10_000  # lines of a minute

CONNECTION_LOST: Final = -1  # in the place of a status: the caller left before there was one

_AUTHENTICATION: Final = {"AccessToken": "EntraIdAccessToken", "SharedAccessKey": "SharedAccessKey"}
_SIGNATURES: Final = {"AuthenticationError": "AuthnError", "AuthorizationError": "AuthzError"}


class Like(NamedTuple):
    """What calls have in common that share a line."""

    operation: str
    authentication: str
    address: str
    object_id: str
    signature: str  # empty where they succeeded
    tls: str


class Operations:
    def __init__(self, records: Records, metrics: Metrics) -> None:
        self._records = records
        self._metrics = metrics
        self._counts: dict[Like, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def note(self, operation: str, caller: Caller | None, scope: Scope, status: int, now: float) -> None:
        if not self._records.is_writing:
            return
        client = scope.get("client")
        like = Like(
            operation,
            "Unknown" if caller is None else _AUTHENTICATION.get(caller.authentication, "Unknown"),
            client[0] if client else "",
            "" if caller is None else caller.client_id,
            signature_of(status),
            tls_version(scope),
        )
        if like not in self._counts and len(self._counts) >= MOST:
            self._metrics.lost_records += 1
            return
        self._counts[like] = self._counts.get(like, 0) + 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self.write, now + PAUSE)

    def write(self, now: float) -> None:
        """What has come together so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        counts, self._counts = self._counts, {}
        for like, count in counts.items():
            self._records.add_line(as_line(like, count), now)


def as_line(like: Like, count: int) -> dict[str, object]:
    failed = bool(like.signature)
    return {
        "operation": like.operation,
        "category": "FailedHttpDataPlaneOperations" if failed else "SuccessfulHttpDataPlaneOperations",
        "failed": failed,
        "signature": like.signature or "Success",
        "description": "",
        "properties": {
            "AuthenticationType": like.authentication,
            "CallerIpAddress": like.address,
            "NetworkAccess": "PublicAccess",
            "ObjectId": like.object_id,
            "OperationName": like.operation,
            "ResultSignature": like.signature or "Success",
            "ResultType": "Failed" if failed else "Succeeded",
            "TLSVersion": like.tls,
            "TotalOperations": count,
        },
    }


def signature_of(status: int) -> str:
    """The word that these lines have for a status; empty for success."""
    if status == CONNECTION_LOST:
        return "ConnectionLost"
    error = outcome_of(status)
    return _SIGNATURES.get(error, error)


def tls_version(scope: Scope) -> str:
    """As the vendor writes it, `1.3`; empty without TLS."""
    version = scope.get("extensions", {}).get("tls", {}).get("tls_version")
    return str(version or "").removeprefix("TLSv")
