"""Publishing to the topics of events: a plain MQTT way to insert a notification or a command, or to update one.

    dh/notification/NETWORK/TYPE/DEVICE/NAME      payload            becomes
                                                  {"parameters":…}   the resource itself
                                                  {"notification":{…}}  the same, wrapped as in a request
                                                  {"anything":1}, 21.5  parameters
                                                  nothing            no parameters
                                                  not JSON           parameters: the text

What a newcomer gets wrong: nobody is answered. What goes wrong is seen by clients of MQTT 5 in the ack, if it is seen
at once, and counted for all.
"""

import json
from typing import Final

from msgspec import Raw

from myna.core.broker import Broker
from myna.core.ports import TAKEN
from myna.faces.devicehive import commands, notifications, permissions
from myna.faces.devicehive.answers import Refused, refusal_of
from myna.faces.devicehive.callers import Caller
from myna.faces.devicehive.desk import Desk
from myna.faces.devicehive.naming import COMMAND, COMMAND_UPDATE, NOTIFICATION, PushTopic
from myna.faces.devicehive.parameters import NotAnObject, Parameters, read_any, read_object
from myna.faces.devicehive.requests import Requests
from myna.formats.inventory import Unavailable
from myna.wire import reasons

NEEDED: Final = {
    NOTIFICATION: permissions.CREATE_DEVICE_NOTIFICATION,
    COMMAND: permissions.CREATE_DEVICE_COMMAND,
    COMMAND_UPDATE: permissions.UPDATE_DEVICE_COMMAND,
}
WRAPPED_IN: Final = {NOTIFICATION: "notification", COMMAND: "command", COMMAND_UPDATE: "command"}
MEMBERS: Final = {
    NOTIFICATION: {"notification", "timestamp", "parameters"},
    COMMAND: {"command", "timestamp", "parameters", "lifetime", "status", "result"},
    COMMAND_UPDATE: {"id", "commandId", "status", "result"},
}


class NativePublish:
    def __init__(self, broker: Broker, desk: Desk, requests: Requests) -> None:
        self._broker = broker
        self._desk = desk
        self._requests = requests

    def accept(self, caller: Caller, topic: PushTopic, payload: bytes) -> int:
        """TAKEN, or the reason code for which nothing was done. Behind earlier requests it waits for its turn."""
        if not caller.busy:
            return self._judge(caller, topic, payload)
        if self._requests.is_behind(caller, len(payload)):
            return self._refuse("behind", reasons.QUOTA_EXCEEDED)
        self._requests.in_turn(caller, lambda: self._judge_late(caller, topic, payload), len(payload))
        return TAKEN

    def _judge_late(self, caller: Caller, topic: PushTopic, payload: bytes) -> None:
        self._judge(caller, topic, payload)

    def _judge(self, caller: Caller, topic: PushTopic, payload: bytes) -> int:
        principal = self._desk.allowed_principal(caller)
        if principal is None or NEEDED[topic.category] not in principal.actions:
            return self._refuse("forbidden", reasons.NOT_AUTHORIZED)
        if not self._is_where_it_says(topic) or not self._desk.allowed.may_device(principal, topic.device):
            return self._refuse("no_such_device", reasons.NOT_AUTHORIZED)
        try:
            return self._do(caller, topic, _read(topic.category, payload), principal.user_id)
        except Refused:
            return self._refuse("malformed", reasons.PAYLOAD_FORMAT_INVALID)
        except Unavailable:
            return self._refuse("behind", reasons.QUOTA_EXCEEDED)

    def _do(self, caller: Caller, topic: PushTopic, given: Parameters, user_id: int) -> int:
        desk = self._desk
        if topic.category == NOTIFICATION:
            held = notifications.make_notification(desk, topic.device, topic.name, given)
            caller.last_stored = notifications.store(desk, held)
            return TAKEN
        if topic.category == COMMAND:
            command = commands.make_command(desk, topic.device, topic.name, given, user_id)
            caller.last_stored = commands.store(desk, command)
            return TAKEN
        id = given.integer("id")
        if id is None:
            id = given.integer("commandId")
        if id is None:
            return self._refuse("malformed", reasons.PAYLOAD_FORMAT_INVALID)
        self._requests.start(caller, self._update(topic, id, given))
        return TAKEN

    async def _update(self, topic: PushTopic, id: int, given: Parameters) -> None:
        try:
            await commands.change(self._desk, topic.device, id, given)
        except Exception as error:
            if refusal_of(error) is None:
                raise
            self._refuse("no_such_command", 0)

    def _is_where_it_says(self, topic: PushTopic) -> bool:
        directory = self._desk.directory
        where = directory.devices.get(topic.device)
        return where is not None and where == (
            directory.networks.find(topic.network),
            directory.device_types.find(topic.device_type),
        )

    def _refuse(self, why: str, reason: int) -> int:
        self._broker.counters.refuse(f"devicehive:native:{why}")
        return reason


def _read(category: str, payload: bytes) -> Parameters:
    """The resource a payload stands for."""
    if not payload:
        return Parameters({})
    try:
        read_any(payload)
        text = payload.decode().strip()
    except (NotAnObject, UnicodeDecodeError):
        text = json.dumps(payload.decode("utf-8", "replace"))
    try:
        given = read_object(text.encode())
    except NotAnObject:
        return Parameters({"parameters": Raw(text.encode())})
    inner = given.raw(WRAPPED_IN[category])
    if inner is not None and inner.startswith(b"{"):
        given = read_object(inner)
    if given.names() & MEMBERS[category]:
        return given
    return Parameters({"parameters": Raw(text.encode())})
