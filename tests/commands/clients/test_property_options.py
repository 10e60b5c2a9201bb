import pytest

from myna.commands.clients.property_options import PropertySets, add_property, names_for


def made(*words: str) -> PropertySets:
    sets: PropertySets = {}
    add_property(sets, words)
    return sets


@pytest.mark.parametrize(
    ("words", "attribute", "value"),
    [
        ("connect session-expiry-interval 60", "session_expiry", 60),
        ("connect receive-maximum 10", "receive_maximum", 10),
        ("publish content-type text/plain", "content_type", "text/plain"),
        ("publish correlation-data abc", "correlation_data", b"abc"),
        ("publish payload-format-indicator 1", "payload_format", 1),
        ("publish user-property key value", "user_properties", [("key", "value")]),
        ("subscribe subscription-identifier 268435455", "subscription_identifiers", [268435455]),
        ("will will-delay-interval 5", "will_delay", 5),
        ("disconnect session-expiry-interval 0", "session_expiry", 0),
    ],
)
def test_a_property_is_set_on_its_packet(words: str, attribute: str, value: object) -> None:
    command, *rest = words.split()
    sets = made(command, *rest)
    assert list(sets) == [command]
    assert getattr(sets[command], attribute) == value


def test_user_properties_add_up_in_order() -> None:
    sets = made("publish", "user-property", "a", "1")
    add_property(sets, ["publish", "user-property", "a", "2"])
    assert sets["publish"].user_properties == [("a", "1"), ("a", "2")]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("publish content-type", "expected PACKET NAME VALUE"),
        ("puback reason-string x", "'puback' is no packet"),
        ("publish session-expiry-interval 1", "publish has no property"),
        ("publish user-property key", "a key and a value"),
        ("publish content-type text plain", "put quotes"),
        ("publish message-expiry-interval soon", "a number from 0"),
        ("publish message-expiry-interval 4294967296", "to 4294967295"),
        ("connect receive-maximum 0", "from 1 to 65535"),
        ("publish payload-format-indicator 2", "from 0 to 1"),
        ("publish response-topic a/#", "no wildcards"),
    ],
)
def test_what_is_no_property_is_explained(words: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        made(*words.split())


def test_a_client_may_not_say_what_only_a_server_may() -> None:
    assert "server-reference" not in names_for("disconnect")
    assert "subscription-identifier" not in names_for("publish")
    assert "assigned-client-id" not in names_for("connect")
