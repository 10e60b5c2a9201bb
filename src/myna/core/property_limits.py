"""What the properties of a message may weigh, and whether its payload is what they say it is: a tenant's own bounds.

What a newcomer gets wrong: MQTT has no reason code for a property that is too large. It is refused as beyond a quota.
"""

from myna.core.limits import Limits
from myna.core.message import is_as_declared
from myna.wire import reasons
from myna.wire.properties import Properties


def judge_properties(limits: Limits, properties: Properties, payload: bytes) -> int:
    """SUCCESS, or why a message with these must not be taken."""
    if limits.payload_format_checked and not is_as_declared(properties.payload_format, payload):
        return reasons.PAYLOAD_FORMAT_INVALID
    longest = limits.property_length
    if longest and longest_property(properties) > longest:
        return reasons.QUOTA_EXCEEDED
    most = limits.user_properties_size
    if most and properties.user_properties is not None and size_of_pairs(properties.user_properties) > most:
        return reasons.QUOTA_EXCEEDED
    return reasons.SUCCESS


def longest_property(properties: Properties) -> int:
    """Content type, response topic and correlation data, in bytes."""
    content_type, response_topic = properties.content_type, properties.response_topic
    return max(
        0 if content_type is None else len(content_type.encode()),
        0 if response_topic is None else len(response_topic.encode()),
        0 if properties.correlation_data is None else len(properties.correlation_data),
    )


def size_of_pairs(pairs: list[tuple[str, str]]) -> int:
    """All user properties together, in bytes."""
    return sum([len(key.encode()) + len(value.encode()) for key, value in pairs])
