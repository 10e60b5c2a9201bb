"""Where a call may be sent on to, and what goes with it."""

import pytest

from myna.formats.outgoing import Answer
from myna.net.redirects import Call, follow, is_moved

SHOWN = (("authorization", "Bearer secret"), ("accept", "application/json"), ("x-api-key", "secret"))


def moved(location: str, status: int = 307) -> Answer:
    return Answer(status, {"location": location}, b"")


def call(url: str, method: str = "GET", body: bytes = b"") -> Call:
    return Call(method, url, SHOWN, body)


@pytest.mark.parametrize(
    ("url", "location", "then"),
    [
        ("https://a/x", "/y?z=1", "https://a/y?z=1"),
        ("https://a/x", "https://A:443/y", "https://A:443/y"),
        ("http://a:80/x", "http://a/y", "http://a/y"),
        ("http://a/x", "https://a/x", "https://a/x"),
        ("http://a:8080/x", "https://a:8443/x", "https://a:8443/x"),
    ],
)
def test_within_an_origin_and_up_to_https_everything_goes_along(url: str, location: str, then: str) -> None:
    found = follow(call(url, "POST", b"password"), moved(location))
    assert found == Call("POST", then, SHOWN, b"password")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://a/x", "http://a/x"),
        ("https://a/x", "http://b/x"),
        ("https://a/x", "file:///etc/passwd"),
        ("https://a/x", "https://a:99999/"),
        ("https://a/x", "https://[::1/"),
    ],
)
def test_nobody_is_led_away_from_https_or_from_http_altogether(url: str, location: str) -> None:
    assert follow(call(url), moved(location)) is None


@pytest.mark.parametrize("location", ["https://b/x", "https://a:444/x", "//b/x", "https://a.b/x"])
def test_another_origin_sees_neither_credentials_nor_a_body(location: str) -> None:
    found = follow(call("https://a/x"), moved(location))
    assert found is not None
    assert found.headers == (("accept", "application/json"),)
    assert follow(call("https://a/x", "POST", b"password"), moved(location)) is None


def test_a_name_and_password_in_an_address_of_another_origin_are_not_shown() -> None:
    found = follow(call("https://a/x"), moved("https://who:what@b/x"))
    assert found is not None
    assert found.url == "https://b/x"


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_that_is_sent_on_by_an_old_code_becomes_a_get(status: int) -> None:
    given = Call("POST", "https://a/x", (("Content-Type", "text/plain"), ("accept", "*/*")), b"body")
    assert follow(given, moved("/y", status)) == Call("GET", "https://a/y", (("accept", "*/*"),), b"")
    assert follow(given, moved("https://b/y", status)) == Call("GET", "https://b/y", (("accept", "*/*"),), b"")


def test_only_a_redirect_with_a_location_is_one() -> None:
    assert is_moved(moved("/x", 308))
    assert not is_moved(moved("/x", 304))
    assert not is_moved(Answer(302, {}, b""))
