"""Every operation of azure-messaging-webpubsubservice against a running server; run by each SDK's own Python.

Arguments: connection string. Prints a line per check; the first that fails ends it with a traceback.
"""

import json
import queue
import sys
import threading

import websocket  # of websocket-client, which the SDK's companion needs anyway
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.messaging.webpubsubservice import WebPubSubServiceClient

HUB = "SdkHub"
connection_string = sys.argv[1]
service = WebPubSubServiceClient.from_connection_string(connection_string, hub=HUB, retry_total=0)
JSON_PROTOCOL = "json.webpubsub.azure.v1"


class Client:
    """A WebSocket of the SDK's own token; its messages wait in a queue."""

    def __init__(self, protocol=JSON_PROTOCOL, **token):
        url = service.get_client_access_token(**token)["url"]
        self.socket = websocket.create_connection(url, subprotocols=[protocol] if protocol else [], timeout=60)
        self.frames = queue.Queue()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        self.protocol = protocol
        self.id = self.take()["connectionId"] if protocol else ""

    def read(self):
        try:
            while True:
                opcode, data = self.socket.recv_data()
                if opcode == 8:
                    self.frames.put(("closed", int.from_bytes(data[:2], "big")))
                    return
                self.frames.put(data.decode() if opcode == 1 else data)
        except Exception:
            self.frames.put(("closed", 1006))

    def take(self):
        frame = self.frames.get(timeout=60)
        return json.loads(frame) if self.protocol and isinstance(frame, str) else frame

    def ask(self, **request):
        self.socket.send(json.dumps(request))
        return self.take()

    def close(self):
        self.socket.close()


def check(name, passed=True):
    if not passed:
        raise AssertionError(name)
    print("ok", name, flush=True)


alice = Client(user_id="alice", roles=["webpubsub.joinLeaveGroup.alice-only"])
bob = Client(user_id="bob")

# Sending, in every kind of data.
service.send_to_all({"n": 1})
check("send_to_all json", alice.take()["data"] == {"n": 1} and bob.take()["dataType"] == "json")
service.send_to_all("text", content_type="text/plain")
check("send_to_all text", (alice.take()["data"], bob.take()["from"]) == ("text", "server"))
service.send_to_all(b"\x00\xff", content_type="application/octet-stream", excluded=[bob.id])
check("send_to_all binary, excluded", alice.take()["data"] == "AP8=")
service.send_to_user("bob", "to bob", content_type="text/plain")
check("send_to_user", bob.take()["data"] == "to bob")
service.send_to_connection(alice.id, "to alice", content_type="text/plain")
check("send_to_connection", alice.take()["data"] == "to alice")

# Groups, with a name that needs encoding.
GROUP = "g/1 é+#"
service.add_connection_to_group(GROUP, alice.id)
service.add_user_to_group(GROUP, "bob")
check("group_exists", service.group_exists(GROUP) and not service.group_exists("nobody is here"))
service.send_to_group(GROUP, {"to": "group"}, excluded=[bob.id])
check("send_to_group", alice.take()["group"] == GROUP)
service.remove_user_from_group(GROUP, "bob")
service.remove_connection_from_group(GROUP, alice.id)
check("remove from group", not service.group_exists(GROUP))
service.add_user_to_group("a", "bob")
service.remove_user_from_all_groups("bob")
check("remove_user_from_all_groups", not service.group_exists("a"))
if hasattr(service, "remove_connection_from_all_groups"):
    service.add_connection_to_group("a", alice.id)
    service.remove_connection_from_all_groups(alice.id)
    service.remove_connection_from_all_groups("nobody")
    check("remove_connection_from_all_groups", not service.group_exists("a"))

# Existence.
check("connection_exists", service.connection_exists(alice.id) and not service.connection_exists("nobody"))
check("user_exists", service.user_exists("alice") and not service.user_exists("nobody"))
try:
    service.add_connection_to_group("a", "nobody")
except ResourceNotFoundError as error:
    headers = error.response.headers
    check("add a connection that is not there", headers["x-ms-error-code"] == "Error.Connection.NotExisted")

# Permissions.
allowed = [service.has_permission("joinLeaveGroup", alice.id, target_name=name) for name in ("alice-only", "other")]
check("has_permission", allowed == [True, False])
service.grant_permission("joinLeaveGroup", alice.id, target_name="other")
check("grant_permission", service.has_permission("joinLeaveGroup", alice.id, target_name="other"))
check("a granted join", alice.ask(type="joinGroup", group="other", ackId=1)["success"])
service.revoke_permission("joinLeaveGroup", alice.id, target_name="other")
check("revoke_permission", not service.has_permission("joinLeaveGroup", alice.id, target_name="other"))
refused = alice.ask(type="leaveGroup", group="other", ackId=2)
check("a revoked leave", refused["error"]["name"] == "Forbidden")

# Filters.
if hasattr(service, "remove_connection_from_all_groups"):
    service.send_to_all("filtered", content_type="text/plain", filter="userId eq 'alice'")
    check("filter", alice.take()["data"] == "filtered")
    try:
        service.send_to_all("x", content_type="text/plain", filter="invalid filter")
        check("an invalid filter is refused", False)
    except HttpResponseError as error:
        wanted = "Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')"
        check("an invalid filter is refused", error.status_code == 400 and wanted in error.response.text())

# Pages.
if hasattr(service, "list_connections"):
    members = [Client(user_id=f"user {n}", groups=["pages"]) for n in range(6)]
    for options, sizes in (
        ({"maxpagesize": 2, "top": 5}, [2, 2, 1]),
        ({"maxpagesize": 2}, [2, 2, 2]),
        ({"top": 3}, [3]),
    ):
        pages = [list(page) for page in service.list_connections(group="pages", **options).by_page()]
        check(f"list_connections {options}", [len(page) for page in pages] == sizes)
    every = [one for page in service.list_connections(group="pages").by_page() for one in page]
    ids = [getattr(one, "connection_id", None) or one["connectionId"] for one in every]
    check("list_connections lists all", sorted(ids) == sorted(member.id for member in members))
    for member in members:
        member.close()

# Ends.
extra = [Client(user_id="many") for _ in range(2)]
service.add_user_to_group("closing", "many")
service.close_group_connections("closing", excluded=[extra[1].id], reason="over")
gone = extra[0].take()
check("close_group_connections", (gone["event"], gone["message"]) == ("disconnected", "over"))
check("close code", extra[0].take() == ("closed", 1000))
service.close_user_connections("many")
check("close_user_connections", extra[1].take()["event"] == "disconnected")
service.close_connection(bob.id, reason="bye")
check("close_connection", bob.take()["message"] == "bye")
service.close_connection("nobody")
simple = Client(protocol=None, user_id="simple")
service.send_to_user("simple", {"a": 1})
check("a simple client gets bare JSON", json.loads(simple.take()) == {"a": 1})
service.close_all_connections(reason="all")
check("close_all_connections", alice.take()["message"] == "all" and simple.take() == ("closed", 1000))

# A token for the other key, and no token at all.
try:
    wrong = connection_string.replace("ABCDEFGH", "HGFEDCBA")
    WebPubSubServiceClient.from_connection_string(wrong, hub=HUB, retry_total=0).send_to_all({"a": 1})
    check("a wrong key is refused", False)
except HttpResponseError as error:
    check("a wrong key is refused", error.status_code == 401)
print("done", flush=True)
