"""Events: what a tap is offered of them. Who gets them is told in `test_guard` and `test_subscribing`."""

import json
from collections.abc import Callable

from myna.testing import FakeTap
from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]


def test_a_tap_is_offered_every_event_once_without_a_subscription(play: Play) -> None:
    async def story(house: House) -> None:
        tap = FakeTap()
        house.broker.carry(tap)
        admin, other = await house.admin(), await house.admin()
        admin.subscribe("dh/notification/#")
        other.subscribe("dh/#")
        await admin.ask("notification/insert", deviceId=SAMPLE, notification={"notification": "x"})
        (offered,) = [message for message in tap.offers if message.topic.startswith("dh/")]
        assert offered.topic == f"dh/notification/1/1/{SAMPLE}/x"
        assert set(json.loads(offered.payload)) == {"action", "notification"}

    play(story)
