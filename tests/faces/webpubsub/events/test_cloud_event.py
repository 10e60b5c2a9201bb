"""The headers of an event."""

from myna.faces.webpubsub.events.cloud_event import Happening, Source, request_headers, signature

NOW = 1_609_459_200.7  # 2021-01-01

CLIENT = Source("chat", "c1", "Zoë", "json.webpubsub.azure.v1", state="e30=")


def test_an_event_of_a_websocket_client() -> None:
    event = Happening("azure.webpubsub.user.", "move", "text/plain", b"x", (("x-extra", "1"),))
    assert dict(request_headers(CLIENT, event, 3, ["k"], "hub.example", NOW)) == {
        "WebHook-Request-Origin": "hub.example",
        "Content-Type": "text/plain",
        "ce-specversion": "1.0",
        "ce-awpsversion": "1.0",
        "ce-type": "azure.webpubsub.user.move",
        "ce-source": "/hubs/chat/client/c1",
        "ce-id": "3",
        "ce-time": "2021-01-01T00:00:00Z",
        "ce-signature": signature(["k"], "c1"),
        "ce-connectionId": "c1",
        "ce-hub": "chat",
        "ce-eventName": "move",
        "ce-userId": "Zo%C3%AB",
        "ce-subprotocol": "json.webpubsub.azure.v1",
        "ce-connectionState": "e30=",
        "x-extra": "1",
    }


def test_what_is_not_known_is_left_out() -> None:
    headers = dict(request_headers(Source("chat", "c1", "", ""), Happening("s.", "e"), 1, [], "h", NOW))
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert not {"ce-userId", "ce-subprotocol", "ce-connectionState", "ce-sessionId"} & headers.keys()


def test_mqtt_clients_have_a_physical_connection_and_but_for_connect_a_session() -> None:
    device = Source("chat", "a/b c", "", "mqtt", "p1", "s1")
    connect = dict(request_headers(device, Happening("s.", "connect"), 0, [], "h", NOW))
    assert connect["ce-source"] == "/hubs/chat/client/a%2Fb%20c/p1"
    assert (connect["ce-subprotocol"], connect["ce-physicalConnectionId"]) == ("mqtt", "p1")
    assert connect["ce-connectionId"] == "a/b c"
    assert "ce-sessionId" not in connect
    later = dict(request_headers(device, Happening("s.", "connected"), 1, [], "h", NOW))
    assert later["ce-sessionId"] == "s1"


def test_every_key_signs_the_connection_id() -> None:
    # echo -n c1 | openssl dgst -sha256 -hmac key
    digest = "6f349ae9d3b1867f9f54dd4526309d8ce16c224bec5061fee6d4039b3361c045"
    one, two = signature(["key", "other"], "c1").split(",")
    assert one == f"sha256={digest}"
    assert one != two
    assert signature(["key", ""], "c1") == one
