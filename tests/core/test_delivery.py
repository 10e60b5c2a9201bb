from myna.core.delivery import Delivery
from myna.core.message import Message, Origin


def test_a_delivery_weighs_and_expires_as_its_message_does() -> None:
    message = Message("a", b"12345", 1, False, Origin("api", "t"), 0.0, 9.0)
    delivery = Delivery(message, 0x32, [3], 7)
    assert (delivery.size, delivery.expires_at) == (message.size(), 9.0)
    assert (delivery.flags, delivery.identifiers, delivery.number, delivery.released) == (0x32, [3], 7, False)


def test_a_delivery_whose_message_lies_in_the_store_is_told_its_weight() -> None:
    delivery = Delivery(None, 0x32, None, 7)
    assert (delivery.size, delivery.expires_at, delivery.place) == (0, 0.0, 0)
