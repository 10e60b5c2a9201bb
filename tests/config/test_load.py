"""What a file and the environment become, and how everything that is wrong with them is said."""

from collections.abc import Mapping

import pytest

from myna.config import Config, ConfigError, Size, development, load_text
from myna.config.quantities import Address
from myna.config.sections import MqttListener, Tls


def config_of(text: str, environ: Mapping[str, str] | None = None) -> Config:
    return load_text(text.encode(), "myna.toml", environ or {}).config


def problems_of(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config_of(text, environ)
    return caught.value.problems


def test_an_empty_file_opens_nothing_to_nobody() -> None:
    config = config_of("")
    assert [*config.mqtt, *config.http, *config.bifromq, *config.access.mqtt, *config.faces] == []
    assert not config.development


def test_development_listens_on_loopback_and_lets_everybody_in() -> None:
    config = development({}, {"bifromq": "", "eventgrid": ""}).config
    assert config.development
    assert config.access.mqtt == ("eventgrid-jwt", "open")  # who shows a token is who it says
    assert set(config.faces) == {"bifromq", "eventgrid"}
    for listener in (*config.mqtt, *config.http, *config.bifromq):
        assert listener.listen.is_loopback()


def test_sections_are_decoded() -> None:
    config = config_of(
        """
        [server]
        memory = true
        drain = "2 s"
        [[mqtt]]
        listen = "0.0.0.0:1883"
        access = ["open"]
        [[mqtt]]
        listen = "unix:/run/m.sock"
        mode = 0o600
        [[http]]
        listen = "[::]:443"
        tls = true
        [tls]
        certificate = "c.pem"
        key = "k.pem"
        [access]
        mqtt = ["eventgrid-jwt", "open"]
        [access.jwt]
        anything = 1
        [faces.eventgrid]
        strict = true
        """
    )
    assert config.server.memory
    assert config.server.drain == 2.0
    assert config.mqtt[0] == MqttListener(listen=Address("0.0.0.0", 1883), access=("open",))
    assert config.mqtt[1].mode == 0o600
    assert config.http[0].tls is True
    assert config.tls == Tls(certificate="c.pem", key="k.pem")
    assert config.access.mqtt == config.access.of_websocket() == ("eventgrid-jwt", "open")
    assert config.access.tables["jwt"].values == {"anything": 1}
    assert config.faces["eventgrid"].values == {"strict": True}


def test_a_listener_of_a_face_enables_it() -> None:
    assert "bifromq" in config_of('[[bifromq]]\nlisten = "localhost:8091"').faces


def test_unknown_keys_are_refused_by_name_and_line() -> None:
    assert problems_of('[server]\ndata = "x"\nmemry = true') == [
        "myna.toml:3: server.memry: unknown key; did you mean memory?"
    ]


def test_unknown_sections_are_refused() -> None:
    (problem,) = problems_of("[server]\n[nonsense]\n")
    assert problem.startswith("myna.toml:2: nonsense: unknown section; there are: mqtt,")


def test_wrong_types_are_named_with_what_is_allowed_and_what_was_found() -> None:
    assert problems_of(
        """\
[server]
memory = "yes"
data = 3
[[mqtt]]
listen = "nowhere"
[[http]]
tls = 5
listen = "localhost:1"
[limits]
maximum_qos = 3
packet_size = "big"
"""
    ) == [
        'myna.toml:2: server.memory: expected true or false, got "yes"',
        'myna.toml:5: mqtt[1].listen: expected an address such as "localhost:1883", "0.0.0.0:1883", "[::1]:1883" or'
        ' "unix:/run/myna.sock", got "nowhere"',
        "myna.toml:7: http[1].tls: expected true or false or a table, got 5",
        "myna.toml:10: limits.maximum_qos: expected a whole number from 0 up to 2, got 3",
    ]


def test_words_from_a_list_are_all_named() -> None:
    assert problems_of('[log]\nlevel = "loud"') == [
        'myna.toml:2: log.level: expected one of "debug", "error", "info", "warning", got "loud"'
    ]


def test_a_missing_key_is_named() -> None:
    assert problems_of("[[mqtt]]\nmode = 1\n") == ["myna.toml:1: mqtt[1]: the key listen is missing"]


def test_one_bracket_too_few_is_explained() -> None:
    (problem,) = problems_of('[mqtt]\nlisten = "localhost:1883"')
    assert problem == "myna.toml:1: mqtt: expected a list of tables, written [[mqtt]] with two brackets on each side"


def test_tls_without_a_certificate_is_refused() -> None:
    (problem,) = problems_of('[[mqtt]]\nlisten = "localhost:8883"\ntls = true')
    assert problem == "myna.toml:3: mqtt[1].tls: no certificate; set `certificate` and `key` in [tls]"


def test_two_listeners_on_one_address_are_refused() -> None:
    text = """
    [[mqtt]]
    listen = "localhost:1883"
    [[mqtt]]
    listen = "localhost:0"
    [[http]]
    listen = 0
    [[bifromq]]
    listen = 1883
    [[http]]
    listen = "unix:/run/a"
    [[admin]]
    listen = "unix:/run/a"
    """
    assert problems_of(text) == [
        "myna.toml:9: bifromq[1].listen: localhost:1883 is what mqtt[1] listens on already",
        "myna.toml:13: admin[1].listen: unix:/run/a is what http[2] listens on already",
    ]


def test_the_path_of_a_socket_has_a_length() -> None:
    assert config_of(f'[[mqtt]]\nlisten = "unix:/{"x" * 106}"').mqtt
    (problem,) = problems_of(f'[[mqtt]]\nlisten = "unix:/{"x" * 107}"')
    assert problem == "myna.toml:2: mqtt[1].listen: the path of a unix socket has at most 107 bytes"


def test_half_a_certificate_is_refused() -> None:
    (problem,) = problems_of('[tls]\ncertificate = "c.pem"')
    assert "needs its key" in problem


def test_bad_syntax_is_reported_with_its_line() -> None:
    (problem,) = problems_of("[server]\ndata = \n")
    assert problem.startswith("myna.toml:2: Invalid value")


def test_what_is_not_utf_8_is_reported_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"myna.toml:2: not UTF-8"):
        load_text(b"[server]\ndata = '\xff'\n", "myna.toml", {})


