"""Retained messages over HTTP: read one, list them, clear one.

What a newcomer gets wrong: who may subscribe to a topic may read its retained message, and a listing leaves out what
its caller may not subscribe to. Clearing is a publish, by right and by effect: it takes the road of every publish.
"""

import asyncio
import base64
import binascii
from typing import Any, Final
from urllib.parse import quote

import msgspec

from myna.core.message import Message
from myna.core.receiver import MISSED, Receiver, Subscription
from myna.faces.contract import Scope
from myna.faces.eventgrid.answers import Fault
from myna.faces.eventgrid.attempts import Attempt
from myna.faces.eventgrid.callers import Caller
from myna.faces.eventgrid.decoding import decode_percent
from myna.faces.eventgrid.endpoint import Call, Endpoint, Reply, find_header
from myna.faces.eventgrid.identify import address_of
from myna.faces.eventgrid.naming import LIST_QUERY, QUERY, Publication, check_version, read_topic, split_query
from myna.faces.eventgrid.presenting import header_text, instant, property_headers
from myna.faces.eventgrid.publish import say
from myna.faces.eventgrid.service import packet_size
from myna.wire.topics import check_filter, check_topic

PAGE: Final = 100  # messages at most, and when nothing is said
LOOKS: Final = 2000  # topics looked at in one go, a few milliseconds
LISTING: Final = "/mqtt/retainedMessages"
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_HOST: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")


class Reader(Receiver):
    """Stands for a caller before the guards of topics, which judge receivers. Takes nothing."""

    def __init__(self, caller: Caller) -> None:
        super().__init__((caller.identity.tenant, "", caller.client_id), caller.identity)

    def deliver(self, message: Message, subscription: Subscription, now: float) -> int:
        return MISSED


class RetainedMessage(Endpoint):
    """GET /mqtt/retainedMessages/message"""

    NAME = "getRetainedMessage"

    async def answer(self, call: Call) -> Reply | None:
        service = self.service
        topic = read_retained_topic(call.scope, service.settings.strict_api_version)
        require_subscriber(call.caller, topic)
        now = service.now()
        message = service.tenant.retained.get(topic)
        if message is None or message.is_expired(now) or not may_see(self, call.caller, message, now):
            raise Fault("RetainedMessageNotFound", "there is no retained message for this topic", "topic")
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", str(len(message.payload)).encode()),
            (b"x-ms-mqtt-topic", header_text(message.topic)),
            (b"x-ms-mqtt-qos", str(message.qos).encode()),
            (b"x-ms-mqtt-size", str(packet_size(message, now)).encode()),
            (b"x-ms-mqtt-last-modified", instant(message.published_at).encode()),
        ]
        if message.expires_at:
            headers.append((b"x-ms-mqtt-expiry", instant(message.expires_at).encode()))
        return Reply(200, headers + property_headers(message.properties), message.payload)


class ClearRetained(Endpoint):
    """DELETE /mqtt/retainedMessages/message"""

    NAME = "clearRetainedMessage"

    async def answer(self, call: Call) -> Reply | None:
        service = self.service
        topic = read_retained_topic(call.scope, service.settings.strict_api_version)
        held = service.tenant.retained.get(topic)
        existed = held is not None and not held.is_expired(service.now())
        attempt = Attempt(call.request_id, address_of(call.scope), call.caller)
        clearing = attempt.publication = Publication(topic, 1, True, None, 0)
        try:
            outcome = await service.publish(call.caller, clearing, b"", attempt.address, service.now())
        except Fault as fault:
            attempt.note(service, fault.status, fault)
            raise
        attempt.note(service, 204, None)
        if not existed:
            raise Fault("RetainedMessageNotFound", "there is no retained message for this topic", "topic")
        status, headers = say(outcome)
        return Reply(status, headers)


