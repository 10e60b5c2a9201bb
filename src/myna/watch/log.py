"""One line for each client that comes or goes, and for each thing that was refused: what, who, from where, why, and
what to do.

A client that is refused a thousand times a second gets a few lines and then one that counts the rest. What a newcomer
gets wrong: nothing here is called per message, unless a tenant asks for it; and what a client sent as password or token
never gets here.
"""

import logging
from typing import Final

from myna.core.message import Message
from myna.core.ports import LOST, Watcher
from myna.core.receiver import Receiver
from myna.core.session import Session
from myna.watch.lines import say
from myna.wire.packets import MQTT_3_1, MQTT_3_1_1, MQTT_5
from myna.wire.reasons import reason_name

log = logging.getLogger("myna.clients")

PER_SECOND: Final = 5  # lines of one kind
KINDS: Final = 256  # told apart within a second; beyond, they count as one
VERSIONS: Final = {MQTT_3_1: "3.1", MQTT_3_1_1: "3.1.1", MQTT_5: "5"}

# Words of what no client may do, whatever its settings and ours.
BREACHES: Final = (
    "first byte 0x", "in a subscription", "longer than needed", "longer than two", "more than four bytes",
    "only a server sends", "second CONNECT", "cannot be extended", "from a client", "bytes behind", "ill-formed UTF-8",
    "non-character", "empty topic", "on a shared subscription", "before CONNACK", "ends inside", "identifier 0",
    "with a body", "go on past", "reserved ", "is not a topic name", "retain handling", "wildcard in a topic name",
    "will QoS ", "at QoS ", "before PUBREC", "does not belong in", "appears twice", "AUTH out of turn",
    "without the method", "without a method", "without a filter", "without a code", "without a user name",
)  # fmt: skip
BREACH: Final = "the client breaks the rules of MQTT: mend or update it"

