"""`:send`: to all, to a group, to a user, to a connection. Always 202, whoever is there.

What a newcomer gets wrong: JSON is forwarded as it was written; a string sent as JSON keeps its quotes.
"""

from myna.core.receiver import Receiver
from myna.core.tenant import Tenant
from myna.faces.webpubsub.answers import (
    ACCEPTED,
    INVALID_JSON,
    Answer,
    Refused,
    invalid,
    of_outcome,
    too_many_requests,
    unsupported_type,
)
from myna.faces.webpubsub.naming import (
    BINARY,
    DATA_TYPES,
    JSON,
    PROTOBUF,
    SERVER_MESSAGES,
    TEXT,
    check_metadata,
    media_type,
)
from myna.faces.webpubsub.payloads import is_as_declared
from myna.faces.webpubsub.rest.call import Call
from myna.faces.webpubsub.selecting import Chosen


async def send_to_all(call: Call) -> Answer:
    return await _send_direct(call, call.tenant().sessions(), chosen_by(call))


async def send_to_user(call: Call) -> Answer:
    return await _send_direct(call, call.user(), chosen_by(call))


async def send_to_connection(call: Call) -> Answer:
    return await _send_direct(call, call.connections(), None)


async def send_to_group(call: Call) -> Answer:
    group = call.group()
    chosen = chosen_by(call)
    ttl = call.ttl()
    data_type, payload = await _payload(call)
    backend = call.backend
    now = backend.now()
    tenant = call.tenant()
    _draw(call, tenant, len(payload), now)
    message = backend.message(tenant, group, data_type, payload, ttl, _metadata(call), now)
    outcome = backend.publish(tenant, message, chosen, now)
    await backend.wait(outcome)
    return of_outcome(outcome, ACCEPTED)


def chosen_by(call: Call) -> Chosen | None:
    """The connections that `excluded` and `filter` leave; None where they leave all."""
    if not call.query:
        return None
    excluded = call.texts("excluded")
    filter = call.filter()
    return Chosen(frozenset(excluded), filter) if excluded or filter is not None else None


async def _send_direct(call: Call, receivers: list[Receiver], chosen: Chosen | None) -> Answer:
    ttl = call.ttl()
    data_type, payload = await _payload(call)
    backend = call.backend
    now = backend.now()
    tenant = call.tenant()
    _draw(call, tenant, len(payload), now)
    message = backend.message(tenant, SERVER_MESSAGES, data_type, payload, ttl, _metadata(call), now)
    if chosen is not None:
        receivers = [receiver for receiver in receivers if chosen.takes(receiver)]
    outcome = backend.send(tenant, receivers, message, now)
    await backend.wait(outcome)
    return ACCEPTED


def _draw(call: Call, tenant: Tenant, size: int, now: float) -> None:
    """On what the hub's publishers may do together, whatever they speak."""
    throughput = tenant.throughput
    wait = 0.0 if throughput is None else throughput.take(1, size, now)
    if wait > 0.0:
        call.backend.core.counters.refuse("webpubsub_send:throughput")
        raise Refused(too_many_requests(wait))


async def _payload(call: Call) -> tuple[str, bytes]:
    """Kind of data, and the payload in UTF-8 where it is text."""
    content_type = call.content_type
    data_type = BINARY if not content_type else DATA_TYPES.get(media_type(content_type))
    if data_type is None or data_type == PROTOBUF:
        raise Refused(unsupported_type(content_type or ""))
    payload = await call.body()
    if data_type == BINARY:
        return BINARY, payload
    if content_type and ";" in content_type:
        payload = _recoded(content_type, payload)
    if not is_as_declared(data_type, payload):
        raise Refused(invalid("body", INVALID_JSON if data_type == JSON else "The request body is not a valid text."))
    return (JSON if data_type == JSON else TEXT), payload


def _recoded(content_type: str, payload: bytes) -> bytes:
    """From the charset it declares to UTF-8."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() != "charset" or charset in ("", "utf-8", "utf8"):
            continue
        try:
            return payload.decode(charset).encode()
        except LookupError:
            raise Refused(unsupported_type(content_type)) from None
        except (UnicodeError, ValueError):
            raise Refused(invalid("body", "The request body is not in its charset.")) from None
    return payload


def _metadata(call: Call) -> dict[str, str] | None:
    metadata = call.metadata
    if metadata is not None:
        wrong = check_metadata(metadata)
        if wrong:
            raise Refused(invalid("metadata", wrong))
    return metadata
