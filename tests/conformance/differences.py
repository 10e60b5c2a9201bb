"""Where we differ from the packet vectors on purpose, and by which clause."""

from typing import Final

NO_MATCH: Final = "nobody has subscribed, and MQTT 5 lets the ack say so: code 0x10 (§3.5.2.1)"
LATER: Final = "the message is routed when PUBLISH comes, not when PUBREL does: both are allowed (§4.3.3, figure 4.3)"
OWN_ANSWER: Final = "a bad filter is answered 0x80, and the others of the packet are granted (311: §3.9.3)"
SYS_TOPICS: Final = "who may publish to $ topics is a rule of the running server, and there is none in this runner"
EVERY_TIME: Final = "each repeated QoS 2 PUBLISH before PUBREL gets its PUBREC [MQTT-4.3.3-10]"

HIGHER: Final = "our maximum is higher, and CONNACK says so (§3.2.2.3.8)"

DIFFERENCES: Final = {
    "CONNECT v3.1   CONNECT: 10 proto ver 2": "levels below 3 are answered 0x01 in the old form (311: [MQTT-3.1.2-2])",
    "CONNECT v3.1.1 CONNECT: 10 proto ver 2 [MQTT-3.1.2-2]": "as above",
    "CONNECT v5.0   CONNECT EXTENDED AUTH: unsupported authentication method": "the runner's gate takes every method",
    "FLOW v5.0   FLOW: QoS 2 PUBLISH-PUBREC-PUBREL(2)-PUBCOMP": NO_MATCH,
    "FLOW v5.0   FLOW: QoS 2 PUBLISH-PUBREC-PUBREL(3)-PUBCOMP": NO_MATCH,
    "FLOW v5.0   FLOW: QoS 2 PUBLISH-PUBREC-PUBREL(4)-PUBCOMP": NO_MATCH,
    "FLOW v5.0   FLOW: QoS 2 PUBLISH-PUBREC-PUBREL(5)-PUBCOMP": NO_MATCH,
    "OTHER v3.1.1 OTHER: subpub self publish qos2": LATER,
    "OTHER v3.1.1 OTHER: subpub retain as normal qos2": LATER,
    "OTHER v5.0   OTHER: subpub self publish qos1 nolocal": NO_MATCH,
    "OTHER v5.0   OTHER: subpub self publish qos2": LATER,
    "OTHER v5.0   OTHER: subpub retain as normal qos2": LATER,
    "PUBLISH v3.1.1 PUBLISH: 34 QoS 2 Dup flow*3": EVERY_TIME,
    "PUBLISH v5.0   PUBLISH: 34 QoS 2 Dup 0": NO_MATCH,
    "PUBLISH v5.0   PUBLISH: 3C QoS 2 Dup 1": NO_MATCH,
    "PUBLISH v5.0   PUBLISH: 34 QoS 2 Dup flow*3": EVERY_TIME,
    "PUBLISH v5.0   PUBLISH: PUBLISH with $ topic - uptime": SYS_TOPICS,
    "PUBLISH v5.0   PUBLISH: PUBLISH with $ topic - connection": SYS_TOPICS,
    "PUBLISH v5.0   PUBLISH: PUBLISH with $ topic - connection/state": NO_MATCH,
    "PUBLISH v5.0   PUBLISH: PUBLISH with $ topic - share": SYS_TOPICS,
    "PUBLISH v5.0   PUBLISH ALLOWED PROPERTIES: topic alias > max topic alias": HIGHER,
    "SUBSCRIBE v3.1.1 SUBSCRIBE: 82 invalid topic": OWN_ANSWER,
    "UNSUBSCRIBE v3.1.1 UNSUBSCRIBE: A2 invalid topic": "UNSUBACK has no codes before MQTT 5; nothing was subscribed",
}
