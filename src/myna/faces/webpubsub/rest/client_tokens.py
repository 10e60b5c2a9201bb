"""`:generateToken`: a token for a client, for callers who hold no key to make one themselves."""

from typing import Final

from myna.faces.webpubsub.answers import INVALID_GROUP, Answer, Refused, invalid, json_answer
from myna.faces.webpubsub.naming import is_group
from myna.faces.webpubsub.rest.call import Call
from myna.faces.webpubsub.tokens import CLIENT, MQTT, SOCKET_IO

KINDS: Final[dict[str, str]] = {"": CLIENT, "default": CLIENT, "mqtt": MQTT, "socketio": SOCKET_IO}


async def generate_token(call: Call) -> Answer:
    minutes = call.integer("minutesToExpire", 60, 1)
    asked = call.text("clientType") or call.text("clientProtocol") or ""
    kind = KINDS.get(asked.lower())
    if kind is None:
        raise Refused(invalid("clientType", f"The value '{asked[:64]}' is not valid for ClientType."))
    groups = call.texts("group", "groups")
    if not all(is_group(group) for group in groups):
        raise Refused(invalid("group", INVALID_GROUP))
    claims: dict[str, object] = {
        "sub": call.text("userId"),
        "role": call.texts("role", "roles"),
        "webpubsub.group": groups,
    }
    backend = call.backend
    token = backend.tokens.issue(kind, call.hub, call.base(), claims, minutes * 60.0, backend.now())
    return json_answer({"token": token})
