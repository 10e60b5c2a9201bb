"""Clients that prove who they are by certificate, over HTTPS and MQTT with TLS."""

import json
import queue
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.commands.processes import serve
from tests.net.certificates import client_context, folder

PATIENCE = 60.0
FILE = """
[[mqtt]]
listen = "localhost:0"
tls = true

[[http]]
listen = "localhost:0"
tls = true

[tls]
certificate = "{folder}/server.pem"
key = "{folder}/server.key"
client_ca = "{folder}/ca.pem"
client_certificate = "optional"

[access]
mqtt = ["eventgrid-certificate"]

[server]
memory = true

[faces.eventgrid]
namespace = "{namespace}"
"""
SUBJECT = {"clientCertificateAuthentication": {"validationScheme": "SubjectMatchesAuthenticationName"}}
NAMESPACE = {
    "clients": {"one": {"properties": {"authenticationName": "Myna-1", **SUBJECT}}},
    "topicSpaces": {"own": {"properties": {"topicTemplates": ["own/${client.authenticationName}/#"]}}},
    "permissionBindings": {
        permission: {
            "properties": {"clientGroupName": "$all", "topicSpaceName": "own", "permission": permission},
        }
        for permission in ("Publisher", "Subscriber")
    },
}


def publish(url: str, topic: str, context: ssl.SSLContext) -> int:
    request = urllib.request.Request(f"{url}/mqtt/messages?topic={topic}", data=b"x", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_registered_client_s_certificate_opens_both_doors(tmp_path: Path) -> None:
    namespace, config = tmp_path / "namespace.json", tmp_path / "myna.toml"
    namespace.write_text(json.dumps(NAMESPACE))
    config.write_text(FILE.format(folder=folder(), namespace=namespace))
    with serve("-c", str(config)) as broker:
        messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        granted: queue.Queue[list[int]] = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, "session", protocol=MQTTProtocolVersion.MQTTv5)
        client.tls_set_context(client_context(certificate=True))
        client.on_message = lambda _client, _data, message: messages.put(message)
        client.on_subscribe = lambda _client, _data, _mid, codes, _more: granted.put([code.value for code in codes])
        client.connect("localhost", broker.address("mqtts")[1])
        client.loop_start()
        client.subscribe([("own/Myna-1/#", 1), ("own/#", 1)])
        assert granted.get(timeout=PATIENCE) == [1, 0x87]
        url = f"https://localhost:{broker.address('https')[1]}"
        assert publish(url, "own%2FMyna-1%2Fin", client_context(certificate=True)) == 204
        assert messages.get(timeout=PATIENCE).topic == "own/Myna-1/in"
        assert publish(url, "own%2Fanother%2Fin", client_context(certificate=True)) == 403
        assert publish(url, "own%2FMyna-1%2Fin", client_context()) == 401
        client.disconnect()
        client.loop_stop()
