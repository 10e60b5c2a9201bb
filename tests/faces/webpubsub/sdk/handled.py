"""azure-messaging-webpubsubclient in a hub whose events a back end handles. Arguments: connection string.

Run by the SDK's own Python.
"""

import queue
import sys

from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)
from azure.messaging.webpubsubservice import WebPubSubServiceClient

service = WebPubSubServiceClient.from_connection_string(sys.argv[1], hub="chat", retry_total=0)


def talk(protocol, user):
    credential = WebPubSubClientCredential(lambda: service.get_client_access_token(user_id=user)["url"])
    client = WebPubSubClient(credential, protocol_type=protocol, message_retry_total=0)
    messages = queue.Queue()
    client.subscribe(CallbackType.SERVER_MESSAGE, lambda event: messages.put(event.data))
    with client:
        client.send_event("move", {"x": 1}, WebPubSubDataType.JSON)
        assert messages.get(timeout=60) == {"echo": {"x": 1}}
        client.send_event("say", "hi", WebPubSubDataType.TEXT)
        assert messages.get(timeout=60) == "echo hi"
        told = ""
        try:
            client.send_event("fail", "x", WebPubSubDataType.TEXT)
        except SendMessageError as error:
            told = error.error_detail.name
        assert told == "InternalServerError"
    print("ok", user)


talk(WebPubSubProtocolType.JSON, "py-json")
talk(WebPubSubProtocolType.JSON_RELIABLE, "py-reliable")
print("done")
