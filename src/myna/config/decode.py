"""From raw TOML values to structs, and from what does not fit to a line that says where, what and how to mend it."""

import difflib
import re
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from myna.config.lines import Path, line_of
from myna.config.quantities import SPELLED, Address, Duration, KeepAlive, Lifetime, Size, show_value
from myna.config.sections import Table

T = TypeVar("T")

_WHERE: Final = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_EXPECTED: Final = ("Expected", "Invalid enum value", "Object", "Unable")


class ConfigError(Exception):
    """Everything that is wrong with a configuration, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotUsableHere(ConfigError):
    """Not what it says is wrong, but what it speaks of is not there or cannot be read, on this machine as it is."""


@dataclass(frozen=True)
class Source:
    """Where the values came from: a file, its lines, and the environment variables that have overridden some."""

    file: str
    lines: dict[Path, int]
    variables: dict[Path, str]

    def place(self, path: Path) -> str:
        """Names the spot, for the beginning of a message."""
        name = show_path(path)
        for end in range(len(path), 0, -1):
            if path[:end] in self.variables:
                return f"environment variable {self.variables[path[:end]]}: {name}"
        for known, variable in self.variables.items():  # a section that only a variable speaks of
            if known[: len(path)] == path and path not in self.lines:
                return f"environment variable {variable}: {name}"
        line = line_of(path, self.lines)
        if not self.file:
            return name
        return f"{self.file}:{line}: {name}" if line else f"{self.file}: {name}"


NOWHERE: Final = Source("", {}, {})


def decode(values: object, wanted: type[T], path: Path, source: Source) -> T:
    """Raises ConfigError with the first thing that does not fit."""
    try:
        return msgspec.convert(values, wanted, dec_hook=_decode_spelled)
    except msgspec.ValidationError as error:
        raise ConfigError([_explain(str(error), values, wanted, path, source)]) from None


def decode_table(table: Table, wanted: type[T], source: Source = NOWHERE) -> T:
    """For whoever has settings of its own: a face, an authenticator."""
    return decode(table.values, wanted, table.path, source)


def show_path(path: Path) -> str:
    """limits.packet_size, mqtt[2].listen: arrays are counted from 1, as people do."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def suggest(name: str, known: list[str]) -> str:
    """The name that was probably meant, or all there are."""
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are: {', '.join(known)}" if known else "there are none"


def _decode_spelled(wanted: type, value: object) -> object:
    for spelled in SPELLED:
        if wanted is spelled:
            return spelled.parse(value)
    raise NotImplementedError(wanted)  # how msgspec wants to be told that a type is none of ours


def _explain(message: str, values: object, wanted: type, path: Path, source: Source) -> str:
    match = _WHERE.match(message)
    assert match is not None  # the pattern takes anything
    text, where = match[1], match[2] or ""
    inner: Path = tuple(int(index) if index.isdigit() else key or index for key, index in _STEP.findall(where))
    inner = _find_keys(inspect.type_info(wanted), values, inner)
    info = _info_at(inspect.type_info(wanted), inner)
    if unknown := _UNKNOWN.match(text):
        place = source.place((*path, *inner, unknown[1]))
        return f"{place}: unknown key; {suggest(unknown[1], _names(info))}"
    if missing := _MISSING.match(text):
        return f"{source.place((*path, *inner))}: the key {missing[1]} is missing"
    if text.startswith(_EXPECTED) and info is not None:
        text = f"expected {_describe(info)}, got {show_value(_value_at(values, inner))}"
    return f"{source.place((*path, *inner))}: {text}"


def _find_keys(info: inspect.Type, values: Any, path: Path) -> Path:
    """The library writes … for the key of a table of tables; which one it was, only trying tells."""
    for index, step in enumerate(path):
        if step != "...":
            continue
        held: Any = _value_at(values, path[:index])
        inside = _info_at(info, path[:index])
        for option in _options(inside):
            if isinstance(option, inspect.DictType) and isinstance(option.value_type, inspect.StructType):
                path = (*path[:index], _first_wrong(option.value_type.cls, held), *path[index + 1 :])
    return path


def _first_wrong(wanted: type, held: dict[str, Any]) -> str:
    for name, value in held.items():
        try:
            msgspec.convert(value, wanted, dec_hook=_decode_spelled)
        except msgspec.ValidationError:
            return name
    return "..."


def _info_at(info: inspect.Type | None, path: Path) -> inspect.Type | None:
    for step in path:
        for option in _options(info):
            if isinstance(option, inspect.StructType) and isinstance(step, str):
                info = next((one.type for one in option.fields if one.encode_name == step), None)
                break
            if isinstance(option, inspect.VarTupleType | inspect.ListType):
                info = option.item_type
                break
            if isinstance(option, inspect.DictType):
                info = option.value_type
                break
        else:
            return None
    return info


def _options(info: inspect.Type | None) -> list[inspect.Type]:
    if info is None:
        return []
    options = list(info.types) if isinstance(info, inspect.UnionType) else [info]
    return [option for option in options if not isinstance(option, inspect.NoneType)]


def _names(info: inspect.Type | None) -> list[str]:
    return [
        one.encode_name for option in _options(info) if isinstance(option, inspect.StructType) for one in option.fields
    ]


def _describe(info: inspect.Type) -> str:
    """What a setting takes, in words."""
    return " or ".join(_describe_one(option) for option in _options(info))


def _describe_one(info: inspect.Type) -> str:
    if isinstance(info, inspect.BoolType):
        return "true or false"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        kind = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        bounds = [f"from {info.ge}" if info.ge is not None else "", f"up to {info.le}" if info.le is not None else ""]
        return " ".join([kind, *filter(None, bounds)])
    if isinstance(info, inspect.StrType):
        return "text in quotes"
    if isinstance(info, inspect.LiteralType):
        return "one of " + ", ".join(f'"{value}"' for value in info.values)
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        return f"a list of {_describe(info.item_type)}"
    if isinstance(info, inspect.CustomType):
        return _SPELLINGS.get(info.cls, info.cls.__name__)
    return "a table"


_SPELLINGS: Final[dict[type, str]] = {
    Size: 'a size such as "1 MiB"',
    Duration: 'a duration such as "30 s"',
    KeepAlive: 'a duration such as "60 s", at most 65535 s',
    Lifetime: 'a duration such as "1 h", or "never"',
    Address: 'an address such as "localhost:1883"',
}


def _value_at(values: Any, path: Path) -> object:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return values
    return values
