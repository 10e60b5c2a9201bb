import argparse
import os

import pytest

from myna.commands.clients.connection_options import FOR_EVER, Approach, add_connection_options, approach


def approached(*arguments: str) -> Approach:
    parser = argparse.ArgumentParser(add_help=False)
    add_connection_options(parser)
    return approach(parser.parse_args(list(arguments)))


def test_without_options_it_is_this_machine_by_mqtt_5() -> None:
    found = approached()
    assert str(found.address) == "localhost:1883"
    assert (found.introduction.level, found.introduction.clean_start) == (5, True)
    assert len(found.introduction.client_id) <= 23  # [MQTT-3.1.3-5] of 3.1.1


@pytest.mark.parametrize(
    ("arguments", "address", "secure"),
    [
        ("-h broker -p 1999", "broker:1999", False),
        ("--cafile ca.pem", "localhost:8883", True),
        ("--tls -p 1999", "localhost:1999", True),
        ("-p 8883", "localhost:8883", True),
        ("--unix /run/s", "/run/s", False),
        ("-L wss://broker --insecure", "broker:443/mqtt", True),
    ],
)
def test_there_are_many_ways_to_a_broker(arguments: str, address: str, secure: bool) -> None:
    found = approached(*arguments.split()).address
    assert (str(found), found.tls is not None) == (address, secure)


def test_options_count_more_than_the_url() -> None:
    found = approached("-L", "mqtt://u:p@broker", "-u", "other").introduction
    assert (found.user_name, found.password) == ("other", b"p")


def test_an_id_may_be_a_prefix() -> None:
    assert approached("-I", "worker-").introduction.client_id == f"worker-{os.getpid()}"


@pytest.mark.parametrize(
    ("arguments", "expiry"),
    [
        ("-c -i me", FOR_EVER),
        ("-c -i me -x 60", 60),
        ("-x -1", FOR_EVER),
        ("-c -i me -D connect session-expiry-interval 7", 7),
    ],
)
def test_a_persistent_session_is_kept(arguments: str, expiry: int) -> None:
    properties = approached(*arguments.split()).introduction.properties
    assert properties is not None
    assert properties.session_expiry == expiry


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("-c", "needs a client id"),
        ("-L mqtt://broker -h other", "leave -h"),
        ("-L mqtt://broker --cafile ca.pem", "has no TLS"),
        ("--unix /run/s -p 1883", "neither host nor port"),
        ("--key key.pem", "belongs to a certificate"),
        ("-V 311 -x 60", "MQTT 5 only"),
        ("-V 311 -P secret", "without a user name"),
        ("-V 31 -D connect user-property a b", "MQTT 5's"),
        ("--will-payload x", "needs --will-topic"),
        ("--will-topic a/+", "no wildcards"),
        ("-k 70000", "from 0 to 65535"),
        ("-p 70000", "from 0 to 65535"),
    ],
)
def test_options_that_do_not_go_together_are_explained(arguments: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        approached(*arguments.split())
