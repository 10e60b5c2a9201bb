"""Values of a configuration that have a spelling of their own: sizes, durations, addresses.

They are ordinary numbers to whoever reads a setting. What a newcomer gets wrong: in a file a bare number is bytes or
seconds, and "1 MB" is a million bytes where "1 MiB" is 1,048,576.
"""

import ipaddress
import re
from typing import Final

_QUANTITY: Final = re.compile(r"\s*(\d{1,18}(?:\.\d{1,18})?)\s*([A-Za-z]*)\s*", re.ASCII)
_BYTES: Final = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "k": 1024,
    "kib": 1024,
    "m": 1024**2,
    "mib": 1024**2,
    "g": 1024**3,
    "gib": 1024**3,
}
_SECONDS: Final = {
    "": 1.0,
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86_400.0,
}
_ISO: Final = re.compile(
    r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,18})?)S)?)?", re.ASCII
)  # as vendors write
_ISO_UNITS: Final = (86_400.0, 3600.0, 60.0, 1.0)
_SHOWN: Final = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024), ("GB", 10**9), ("MB", 10**6), ("kB", 1000))
UNIX: Final = "unix:"


class Size(int):
    """Bytes. Spelled "64 KiB", "1 MB" or as a number."""

    @classmethod
    def parse(cls, value: object) -> "Size":
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if isinstance(value, str) and (parts := _QUANTITY.fullmatch(value)):
            unit = _BYTES.get(parts[2].lower())
            if unit is not None:
                return cls(int(float(parts[1]) * unit))
        raise ValueError(f'expected a size such as "64 KiB", "1 MB" or a number of bytes, got {show_value(value)}')

    def __str__(self) -> str:
        for unit, factor in _SHOWN:
            if self >= factor and self % factor == 0:
                return f"{self // factor} {unit}"
        return f"{int(self):,} bytes"


class Duration(float):
    """Seconds. Spelled "30 s", "500 ms", "2 h", as a number, or as in ISO 8601: "PT1H30M"."""

    examples = '"30 s", "500 ms", "2 h"'

    @classmethod
    def parse(cls, value: object) -> "Duration":
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
            return cls(value)
        if isinstance(value, str) and (parts := _QUANTITY.fullmatch(value)):
            word = parts[2].lower()
            unit = _SECONDS.get(word, _SECONDS.get(word.removesuffix("s") if len(word) > 2 else word))
            if unit is not None:
                return cls(float(parts[1]) * unit)
        if isinstance(value, str) and (parts := _ISO.fullmatch(value)) and any(parts.groups()):
            return cls(sum(float(number or 0) * unit for number, unit in zip(parts.groups(), _ISO_UNITS, strict=True)))
        raise ValueError(f"expected a duration such as {cls.examples} or a number of seconds, got {show_value(value)}")

    def __str__(self) -> str:
        if self == float("inf"):
            return "never"
        for unit, factor in (("d", 86400), ("h", 3600), ("min", 60)):
            if self >= factor and self % factor == 0:
                return f"{int(self // factor)} {unit}"
        return f"{float(self):g} s" if self >= 1 or not self else f"{self * 1000:g} ms"


class Lifetime(Duration):
    """A duration that may also be "never"."""

    examples = '"1 h", "7 d", "never"'

    longest = 0xFFFF_FFFE  # as MQTT counts it; one second more means never

    @classmethod
    def parse(cls, value: object) -> "Lifetime":
        if value == "never":
            return cls("inf")
        seconds = super().parse(value)
        if seconds > cls.longest:
            raise ValueError(f'expected at most {cls.longest} seconds, or "never", got {show_value(value)}')
        return cls(seconds)


class KeepAlive(Duration):
    """A duration that CONNECT and CONNACK have room for; 0 for none."""

    longest = 65_535

    @classmethod
    def parse(cls, value: object) -> "KeepAlive":
        seconds = super().parse(value)
        if seconds > cls.longest or 0 < seconds < 1:
            raise ValueError(f"expected 0, or 1 to {cls.longest} seconds, got {show_value(value)}")
        return cls(seconds)


class Address:
    """Where to listen: HOST:PORT, a bare PORT for localhost, :PORT for every address, or unix:PATH."""

    __slots__ = ("host", "path", "port")

    def __init__(self, host: str, port: int, path: str = "") -> None:
        self.host = host
        self.port = port
        self.path = path

    @classmethod
    def parse(cls, value: object) -> "Address":
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            if value.startswith(UNIX) and len(value) > len(UNIX):
                return cls("", 0, value[len(UNIX) :])
            host, colon, port = value.rpartition(":")
            host = host if colon else "localhost"
            is_port = port.isascii() and port.isdigit() and int(port) <= 65535
            if is_port and (":" not in host or host[0] + host[-1] == "[]"):
                return cls(host.strip("[]"), int(port))
        raise ValueError(
            f'expected an address such as "localhost:1883", "0.0.0.0:1883", "[::1]:1883" or "unix:/run/myna.sock",'
            f" got {show_value(value)}"
        )

    def is_loopback(self) -> bool:
        """Only processes of this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path:
            return UNIX + self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host or '*'}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


SPELLED: Final = (Size, Lifetime, KeepAlive, Duration, Address)


def show_value(value: object) -> str:
    """A value as it would stand in the file, shortened."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
