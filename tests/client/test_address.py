import ssl

import pytest

from myna.client.address import Address, Tls, parse_url


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path"),
    [
        ("mqtt://broker", "mqtt", "broker", 1883, ""),
        ("mqtt://broker:1999/some/topic", "mqtt", "broker", 1999, ""),
        ("mqtts://broker", "mqtts", "broker", 8883, ""),
        ("MQTT://[::1]:1999", "mqtt", "::1", 1999, ""),
        ("ws://broker", "ws", "broker", 80, "/mqtt"),
        (
            "ws://broker:8080/clients/mqtt/hubs/chat?access_token=x",
            "ws",
            "broker",
            8080,
            "/clients/mqtt/hubs/chat?access_token=x",
        ),
        ("wss://broker", "wss", "broker", 443, "/mqtt"),
        ("unix:///run/myna.sock", "unix", "localhost", 0, "/run/myna.sock"),
    ],
)
def test_a_url_names_a_broker(text: str, scheme: str, host: str, port: int, path: str) -> None:
    address = parse_url(text).address
    assert (address.scheme, address.host, address.port, address.path) == (scheme, host, port, path)
    assert (address.tls is not None) == (scheme in ("mqtts", "wss"))


def test_a_url_may_hold_user_password_and_topic() -> None:
    url = parse_url("mqtt://an%20user:p%40ss@broker/a/b%23")
    assert (url.user_name, url.password, url.topic) == ("an user", "p@ss", "a/b#")


def test_what_follows_the_host_of_a_websocket_is_its_path() -> None:
    assert parse_url("ws://broker/a/b").topic is None


@pytest.mark.parametrize("text", ["http://broker", "broker:1883", "mqtt://", "mqtt://broker:port", "unix://"])
def test_what_is_no_brokers_url_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=text.partition(":")[0]):
        parse_url(text)


def test_an_address_reads_as_it_is_written() -> None:
    assert str(Address("mqtt", "::1", 1883)) == "[::1]:1883"
    assert str(Address("ws", "broker", 80, "/mqtt")) == "broker:80/mqtt"
    assert str(Address("unix", path="/run/myna.sock")) == "/run/myna.sock"


def test_insecure_without_an_authority_checks_nothing() -> None:
    context = Tls(insecure=True).context()
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)


def test_by_default_everything_is_checked() -> None:
    context = Tls().context()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_the_files_are_named_for_messages() -> None:
    assert Tls("ca.pem", None, "cert.pem", "key.pem").files() == "ca.pem, cert.pem, key.pem"
    assert Tls().files() == "the system's certificates"
