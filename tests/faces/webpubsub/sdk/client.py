"""azure-messaging-webpubsubclient against a running server: both protocols, acks, recovery through a proxy that cuts.

Arguments: connection string. Run by the SDK's own Python.
"""

import queue
import socket
import sys
import threading
from urllib.parse import urlsplit

from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)
from azure.messaging.webpubsubservice import WebPubSubServiceClient

connection_string = sys.argv[1]
service = WebPubSubServiceClient.from_connection_string(connection_string, hub="PyClientHub", retry_total=0)
target = urlsplit(dict(part.split("=", 1) for part in connection_string.split(";") if part)["Endpoint"])
EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]


class Proxy:
    """Forwards bytes until it is told to cut."""

    def __init__(self):
        self.open = True
        self.sockets = set()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            inner, _ = self.server.accept()
            if not self.open:
                inner.close()
                continue
            outer = socket.create_connection((target.hostname, target.port))
            for one, other in ((inner, outer), (outer, inner)):
                self.sockets.add(one)
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for one in list(self.sockets):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets.clear()


class Client:
    def __init__(self, protocol, proxy=None, roles=EVERYTHING, **token):
        def url():
            given = service.get_client_access_token(roles=roles, **token)["url"]
            return given if proxy is None else given.replace(f":{target.port}", f":{proxy.port}", 1)

        self.messages = queue.Queue()
        self.connected = queue.Queue()
        self.client = WebPubSubClient(
            WebPubSubClientCredential(url),
            protocol_type=protocol,
            message_retry_total=0,
            reconnect_retry_total=20,
            # It may miss what comes quicker than it begins to wait, and then waits so long in vain.
            ack_timeout=1.0,
            start_timeout=1.0,
            reconnect_retry_backoff_factor=0.05,
        )
        self.client.subscribe(CallbackType.CONNECTED, self.connected.put)
        self.client.subscribe(CallbackType.GROUP_MESSAGE, self.messages.put)
        self.client.subscribe(CallbackType.SERVER_MESSAGE, self.messages.put)
        self.client.open()
        self.id = self.connected.get(timeout=60).connection_id

    def take(self):
        return self.messages.get(timeout=60)


def check(name, passed=True):
    if not passed:
        raise AssertionError(name)
    print("ok", name, flush=True)


def error_name(call, *arguments):
    try:
        call(*arguments)
    except SendMessageError as error:
        return error.error_detail.name
    return None


for protocol in (WebPubSubProtocolType.JSON, WebPubSubProtocolType.JSON_RELIABLE):
    alice, bob = Client(protocol, user_id="alice"), Client(protocol, user_id="bob")
    alice.client.join_group("room")
    bob.client.join_group("room")
    for content, kind in (
        ("hi", WebPubSubDataType.TEXT),
        ({"a": [1, "é"]}, WebPubSubDataType.JSON),
        (memoryview(b"\x00\xff"), WebPubSubDataType.BINARY),
    ):
        alice.client.send_to_group("room", content, kind, no_echo=True)
        message = bob.take()
        check(f"{protocol} {kind}", (message.group, message.from_user_id, message.data_type) == ("room", "alice", kind))
        check(f"{protocol} {kind} data", message.data == content)
    alice.client.send_to_group("room", "echo", WebPubSubDataType.TEXT, ack=False)
    check(f"{protocol} echo", alice.take().data == "echo" == bob.take().data)
    alice.client.join_group("room", ack_id=77)
    alice.client.join_group("room", ack_id=77)
    check(f"{protocol} a duplicate ack is a success")
    bob.client.leave_group("room")
    service.send_to_user("bob", {"from": "server"})
    check(f"{protocol} from the server", bob.take().data == {"from": "server"})
    check(f"{protocol} event", error_name(alice.client.send_event, "nobody", "x", WebPubSubDataType.TEXT))
    mute = Client(protocol, user_id="mute", roles=[])
    check(f"{protocol} forbidden join", error_name(mute.client.join_group, "room") == "Forbidden")
    refused = error_name(mute.client.send_to_group, "room", "x", WebPubSubDataType.TEXT)
    check(f"{protocol} forbidden send", refused == "Forbidden")
    for one in (alice, bob, mute):
        one.client.close()

proxy = Proxy()
away = Client(WebPubSubProtocolType.JSON_RELIABLE, proxy, user_id="away")
away.client.join_group("room")
service.send_to_group("room", "before", content_type="text/plain")
check("before the cut", away.take().data == "before")
proxy.open = False
proxy.cut()
for n in range(50):
    service.send_to_group("room", {"n": n})
check("it exists while it is away", service.connection_exists(away.id))
proxy.open = True
check("recovery keeps every message, in order and once", [away.take().data["n"] for _ in range(50)] == list(range(50)))
for n in range(3):
    proxy.cut()
    service.send_to_group("room", {"n": n})
    check(f"recovery {n}", away.take().data == {"n": n})
check("still the same connection", service.connection_exists(away.id))
away.client.close()
print("done", flush=True)
