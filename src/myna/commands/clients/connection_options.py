"""The options by which `myna pub` and `myna sub` find a broker and introduce themselves, named as mosquitto's are.

Turns them into an Address and an Introduction. Whatever is wrong with them is said here, as ValueError, before anything
is opened.
"""

import argparse
import os
import secrets
from dataclasses import dataclass
from typing import Final

from myna.client.address import DEFAULT_PORTS, Address, Tls, Url, parse_url
from myna.client.client import Introduction
from myna.commands.clients.property_options import PropertySets, add_property_option
from myna.commands.numbers import above_zero
from myna.wire.packets import MQTT_3_1, MQTT_3_1_1, MQTT_5, Will
from myna.wire.properties import Properties
from myna.wire.topics import check_topic

FOR_EVER: Final = 4_294_967_295  # a session that does not expire  [§3.1.2.11.2]
_VERSIONS: Final = {
    MQTT_3_1: ("31", "3.1", "3", "mqttv31"),
    MQTT_3_1_1: ("311", "3.1.1", "4", "mqttv311"),
    MQTT_5: ("5", "5.0", "mqttv5"),
}
LEVELS: Final = {name: level for level, names in _VERSIONS.items() for name in names}


@dataclass(frozen=True)
class Approach:
    """Where to connect, and as whom."""

    address: Address
    introduction: Introduction
    properties: PropertySets
    topic: str | None  # from a URL


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("broker")
    where.add_argument("-h", "--host", help="host name or address (localhost)")
    where.add_argument("-p", "--port", type=int, help="port (1883, with TLS 8883)")
    where.add_argument("-L", "--url", help="mqtt(s)://user:password@host:port/topic, ws(s)://host:port/path or unix://")
    where.add_argument("--unix", metavar="PATH", help="a unix socket")
    who = parser.add_argument_group("client")
    who.add_argument("-V", "--protocol-version", default="5", choices=list(LEVELS), metavar="5|311|31", help="MQTT (5)")
    who.add_argument("-i", "--id", help="client id (myna- and something random)")
    who.add_argument("-I", "--id-prefix", help="client id: this and the process id")
    who.add_argument("-u", "--username", help="user name")
    who.add_argument("-P", "--pw", "--password", dest="password", help="password")
    who.add_argument("-k", "--keepalive", type=int, default=60, metavar="SECONDS", help="keep alive (60)")
    who.add_argument(
        "-c",
        "--disable-clean-session",
        dest="persistent",
        action="store_true",
        help="persistent session: needs an id; kept for ever unless -x says otherwise",
    )
    who.add_argument("-x", "--session-expiry-interval", type=int, metavar="SECONDS", help="keep the session so long")
    who.add_argument("--connect-timeout", type=above_zero, default=10.0, metavar="SECONDS", help="patience (10)")
    add_property_option(who)
    will = parser.add_argument_group("will")
    will.add_argument("--will-topic", metavar="TOPIC", help="where the broker tells that we were lost")
    will.add_argument("--will-payload", default="", metavar="TEXT", help="what it says (nothing)")
    will.add_argument("--will-qos", type=int, choices=(0, 1, 2), default=0, help="quality of service (0)")
    will.add_argument("--will-retain", action="store_true", help="retain it")
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--cafile", metavar="FILE", help="trust the authorities in this file; switches TLS on")
    tls.add_argument("--capath", metavar="DIR", help="trust the authorities in this folder; switches TLS on")
    tls.add_argument("--cert", metavar="FILE", help="our certificate")
    tls.add_argument("--key", metavar="FILE", help="its private key")
    tls.add_argument(
        "--insecure", action="store_true", help="do not check the host name; without --cafile nor the rest"
    )
    tls.add_argument("--tls", "--tls-use-os-certs", action="store_true", help="TLS, with the system's authorities")


def approach(args: argparse.Namespace) -> Approach:
    """Raises ValueError with a text for the user."""
    level = LEVELS[args.protocol_version]
    properties: PropertySets = args.property
    if properties and level < MQTT_5:
        raise ValueError("-D: properties are MQTT 5's; leave -V out")
    url = _url(args)
    introduction = Introduction(
        level,
        _client_id(args),
        not args.persistent,
        _within(args.keepalive, 65_535, "-k"),
        args.username if args.username is not None else url.user_name,
        _password(args.password if args.password is not None else url.password),
        _will(args, properties),
        _connect_properties(args, level, properties),
    )
    if level < MQTT_5 and introduction.password is not None and introduction.user_name is None:
        raise ValueError("a password without a user name (-u) is for MQTT 5 only")  # [MQTT-3.1.2-22] of 3.1.1
    return Approach(url.address, introduction, properties, url.topic)


def _url(args: argparse.Namespace) -> Url:
    tls = Tls(args.cafile, args.capath, args.cert, args.key, args.insecure)
    if args.key and not args.cert:
        raise ValueError("--key: a key belongs to a certificate, name it with --cert")
    wants_tls = args.tls or tls != Tls()
    if args.url is not None:
        if args.host is not None or args.port is not None or args.unix is not None:
            raise ValueError("-L says where the broker is: leave -h, -p and --unix out")
        url = parse_url(args.url, tls)
        if wants_tls and url.address.tls is None:
            raise ValueError(f"{url.address.scheme}:// has no TLS; write mqtts:// or wss://")
        return url
    if args.unix is not None:
        if wants_tls or args.host is not None or args.port is not None:
            raise ValueError("--unix: a socket of this machine has neither host nor port nor TLS")
        return Url(Address("unix", "localhost", 0, args.unix))
    secure = wants_tls or args.port == DEFAULT_PORTS["mqtts"]
    scheme = "mqtts" if secure else "mqtt"
    port = _within(args.port or DEFAULT_PORTS[scheme], 65_535, "-p")
    return Url(Address(scheme, args.host or "localhost", port, tls=tls if secure else None))


def _client_id(args: argparse.Namespace) -> str:
    if args.id is not None:
        return str(args.id)
    if args.id_prefix is not None:
        return f"{args.id_prefix}{os.getpid()}"
    if args.persistent:
        raise ValueError("-c: a session that is to be found again needs a client id, give one with -i")
    return f"myna-{secrets.token_hex(4)}"  # short enough for MQTT 3.1, which allows 23 characters


def _password(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


def _will(args: argparse.Namespace, properties: PropertySets) -> Will | None:
    if args.will_topic is None:
        if args.will_payload or args.will_qos or args.will_retain or "will" in properties:
            raise ValueError("a will needs --will-topic")
        return None
    if not check_topic(args.will_topic):
        raise ValueError(f"--will-topic {args.will_topic!r}: a topic has no wildcards and is not empty")
    payload = args.will_payload.encode("utf-8", "surrogateescape")
    return Will(args.will_topic, payload, args.will_qos, args.will_retain, properties.get("will"))


def _connect_properties(args: argparse.Namespace, level: int, sets: PropertySets) -> Properties | None:
    given = sets.get("connect")
    expiry = args.session_expiry_interval
    if level < MQTT_5:
        if expiry is not None:
            raise ValueError("-x: how long a session is kept can be said in MQTT 5 only")
        return None
    if expiry is None and args.persistent and (given is None or given.session_expiry < 0):
        expiry = FOR_EVER
    if expiry is not None:
        given = given if given is not None else Properties()
        given.session_expiry = FOR_EVER if expiry == -1 else _within(expiry, FOR_EVER, "-x")
    return given


def _within(value: int, largest: int, option: str) -> int:
    if not 0 <= value <= largest:
        raise ValueError(f"{option} {value}: from 0 to {largest}")
    return value
