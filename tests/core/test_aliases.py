import pytest

from myna.core.aliases import InboundAliases, OutboundAliases
from myna.wire.errors import ProtocolViolation


def test_topics_get_an_alias_each_until_there_are_no_more() -> None:
    aliases = OutboundAliases(2)  # [MQTT-3.1.2-26], [MQTT-3.3.2-11]
    assert aliases.next_free() == 1
    aliases.bind("a", 1)
    aliases.bind("b", aliases.next_free())
    assert aliases.next_free() == 0
    assert (aliases.known("a"), aliases.known("b"), aliases.known("c")) == (1, 2, 0)


def test_an_alias_that_was_not_bound_is_offered_again() -> None:
    aliases = OutboundAliases(5)
    assert aliases.next_free() == 1
    assert aliases.next_free() == 1
    assert aliases.known("a") == 0


def test_a_client_may_use_the_aliases_from_one_to_the_maximum_and_bind_them_anew() -> None:
    aliases = InboundAliases(3)  # [MQTT-3.3.2-8], [MQTT-3.3.2-12]
    assert aliases.resolve(3, "a") == "a"
    assert aliases.resolve(3, "") == "a"
    assert aliases.resolve(3, "b") == "b"
    assert aliases.resolve(3, "") == "b"


@pytest.mark.parametrize(("alias", "topic"), [(0, "a"), (4, "a"), (1, "")])
def test_an_alias_out_of_range_or_never_bound_is_a_violation(alias: int, topic: str) -> None:
    aliases = InboundAliases(3)
    with pytest.raises(ProtocolViolation):
        aliases.resolve(alias, topic)
