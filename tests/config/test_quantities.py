"""Sizes, durations and addresses as people write them."""

import pytest

from myna.config.quantities import Address, Duration, KeepAlive, Lifetime, Size


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [
        ("1 MiB", 1_048_576),
        ("1 MB", 1_000_000),
        ("64KiB", 65_536),
        ("64k", 65_536),
        ("1.5 KiB", 1536),
        ("7", 7),
        (9, 9),
    ],
)
def test_a_size_is_written_with_or_without_unit(written: object, bytes_: int) -> None:
    assert Size.parse(written) == bytes_


@pytest.mark.parametrize("written", ["much", "1 MiX", "", "-1", -1, 1.5, True, [], "1 MiB x"])
def test_what_is_no_size_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match='such as "64 KiB"'):
        Size.parse(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30 s", 30),
        ("500 ms", 0.5),
        ("2h", 7200),
        ("1 min", 60),
        ("2 minutes", 120),
        ("7 days", 604_800),
        (1.5, 1.5),
        ("P7D", 604_800),
        ("PT1H30M", 5400),
        ("P1DT0.5S", 86_400.5),
    ],
)
def test_a_duration_is_written_with_or_without_unit(written: object, seconds: float) -> None:
    assert Duration.parse(written) == seconds


@pytest.mark.parametrize(
    "written", ["soon", "1 fortnight", "9" * 400, "P", "PT", -1, False, "never", float("inf"), float("nan")]
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match='such as "30 s"'):
        Duration.parse(written)


def test_a_lifetime_may_be_never() -> None:
    assert Lifetime.parse("never") == float("inf")
    assert isinstance(Lifetime.parse("1 h"), Lifetime)
    assert float(Lifetime.parse(0xFFFF_FFFE)) == 4_294_967_294.0
    with pytest.raises(ValueError, match='at most 4294967294 seconds, or "never", got "1000000 days"'):
        Lifetime.parse("1000000 days")


@pytest.mark.parametrize("written", ["1 day", "500 ms", 65_536])
def test_a_keep_alive_is_one_that_fits_its_field(written: object) -> None:
    assert [float(KeepAlive.parse(value)) for value in (0, 1, "18 h", 65_535)] == [0, 1, 64_800, 65_535]
    with pytest.raises(ValueError, match="0, or 1 to 65535 seconds"):
        KeepAlive.parse(written)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Size(1_048_576), "1 MiB"),
        (Size(5_000_000), "5 MB"),
        (Size(0), "0 bytes"),
        (Size(1_234_567), "1,234,567 bytes"),
        (Duration(0.5), "500 ms"),
        (Duration(90), "90 s"),
        (Duration(3600), "1 h"),
        (Lifetime("inf"), "never"),
    ],
)
def test_values_are_shown_as_one_would_write_them(value: object, shown: str) -> None:
    assert str(value) == shown


@pytest.mark.parametrize(
    ("written", "host", "port", "path"),
    [
        ("localhost:1883", "localhost", 1883, ""),
        ("1883", "localhost", 1883, ""),
        (1883, "localhost", 1883, ""),
        (":1883", "", 1883, ""),
        ("*:0", "*", 0, ""),
        ("[::1]:1883", "::1", 1883, ""),
        ("unix:/run/m.sock", "", 0, "/run/m.sock"),
    ],
)
def test_an_address_is_host_and_port_or_a_path(written: object, host: str, port: int, path: str) -> None:
    address = Address.parse(written)
    assert (address.host, address.port, address.path) == (host, port, path)


@pytest.mark.parametrize("written", ["localhost", "localhost:", "::1:1883", "x:70000", "unix:", "", None, True, "a:²"])
def test_what_is_no_address_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        Address.parse(written)


@pytest.mark.parametrize("written", ["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:/x"])
def test_loopback_addresses_are_known(written: str) -> None:
    assert Address.parse(written).is_loopback()


@pytest.mark.parametrize("written", [":1", "*:1", "0.0.0.0:1", "10.0.0.1:1", "[::]:1", "example.com:1", "localhost.:1"])
def test_anything_else_is_not_loopback(written: str) -> None:
    assert not Address.parse(written).is_loopback()
