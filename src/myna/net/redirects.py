"""Where an answer sends a call next, if it may be followed there.

    another place of the same origin     followed
    the same host by https instead       followed
    another origin                       without a body, and with no header but those of CARRIED
    from https to http, or elsewhere     not followed

What a newcomer gets wrong: what a call carries, passwords in its body among it, is meant for whom it was made to, and
not for whomever that place names. What is not followed is the answer, which no caller takes for a yes.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from myna.formats.outgoing import Answer

Headers = tuple[tuple[str, str], ...]

MOVED: Final = (301, 302, 303, 307, 308)
AS_IT_WAS: Final = (307, 308)  # the others make a GET of a POST, as every browser does
# Headers that say what is wanted and show nothing; those with underscores are BifroMQ's questions to webhooks.
CARRIED: Final = frozenset(("accept", "content-type", "tenant_id", "user_id", "resource_type", "setting_name"))
PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    url: str
    headers: Headers
    body: bytes


def is_moved(answer: Answer) -> bool:
    return answer.status in MOVED and "location" in answer.headers


def follow(call: Call, answer: Answer) -> Call | None:
    """The call that an answer asks for; None where it must not be made."""
    try:
        url = urljoin(call.url, answer.headers["location"])
        before, after = urlsplit(call.url), urlsplit(url)
        same = _origin(before) == _origin(after)
    except ValueError:
        return None
    if after.scheme not in PORTS or not after.hostname or (before.scheme == "https" and after.scheme == "http"):
        return None
    next_one = call if answer.status in AS_IT_WAS or call.method in ("GET", "HEAD") else _as_get(call)
    if same or (before.hostname == after.hostname and (before.scheme, after.scheme) == ("http", "https")):
        return Call(next_one.method, url, next_one.headers, next_one.body)
    if next_one.body:
        return None
    headers = tuple(one for one in next_one.headers if one[0].lower() in CARRIED)
    return Call(next_one.method, _without_user(url, after), headers, b"")


def _as_get(call: Call) -> Call:
    headers = tuple(one for one in call.headers if one[0].lower() != "content-type")
    return Call("GET", call.url, headers, b"")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _without_user(url: str, parts: SplitResult) -> str:
    """A name and password in the address would be shown to a place that somebody else has chosen."""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.username is not None else url
