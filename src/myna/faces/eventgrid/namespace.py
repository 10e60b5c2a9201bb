"""A namespace: clients, groups of them, topic spaces, and the bindings that say which group may do what where.

Pure data and judgement; `importing` reads it from files. What a newcomer gets wrong: no binding, no access. And a
permission on a topic space counts for whoever asks with the name and attributes they have, so `grants` is computed
per client and then only compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.configuration import Configuration
from myna.faces.eventgrid.queries import Question
from myna.faces.eventgrid.templates import Coverage, Template

PUBLISHER: Final = "Publisher"
SUBSCRIBER: Final = "Subscriber"
ALL_CLIENTS: Final = "$all"


@dataclass(frozen=True, slots=True)
class Binding:
    group: str
    topic_space: str
    permission: str


@dataclass(frozen=True, slots=True)
class Role:
    """A permission that a token brings, on one topic space or, where that is empty, on all."""

    permission: str
    topic_space: str = ""


@dataclass(frozen=True, slots=True)
class Grants:
    """What somebody may publish to, and what they may subscribe to."""

    publish: Coverage
    subscribe: Coverage


@dataclass(frozen=True)
class Namespace:
    """`clients` go by their authentication name in lower case, everything else by its name."""

    clients: Mapping[str, Client] = field(default_factory=dict)
    groups: Mapping[str, Question] = field(default_factory=dict)
    topic_spaces: Mapping[str, tuple[Template, ...]] = field(default_factory=dict)
    bindings: tuple[Binding, ...] = ()
    configuration: Configuration = field(default_factory=Configuration)

    def find_client(self, authentication_name: str) -> Client | None:
        return self.clients.get(authentication_name.casefold())

    def grants(self, client: Client, roles: Iterable[Role] = ()) -> Grants:
        """Bindings of the client's groups, and roles: either suffices."""
        spaces: dict[str, dict[str, None]] = {PUBLISHER: {}, SUBSCRIBER: {}}
        for role in roles:
            spaces[role.permission].update(dict.fromkeys([role.topic_space] if role.topic_space else self.topic_spaces))
        member_of: dict[str, bool] = {ALL_CLIENTS: True}
        for binding in self.bindings:
            belongs = member_of.get(binding.group)
            if belongs is None:
                belongs = self.groups[binding.group](client)
                member_of[binding.group] = belongs
            if belongs:
                spaces[binding.permission][binding.topic_space] = None
        return Grants(self._coverage(spaces[PUBLISHER], client), self._coverage(spaces[SUBSCRIBER], client))

    def _coverage(self, spaces: Iterable[str], client: Client) -> Coverage:
        filters: list[str] = []
        for name in spaces:
            for template in self.topic_spaces.get(name, ()):
                filters += template.filters(client)
        return Coverage(filters)


# Development: everybody may do everything. `#` does not reach the names that begin with $.
def open_namespace() -> Namespace:
    return Namespace(
        topic_spaces={"everything": (Template("#", ("#",), ()),)},
        bindings=(
            Binding(ALL_CLIENTS, "everything", PUBLISHER),
            Binding(ALL_CLIENTS, "everything", SUBSCRIBER),
        ),
    )
