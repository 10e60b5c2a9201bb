"""What the causes of drops and refusals mean, and what to do about them.

A cause is a word of its own or `what:reason`, and the reason one of MQTT's. What a newcomer gets wrong: a cause that
nobody has explained is shown all the same, for counters are never hidden.
"""

from typing import Final

DROPPED: Final = {
    "qos0_offline": "QoS 0 for a client that was away; queue_qos_0 keeps it for persistent sessions",
    "qos0_slow_reader": "QoS 0 for a client that takes less than it is sent; see output_high_water",
    "queue_full": "the session's queue was full: queue_messages, queue_bytes, queue_policy",
    "expired": "its Message Expiry Interval passed before the client came for it",
    "larger_than_client_accepts": "larger than the Maximum Packet Size that the client gave",
    "process_memory": "the unsent bytes of all connections had reached output_memory",
    "guarded": "the API that keeps this topic space did not let the receiver have it",
    "undeliverable_name": "its topic is no legal MQTT name, and the receiver speaks MQTT",
    "fanout_limit": "it was wanted by more than group_fanout, persistent_fanout or persistent_fanout_bytes allow",
    "quota": "the receiver's tenant has used up its quota",
    "not_permitted": "whoever left it as a will is not allowed to publish it any more",
    "webpubsub_notification": "an event handler was away for too long, or too many waited; the log says which and why",
    "http_reply_too_late": "a reply to an HTTP request came when nobody waited for it any more",
}

REFUSED: Final = {
    "accept:address_connections": "an address above connections_per_address",
    "accept:half_open": "a connection while half_open others had not said who they are",
    "accept:handshakes": "a connection while too many others were in their TLS handshake",
    "accept:proxy": "a connection through proxy_protocol without its header, or from an address that is not trusted",
    "accept:sockets": "a connection while as many of any kind as there may be were open: sockets, ulimit -n",
    "accept:tls": "a connection that never got through TLS; the log says why, but for those that only knock",
    "administrator_token": "a request to the administration or /metrics without the right token",
    "topic_banned": "a call for events, or to publish them, from an address that is banned in the tenant",
    "topic_key": "a call for events of a topic, or to publish to it, without one of its keys",
    "administrator_throttled": "too many wrong administrator's tokens from one address; it has to wait",
    "banned": "connections ended by a new ban",
    "http:banned": "HTTP requests from an address that is banned in all tenants",
    "connect_timeout": "a connection that sent no CONNECT within connect_timeout",
    "first_packet_not_connect": "a connection whose first packet was no CONNECT: not MQTT, perhaps TLS on a plain port",
    "guarded_topic": "a publish to a topic space that an API keeps for itself",
    "flapping": "a client that came and went so often that it was banned: flapping_connects",
    "credentials:withdrawn": "a connection ended because what had let it in was taken back; the log says what",
    "login:address_waits": "a login from an address where many names have failed: login_failures, login_wait",
    "login:answered_late": "a login by a name that is guessed from everywhere: login_failures_per_name",
    "login:failed": "credentials that were no good",
    "login:name_waits": "a login by a name that has failed too often from this address: login_failures, login_wait",
    "call:access_token": "a Web PubSub REST call without a good token; the log says what is wrong with it",
    "call:oidc_token": "a Web PubSub REST call whose token of an identity provider is no good; the log says why",
    "check_name": "a permission that was not asked for: no HTTP header can hold the tenant's or user's name",
    "check_overload": "a permission that was not asked for: too many questions of [rules.check] are under way",
    "check_unanswered": "a permission that was asked for by [rules.check], without an answer",
    "process_connect_rate": "a CONNECT above connects_per_second in [protection]",
    "tenant_connect_rate": "a CONNECT above the tenant's limit",
    "publish_rate": "a client above publishes_per_second",
    "retained_limit": "more or larger than retained_messages, _bytes or _size, or than retained_memory, allow",
    "subscription_ended": "a subscription that the rules no longer allow",
    "topic_invalid": "a topic that is no legal name, or longer or deeper than the tenant's limits",
    "webpubsub_event_without_handler": "a Web PubSub event that no event handler takes",
    "webpubsub_malformed": "a Web PubSub client sent what its subprotocol does not know",
    "webpubsub_recovery": "a reliable Web PubSub client came back too late, or with a wrong token",
    "webpubsub_send_without_permission": "a Web PubSub client without the role for it",
    "webpubsub_send:throughput": "a Web PubSub REST call above what the tenant's publishers may do together",
    "webpubsub_slow_client": "a Web PubSub client that takes, or acknowledges, less than it is sent",
}

AREAS: Final = {
    "connect": "CONNECT refused",
    "webhook": "a webhook that says who clients are could not be asked",
    "publish": "PUBLISH refused",
    "subscribe": "SUBSCRIBE refused",
    "unsubscribe": "UNSUBSCRIBE refused",
    "protocol": "a connection ended for breaking the protocol",
    "accept": "a connection refused at the door",
    "call": "an HTTP call refused for who makes it",
    "credentials": "a client sent away for who it is, or is no longer",
    "bifromq": "a call of BifroMQ's API refused",
    "eventgrid": "a call of Event Grid's API refused for who makes it",
    "webpubsub_rest": "a call of Web PubSub's REST API refused",
    "join": "joining a group refused",
    "devicehive": "a DeviceHive request refused",
    "quota": "a tenant's quota is used up",
    "bifromq_settings": "a tenant's settings could not be had from BifroMQ's webhook",
    "bifromq_throttler": "a tenant's quota could not be had from BifroMQ's webhook",
    "webpubsub_event": "an event of a Web PubSub client failed at its handler",
    "webpubsub_invocation": "an invocation of a Web PubSub client failed",
    "webpubsub_stream": "a Web PubSub client's stream refused or ended",
    "webpubsub_connect": "a Web PubSub client not admitted, with this HTTP status",
    "webpubsub_request": "a Web PubSub client's request refused",
}


def explain(cause: str, known: dict[str, str]) -> str:
    if cause in known:
        return known[cause]
    area, colon, why = cause.partition(":")
    return f"{AREAS[area]}: {why.replace('_', ' ')}" if colon and area in AREAS else cause.replace("_", " ")