def test_the_environment_overrides_the_file() -> None:
    environ = {
        "MYNA_SERVER__DATA": "/srv/myna",
        "MYNA_LIMITS__PACKET_SIZE": "2 MiB",
        "MYNA_ACCESS__MQTT": '["open"]',
        "MYNA_MQTT__0__LISTEN": "localhost:1",
        "MYNA_MQTT__1__LISTEN": "localhost:2",
        "MYNA_TENANT__ACME__LIMITS__SESSIONS": "5",
        "MYNA_PURE": "1",
        "HOME": "/root",
    }
    config = config_of('[server]\ndata = "x"\n[tenant.Acme]\n[[mqtt]]\nlisten = "localhost:9"', environ)
    assert config.server.data == "/srv/myna"
    assert config.limits.packet_size == Size(2 * 1024 * 1024)
    assert config.access.mqtt == ("open",)
    assert [listener.listen.port for listener in config.mqtt] == [1, 2]
    assert config.tenants["Acme"].limits.sessions == 5


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("MYNA_SERVR__X", "1", "environment variable MYNA_SERVR__X: servr: unknown section; did you mean server?"),
        ("MYNA_LOG__LEVEL", "loud", "environment variable MYNA_LOG__LEVEL: log.level: expected one of"),
        ("MYNA_MQTT__3__LISTEN", "x:1", "environment variable MYNA_MQTT__3__LISTEN: there is no mqtt[4].listen to set"),
        ("MYNA_SERVER__DATA__X", "1", "environment variable MYNA_SERVER__DATA__X: there is no server.data.x to set"),
    ],
)
def test_errors_of_the_environment_name_the_variable(variable: str, value: str, problem: str) -> None:
    (said,) = problems_of('[server]\ndata = "x"', {variable: value})
    assert said.startswith(problem)


def test_an_administrators_token_is_long_and_can_stand_in_a_header() -> None:
    assert config_of(f'[administration]\ntoken = "{"x" * 32}"').administration.token == "x" * 32
    for wrong in ("x" * 31, "x" * 31 + "ä" * 9, "x" * 40 + " y"):
        with pytest.raises(ConfigError, match="administrator's token"):
            config_of(f'[administration]\ntoken = "{wrong}"')
    with pytest.raises(ConfigError, match='expected one of "open", "token"'):
        config_of('[administration]\nmetrics = "closed"')


def test_a_listener_of_the_administration_switches_it_on() -> None:
    config = config_of('[[admin]]\nlisten = "unix:/run/myna.sock"')
    assert set(config.faces) == {"admin"}
    assert config.admin[0].listen.path == "/run/myna.sock"


def test_more_certificates_are_given_by_name_and_revocation_needs_certificates() -> None:
    names = '[[tls.names]]\ncertificate = "b"\nkey = "c"\nhosts = ["x.test"]'
    tls = config_of(f'[tls]\ncertificate = "a"\nkey = "k"\n{names}').tls
    assert [(one.certificate, one.key, one.hosts) for one in tls.names] == [("b", "c", ("x.test",))]
    with pytest.raises(ConfigError, match="revokes client certificates"):
        config_of('[tls]\ncertificate = "a"\nkey = "k"\ncrl = "r"')