class ListRetained(Endpoint):
    """GET /mqtt/retainedMessages"""

    NAME = "listRetainedMessages"

    async def answer(self, call: Call) -> Reply | None:
        service = self.service
        given = split_query(call.scope["query_string"], LIST_QUERY)
        version = given.get("api-version")
        check_version(version, service.settings.strict_api_version)
        filter, after = _read_position(given)
        limit = _read_limit(given.get("maxResults"))
        if call.caller.rules.grants().subscribe.is_empty():
            raise Fault("TopicNotAuthorized", "the caller may read no retained messages")
        now = service.now()
        page = await self._find(call.caller, filter, after, limit + 1, now)
        more = len(page) > limit
        del page[limit:]
        following = _next_link(call.scope, filter, page[-1].topic, given) if more else None
        listed = {"nextLink": following, "retainedMessages": [_entry(message, now) for message in page]}
        return Reply(200, [_JSON], msgspec.json.encode(listed))

    async def _find(self, caller: Caller, filter: str, after: str, count: int, now: float) -> list[Message]:
        """The first few that the caller may see. Others have their turn in between, however many it may not."""
        broker, tenant = self.service.broker, self.service.tenant.name
        found: list[Message] = []
        while True:
            looked = broker.retained(tenant, filter, after, LOOKS)
            found += [message for message in looked.messages if may_see(self, caller, message, now)]
            after = looked.end
            if not after or len(found) >= count:
                return found[:count]
            await asyncio.sleep(0)


def may_see(endpoint: Endpoint, caller: Caller, message: Message, now: float) -> bool:
    """By the rules, and by the guard of the topic, if it has one."""
    if not caller.rules.grants().subscribe.covers(message.topic):
        return False
    guard = endpoint.service.tenant.router.guard_of(message.topic)
    if guard is None:
        return True
    reader = Reader(caller)
    return guard.delivering(message, reader, Subscription(reader, message.topic, message.topic, 1), now)


def require_subscriber(caller: Caller, topic: str) -> None:
    if not caller.rules.grants().subscribe.covers(topic):
        raise Fault("TopicNotAuthorized", f"Topic filter '{topic[:256]}' does not match any topicspaces", "topic")


def read_retained_topic(scope: Scope, strict: bool) -> str:
    """A malformed topic is 400 here, other than for a publish: the vendor says so."""
    given = split_query(scope["query_string"], QUERY)
    check_version(given.get("api-version"), strict)
    topic = read_topic(given)
    if not check_topic(topic):
        raise Fault("InvalidTopicFilter", "the topic is not a legal topic name", "topic")
    return topic


def _read_position(given: dict[str, bytes]) -> tuple[str, str]:
    """The filter, and the topic behind which to go on."""
    text, token = given.get("topicFilter"), given.get("continuationToken")
    if text is not None and token is not None:
        raise Fault("InvalidParameter", "topicFilter and continuationToken exclude each other", "continuationToken")
    if token is not None:
        return _read_token(decode_percent(token, "continuationToken"))
    filter = decode_percent(text or b"", "topicFilter")
    if not filter:
        raise Fault("MissingTopicFilter", "the query parameter topicFilter is missing or empty", "topicFilter")
    if not check_filter(filter) or filter.startswith("$share/"):
        raise Fault("InvalidTopicFilter", "topicFilter is not a legal topic filter", "topicFilter")
    return filter, ""


def _read_limit(raw: bytes | None) -> int:
    if raw is None:
        return PAGE
    text = decode_percent(raw, "maxResults")
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= PAGE:
        return int(text)
    raise Fault("InvalidParameter", f"maxResults must be from 1 to {PAGE}", "maxResults")


def make_token(filter: str, after: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([filter, after])).decode().rstrip("=")


def _read_token(token: str) -> tuple[str, str]:
    """It says where to go on, not what is allowed: rights are looked at for each page anew."""
    try:
        text = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        filter, after = msgspec.json.decode(text, type=tuple[str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        filter, after = "", ""
    if not check_filter(filter):
        raise Fault("InvalidContinuationToken", "not a token of ours", "continuationToken")
    return filter, after


def _next_link(scope: Scope, filter: str, after: str, given: dict[str, bytes]) -> str:
    """A whole URL, to be fetched as it is."""
    host = find_header(scope, b"host") or b""
    base = f"{scope['scheme']}://{host.decode()}" if host and _HOST.issuperset(host) else ""
    link = f"{base}{LISTING}?continuationToken={make_token(filter, after)}"
    for name in ("maxResults", "api-version"):
        if name in given:
            link += f"&{name}={quote(decode_percent(given[name], name), safe='')}"
    return link


def _entry(message: Message, now: float) -> dict[str, Any]:
    return {
        "topic": message.topic,
        "qos": message.qos,
        "size": packet_size(message, now),
        "expiry": instant(message.expires_at) if message.expires_at else None,
        "lastModifiedTime": instant(message.published_at),
    }
