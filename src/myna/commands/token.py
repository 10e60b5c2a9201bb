"""`myna token`: tokens for clients and callers, signed with keys that a configuration or a file holds.

What a newcomer gets wrong: a secret is never an argument, for every user of the machine can see those. It comes from a
file, from standard input (`-`), or from the configuration.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from myna.commands.exits import DONE, USAGE, say

if TYPE_CHECKING:
    from myna.config import Config

NAME: Final = "token"
HELP: Final = "make tokens for clients: of Web PubSub, for the authenticator jwt, of Event Grid"
EPILOG: Final = """\
examples:
  myna token webpubsub --hub chat --user alice                    the address to open a WebSocket with
  myna token webpubsub --hub chat --user alice --mqtt             … an MQTT client
  myna token webpubsub --hub chat --role webpubsub.sendToGroup --group room-1 --expires 8h
  myna token webpubsub --hub chat --connection-string-file azure.txt --token-only
  myna token jwt -c myna.toml --user alice                        for the issuer of [access.jwt] that has a secret
  myna token jwt --key private.pem --issuer https://login.example --audience broker --user alice --claim tenant=acme
  mosquitto_pub -u alice -P "$(myna token jwt -c myna.toml --user alice)" -t hello -m world
  myna token eventgrid                                            for a broker in development mode
  curl -H "Authorization: Bearer $(myna token eventgrid)" 'localhost:8080/mqtt/messages?topic=a' -d hello

Without -c the keys are those of development mode. What was signed cannot be taken back before it expires.

exit codes:
  0  done      1  wrong usage or configuration      2  there is no key, or it cannot be used
"""

UNUSABLE: Final = 2
HOUR: Final = 3600.0
HTTP: Final = ("http", "https")


class _Unusable(Exception):
    """A file, or what is in it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("webpubsub", "jwt", "eventgrid"), help="what it is for")
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration, TOML; without one: development mode")
    parser.add_argument("--data", metavar="DIR", help="folder for all that must survive (./myna-data)")
    parser.add_argument("--user", default="", help="whom it names; Event Grid: client and authentication name")
    parser.add_argument("--expires", metavar="TIME", type=_duration, default=HOUR, help='"90 s", "8h"; an hour')
    parser.add_argument("--audience", metavar="AUD", action="append", default=[], help="jwt, eventgrid: the claim aud")
    parser.add_argument(
        "--claim", metavar="NAME=VALUE", action="append", type=_claim, default=[], help="another; JSON where it is JSON"
    )
    hub = parser.add_argument_group("webpubsub")
    hub.add_argument("--hub", default="", help="the hub")
    hub.add_argument("--role", metavar="ROLE", action="append", default=[], help="webpubsub.sendToGroup.room-1 …")
    hub.add_argument("--group", metavar="GROUP", action="append", default=[], help="joined when it connects")
    hub.add_argument("--mqtt", dest="for_mqtt", action="store_true", help="for an MQTT client")
    hub.add_argument("--endpoint", metavar="URL", default="", help="http(s)://HOST:PORT, as clients see it")
    hub.add_argument("--connection-string-file", metavar="FILE", help="endpoint and key from a connection string")
    hub.add_argument("--token-only", action="store_true", help="print the token without the address")
    sign = parser.add_argument_group("jwt")
    key = sign.add_mutually_exclusive_group()
    key.add_argument("--key", metavar="FILE", help="sign with a private key, PEM")
    key.add_argument("--secret-file", metavar="FILE", help="sign with a shared secret; - is standard input")
    sign.add_argument("--algorithm", default="", help="by the kind of the key, unless said: RS256, ES256, EdDSA, HS256")
    sign.add_argument("--kid", default="", help="the key's id")
    sign.add_argument("--issuer", default="", help="the claim iss; with -c which issuer of the configuration")
    sign.add_argument("--tenant", default="", help="with -c: for the issuer's tenant_claim")
    sign.add_argument("--client-id", default="", help="with -c: for the issuer's client_id_claim")
    sign.add_argument("--user-name", default="", help="with -c: for the issuer's user_name_claim")