# What to do about a refusal, by words of its cause. The first that fits is taken.
HINTS: Final = (
    ("banned", "lift the ban, if it was not meant for this one"),
    ("administrator's token", "it is in the data folder, admin-token.key, unless [administration] says another"),
    ("certificate is not accepted", "client_ca must know who signed it, and crl must not name it"),
    ("trust our certificate", "give the client the CA that signed the certificate in [tls]"),
    ("where TLS is spoken", "use https:// and wss:// there"),
    ("another access key", "compare the AccessKey it was made with with those of [faces.webpubsub]"),
    ("audience is another address", "aud must be the URL that is called, or that of the hub"),
    ("audience is another host", "add that host to `hosts` of [faces.webpubsub], or leave `hosts` out"),
    ("is no access token", "bring ?access_token= or Authorization: Bearer; a hub may also be anonymous"),
    ("to be recovered is over", "it was away for longer than `retention`, or the broker has been restarted"),
    ("does not allow calls from", "OPTIONS must be answered with WebHook-Allowed-Origin: * or this host, see `hosts`"),
    ("asked whether it may be called", "OPTIONS, or GET, must be answered with 2xx and WebHook-Allowed-Origin"),
    ("the handler must not be called", "start it, or correct the hub's url_template"),
    ("no turn within", "raise `calls` of the hub, or make its handler quicker"),
    ("did not answer within", "make it quicker, or raise the timeout where it is named"),
    ("the handler answered", "its own log should say why"),
    ("the handler's answer:", "docs/faces/webpubsub.md says what it may be"),
    ("no success in", "it was away for too long; the event is lost"),
    ("reads too slowly", "it must read faster; unsent_bytes of [faces.webpubsub] is what it may leave unread"),
    ("too much unacknowledged", "see unacknowledged_messages and unacknowledged_bytes of [faces.webpubsub]"),
    ("reconnection token", "it belongs to another connection or another process; the client must connect anew"),
    ("token is meant for another audience", "compare the token's aud with `audiences` of its issuer"),
    ("token has expired", "the client must get a new one; if it is new, compare the clocks"),
    ("token is not valid yet", "compare the clocks; `leeway` of the issuer says how much they may differ"),
    ("credentials have expired", "the client must renew its token before, by AUTH, or connect again"),
    ("token's issuer is not known", "name it in [[access.jwt.issuers]]"),
    ("cannot be fetched now", "the log's warnings about the keys say why"),
    ("another client id", "`client_id_claim` of the issuer binds the token to one; connect by that id"),
    ("another user name", "`user_name_claim` of the issuer binds the token to one; connect by that name"),
    ("is no longer good", "it was taken out of the file or the list of keys"),
    ("is no longer known", "its entry was taken out of the password file"),
    ("connect again", "what the client showed has changed here; it comes back with the new"),
    ("no longer trusted", "client_ca no longer has who signed it, or crl names it"),
    ("no longer listed", "[access] names other authenticators than when this client came in"),
    ("no longer among", "its issuer has given the key up; the client needs a new token"),
    ("the token", "what it must say and who must sign it is in the settings of its issuer"),
    ("no key here fits", "compare the token's kid and alg with the keys and `algorithms` of its issuer"),
    ("signature is wrong", "it was signed with another key than those of its issuer"),
    ("the webhook", "the log has why; `timeout`, `concurrent` and `waiting` bound how it is asked"),
    ("no authenticators", "list some under [access], see `myna check`"),
    ("no authenticator knows", "check the user name, or which authenticators [access] lists for this endpoint"),
    ("bad user name or password", "check the credentials"),
    ("wrong user name or password", "`myna passwd -f FILE verify NAME` tells which, `list` shows the names"),
    ("passwords wait", "somebody tries many, or raise hash_queue and hash_threads in [access.passwords]"),
    ("is disabled", "`myna passwd -f FILE change NAME --enable`, or `disabled` of what knows this client"),
    ("the certificate", "compare with name_fields, allowed and fingerprints of [access.certificate]"),
    ("no credentials", "a caller sends Authorization or x-api-key; see docs/access.md"),
    ("SCRAM-SHA-256:", "the client breaks the rules of RFC 5802; an extension or channel binding is not known here"),
    ("does not have permission", "give its token a role for that; sending and joining can be granted by REST as well"),
    ("unsupported protocol version", "the tenant's `levels` do not include this version"),
    ("larger than", "raise packet_size in [limits], or send less"),
    ("packet too large", "raise packet_size in [limits], or send less"),
    *((words, BREACH) for words in BREACHES),
    ("protocol name", "what came is no MQTT, or a version that nobody speaks"),
    (" level ", "the client speaks a version of MQTT that is not spoken here: 3.1, 3.1.1 and 5 are"),
    ("filters in one packet", "raise filters_per_subscribe in [limits]"),
    ("topic alias", "the client used an alias it had not announced, or above topic_alias_maximum"),
    ("topic", "compare with topic_length, topic_levels and level_length in [limits]"),
    ("failed logins", "wait, or see login_failures in [protection]"),
    ("not retained", "raise the limits of retained messages in [limits]"),
    ("to this server", "raise connections or connects_per_second in [protection]"),
    ("on this server", "raise sessions in [protection]"),
    ("of this address", "raise connections_per_address in [protection], if this is no attack"),
    ("have not said who they are", "raise half_open in [protection], if this is no attack"),
    ("in their handshake", "many connections begin TLS and do not end it"),
    ("trusted proxy", "list it in trusted_proxies of [protection], or switch proxy_protocol off for this listener"),
    ("PROXY header", "let the proxy send the PROXY protocol, or switch proxy_protocol off for this listener"),
    ("flapping", "see whether two programs use its client id, or raise flapping_connects in [protection]"),
    ("drops too often", "see whether two programs use its client id, or raise flapping_connects in [protection]"),
    ("keep-alive of", "the client must ask for one within the bounds, see keep_alive_refused_3 in [limits]"),
    ("connections of the", "raise connections or connections_per_user in [limits]"),
    ("connects of the tenant", "raise connects_per_second in [limits]"),
    ("subscribe rate", "raise subscribes_per_second or tenant_subscribes_per_second in [limits]"),
    ("Total", "a webhook for quotas says that the tenant may use no more of it"),
    ("sessions of this client", "raise sessions_per_name in [faces.eventgrid], or what the namespace says of it"),
    ("too many sessions", "raise sessions in [limits]"),
    ("belongs to somebody else", "another client id, or this one once the session of its owner has ended"),
    ("queue is full", "raise queue_messages or queue_bytes in [limits], or choose another queue_policy"),
    ("quota exceeded", "raise the limit it names in [limits]"),
    ("rate", "raise publishes_per_second in [limits]"),
    ("receive maximum", "the client sends more before it is acknowledged than it was told it may"),
    ("retain", "retain_available is off for this tenant"),
    ("wildcard", "wildcards_available is off for this tenant"),
    ("shared", "shared_available is off for this tenant"),
    ("QoS", "maximum_qos is lower for this tenant"),
    ("not authorized", "`myna check --may` says which of [rules] does not allow it; $SYS is the broker's own"),
)


