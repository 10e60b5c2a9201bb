"""What is written of destinations and rules, judged: names, kinds, settings. Words for whoever wrote it.

Knows neither queues nor what runs. What a newcomer gets wrong: a destination's settings are only right when its kind
can be made of them, so it is made, and thrown away.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from myna.config import ConfigError, Source
from myna.config.decode import decode, suggest
from myna.core.limits import Limits
from myna.routing.destination import Destination, DestinationContext
from myna.routing.rules import RuleSettings
from myna.routing.settings import DestinationSettings

NO_NAME: Final = "no name: letters, digits, and . _ - behind the first, at most 64"

Path = tuple[str | int, ...]
Kinds = Mapping[str, type[Destination]]

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def read_rule(
    name: str, values: Mapping[str, Any], path: Path, source: Source, kinds: Sequence[str]
) -> RuleSettings:  # fmt: skip
    """`kinds` of events there are. Raises ConfigError."""
    if not is_name(name):
        raise ConfigError([f"{source.place(path)}: {NO_NAME}"])
    settings = decode(dict(values), RuleSettings, path, source)
    place = source.place((*path, "events"))
    unknown = [one for one in settings.events if one not in kinds]
    if unknown:
        raise ConfigError([f"{place}: there are no events {one!r}; {suggest(one, list(kinds))}" for one in unknown])
    return settings


def read_destination(
    kinds: Kinds,
    context: Callable[[str], DestinationContext],
    name: str,
    values: Mapping[str, Any],
    path: Path,
    source: Source,
) -> Any:
    """The settings of a destination, of the class its kind wants. Raises ConfigError."""
    if not is_name(name):
        raise ConfigError([f"{source.place(path)}: {NO_NAME}"])
    kind = values.get("kind")
    made = kinds.get(kind) if isinstance(kind, str) else None
    if made is None:
        known = list(kinds)
        said = f"there is no kind {kind!r}; {suggest(str(kind), known)}"
        missing = f"`kind` is missing: one of {', '.join(known)}"
        raise ConfigError([f"{source.place((*path, 'kind'))}: {said if kind else missing}"])
    settings = decode(dict(values), made.SETTINGS, path, source)
    try:
        made(context(name), settings)
    except ValueError as error:
        raise ConfigError([f"{source.place(path)}: {error}"]) from None
    return settings


def bounds_of(settings: DestinationSettings) -> Limits:
    """Of its queue, as the core wants them."""
    bounds = Limits()
    bounds.queue_messages = settings.queue_messages
    bounds.queue_bytes = int(settings.queue_bytes)
    bounds.queue_policy = settings.queue_policy
    return bounds
