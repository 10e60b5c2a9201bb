import pytest

from myna.client.errors import NotAllowed
from myna.client.offer import check_allowed
from myna.wire.packets import Publish
from myna.wire.properties import Properties


def aliased(alias: int) -> Publish:
    properties = Properties()
    properties.topic_alias = alias
    return Publish("a", b"", properties=properties)


def test_a_broker_that_offers_nothing_takes_everything_but_aliases() -> None:
    check_allowed(Publish("a", b"x" * 1000, 2, True), Properties())
    with pytest.raises(NotAllowed, match="no topic aliases"):
        check_allowed(aliased(1), Properties())


def test_aliases_go_as_far_as_offered() -> None:
    offer = Properties()
    offer.topic_alias_maximum = 2
    check_allowed(aliased(2), offer)
    with pytest.raises(NotAllowed, match="1 to 2, so not 3"):
        check_allowed(aliased(3), offer)