def run(args: argparse.Namespace) -> int:
    from myna.app.tokens import CannotSign
    from myna.commands.serve import complain, read_configuration
    from myna.config import ConfigError

    try:
        for line in _KINDS[args.kind](args, read_configuration(args).config):
            print(line)
    except ConfigError as error:
        return complain(NAME, error.problems, USAGE)
    except (CannotSign, _Unusable) as error:
        return say(UNUSABLE, f"myna {NAME}: {error}")
    except argparse.ArgumentTypeError as error:
        return say(USAGE, f"myna {NAME}: {error}")
    return DONE


def _web_pub_sub(args: argparse.Namespace, config: "Config") -> list[str]:
    from myna.app import tokens

    if not args.hub:
        raise argparse.ArgumentTypeError("of which hub? Give --hub NAME")
    if args.connection_string_file:
        endpoint, key = _connection_string(_text(args.connection_string_file))
        endpoint = args.endpoint or endpoint
    else:
        endpoint, key = args.endpoint or tokens.http_address(config), tokens.access_key(config)
    if urlsplit(endpoint).scheme not in HTTP:
        raise argparse.ArgumentTypeError(f"{endpoint} is no address: http://HOST:PORT or https://HOST:PORT")
    claims = {"sub": args.user, "role": args.role, "webpubsub.group": args.group, **dict(args.claim)}
    kind = "mqtt" if args.for_mqtt else "websocket"
    made = tokens.client_token(key, endpoint.rstrip("/"), args.hub, kind, claims, args.expires, time.time())
    return [made.token if args.token_only else made.url]


def _jwt(args: argparse.Namespace, config: "Config") -> list[str]:
    from myna.app import tokens

    now = time.time()
    claims: dict[str, Any] = {"iat": int(now), "exp": int(now + args.expires)}
    if not args.user:
        raise argparse.ArgumentTypeError("for whom? Give --user NAME")
    secret = b""
    if args.key or args.secret_file:
        claims |= {"sub": args.user}
    else:
        issuer = tokens.jwt_issuer(config, args.issuer)
        secret = issuer.secret.encode()
        claims |= tokens.claims_for(
            issuer,
            user=args.user,
            tenant=args.tenant,
            client_id=args.client_id,
            user_name=args.user_name,
            also=[name for name, _ in args.claim],
        )
    if args.issuer:
        claims["iss"] = args.issuer
    if args.audience:
        claims["aud"] = args.audience if len(args.audience) > 1 else args.audience[0]
    for name, value in args.claim:
        claims[name] = value
    if args.key:
        return [tokens.sign_file(claims, _bytes(args.key), args.algorithm, args.kid)]
    if args.secret_file:
        secret = _text(args.secret_file).encode()
    return [tokens.sign_secret(claims, secret, args.algorithm, args.kid)]


def _event_grid(args: argparse.Namespace, config: "Config") -> list[str]:
    from myna.app import tokens

    claims = dict(args.claim)
    return [tokens.event_grid_token(config, args.user, args.audience, claims, args.expires, time.time())]


_KINDS: Final = {"webpubsub": _web_pub_sub, "jwt": _jwt, "eventgrid": _event_grid}


def _connection_string(text: str) -> tuple[str, str]:
    """Endpoint=…;AccessKey=…;Version=1.0; in any order; an own port as the SDKs know it."""
    fields = dict(part.partition("=")[::2] for part in text.strip().split(";") if "=" in part)
    known = {name.strip().lower(): value.strip() for name, value in fields.items()}
    endpoint, key, port = known.get("endpoint", ""), known.get("accesskey", ""), known.get("port", "")
    if not (endpoint and key):
        raise _Unusable("the connection string lacks Endpoint or AccessKey")
    return (f"{endpoint.rstrip('/')}:{port}" if port else endpoint), key


def _bytes(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise _Unusable(f"{file}: {error.strerror}") from None


def _text(file: str) -> str:
    """Without the line's end that editors put behind it."""
    try:
        text = _bytes(file).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _Unusable(f"{file}: not UTF-8") from None
    if not text:
        raise _Unusable(f"{file}: there is nothing in it")
    return text


def _duration(text: str) -> float:
    from myna.config import Duration

    try:
        found = float(Duration.parse(float(text) if text.replace(".", "", 1).isdecimal() else text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < found < 1e10:
        raise argparse.ArgumentTypeError(f"{text}: a token is good for longer than that, and not for ever")
    return found


def _claim(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text}: a claim is written NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