class LogWatcher(Watcher):
    """`flush` is called once a second, and writes how many lines were left out."""

    def __init__(self, *, connections: bool = True) -> None:
        super().__init__()
        self.connections = connections
        self._counts: dict[tuple[str, str], int] = {}  # of this second

    def connected(self, receiver: Receiver, address: str, now: float) -> None:
        if self.connections and self._may_say("clients connected", ""):
            tenant, _, client_id = receiver.key
            user = receiver.identity.user
            say(
                log, logging.INFO, "client connected",
                client=client_id, tenant=tenant, user=user, address=address, protocol=_protocol(receiver),
            )  # fmt: skip

    def disconnected(self, receiver: Receiver, reason: int, by_client: bool, now: float) -> None:
        if self.connections and self._may_say("clients disconnected", ""):
            tenant, _, client_id = receiver.key
            by = "client" if by_client else "broker"
            why = "" if reason == 0 else "connection lost" if reason == LOST else reason_name(reason)
            say(log, logging.INFO, "client disconnected", client=client_id, tenant=tenant, by=by, why=why)

    def published(self, tenant: str, message: Message, matched: bool, now: float) -> None:
        """Every message of a tenant with `messages_logged`; none is left out, that is what it was switched on for."""
        say(
            log, logging.INFO, "message published",
            tenant=tenant, topic=message.topic, qos=message.qos, retain=message.retain, size=len(message.payload),
            matched=matched, source=message.origin.source, client=message.origin.client_id,
        )  # fmt: skip

    def refused(
        self, what: str, tenant: str, client_id: str, address: str, cause: str, now: float, user: str = ""
    ) -> None:
        if self._may_say(what.removeprefix("a ").partition(" ")[0], cause):
            say(
                log, logging.WARNING, f"refused: {what}",
                cause=cause, client=client_id, tenant=tenant, user=user, address=address, fix=find_hint(cause),
            )  # fmt: skip

    def flush(self, now: float) -> None:
        """A second is over."""
        counts = self._counts
        if not counts:
            return
        self._counts = {}
        for (kind, cause), count in counts.items():
            if count <= PER_SECOND:
                continue
            if cause or not kind.startswith("clients"):
                say(log, logging.WARNING, f"refused: {kind}, {count - PER_SECOND:,} more within a second", cause=cause)
            else:
                say(log, logging.INFO, f"{kind}: {count - PER_SECOND:,} more within a second")

    def _may_say(self, kind: str, cause: str) -> bool:
        counts = self._counts
        key = (kind, cause)
        count = counts.get(key)
        if count is None:
            if len(counts) >= KINDS:
                key = ("various", "various causes")
                count = counts.get(key, 0)
            else:
                count = 0
        counts[key] = count + 1
        return count < PER_SECOND


def find_hint(cause: str) -> str:
    return next((hint for words, hint in HINTS if words in cause), "")


def _protocol(receiver: Receiver) -> str:
    link = receiver.link if isinstance(receiver, Session) else None
    if link is None:
        return receiver.dialect()
    return f"MQTT {VERSIONS.get(link.level, '')}".strip()
