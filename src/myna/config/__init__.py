"""Configuration: what a file and the environment say, as plain data that everybody may read."""

from myna.config.decode import ConfigError, NotUsableHere, Source, decode_table
from myna.config.load import Loaded, development, load, load_text, with_listeners
from myna.config.quantities import Address, Duration, KeepAlive, Lifetime, Size
from myna.config.sections import Config, Listener, MqttListener, Section, Table, Tls

__all__ = [
    "Address",
    "Config",
    "ConfigError",
    "Duration",
    "KeepAlive",
    "Lifetime",
    "Listener",
    "Loaded",
    "MqttListener",
    "NotUsableHere",
    "Section",
    "Size",
    "Source",
    "Table",
    "Tls",
    "decode_table",
    "development",
    "load",
    "load_text",
    "with_listeners",
]
