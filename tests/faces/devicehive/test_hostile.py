"""Whatever a client sends, it gets an answer that blames it, and nothing of ours breaks."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from myna.faces.devicehive.actions import ACTIONS
from tests.faces.devicehive.house import SAMPLE, House

Play = Callable[..., None]

MEMBERS = (
    "deviceId", "networkId", "deviceTypeId", "userId", "name", "value", "device", "network", "deviceType", "user",
    "command", "commandId", "notification", "notificationId", "take", "skip", "sortField", "sortOrder", "namePattern",
    "networkIds", "deviceTypeIds", "names", "timestamp", "start", "end", "limit", "force", "returnUpdatedCommands",
    "subscriptionId", "payload", "token", "refreshToken", "login", "password", "role", "status", "type", "actions",
    "expiration", "data", "parameters", "lifetime", "result", "isBlocked", "description", "loginPattern",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**63, 10**30, 1.5, -0.0,
    "", " ", "1", "x", "%", "_", "*", "\0", "é" * 200,
    "2018-01-01", "9999-12-31T23:59:59.999-12:00",
    [], [1], ["*"], [None], [[]], {}, {"a": 1}, SAMPLE, "dhadmin", "'; DROP",
)  # fmt: skip


def odd_object(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in chance.sample(MEMBERS, 12):
        made[name] = odd_object(chance, depth + 1) if depth < 2 and chance.random() < 0.3 else chance.choice(ODD)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_no_request_is_our_fault(play: Play, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(seed)
    harmless = [name for name in ACTIONS if name not in ("authenticate", "user/updateCurrent")]

    async def story(house: House) -> None:
        admin = await house.admin()
        for number in range(250):
            action = chance.choice(harmless)
            members = odd_object(chance)
            if chance.random() < 0.5:
                members["deviceId"] = SAMPLE
            members.pop("password", None)
            answer = await admin.ask(action, **{**members, "requestId": number})
            assert answer.get("code") != 500, (action, members, answer)
            if house.registry.directory.people.get(1) is None:
                break
            admin.inbox.clear()

    play(story)
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


def test_no_native_publish_is_our_fault(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)

    async def story(house: House) -> None:
        admin = await house.admin()
        for _ in range(300):
            category = chance.choice(("notification", "command", "command_update", "x", ""))
            levels = [
                chance.choice(("1", "99", "", "Sample Network", SAMPLE, "é", "9" * 40))
                for _ in range(chance.randrange(5))
            ]
            if chance.random() < 0.5:
                levels = ["1", "1", SAMPLE, "n"]
            payload = chance.choice((json.dumps(odd_object(chance)).encode(), chance.randbytes(20), b"[" * 3000, b""))
            admin.publish("/".join(["dh", category, *levels]), payload, chance.randrange(2))
            admin.collect()
        await house.settled()
        assert not admin.closed
        assert (await admin.ask("server/info"))["status"] == "success"

    play(story)
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
