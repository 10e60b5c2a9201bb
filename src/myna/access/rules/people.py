"""Whom a rule is for: a name, several, or a beginning of names with a star behind it.

What a newcomer gets wrong: everything that a rule says of people must fit at once, but of several names one is enough.
"""

from collections.abc import Mapping

from myna.config.rules import Names, RuleSettings
from myna.core.identity import Identity


class Wanted:
    """`names` are exact ones; `beginnings` stood before a star."""

    __slots__ = ("beginnings", "names")

    def __init__(self, given: Names) -> None:
        listed = (given,) if isinstance(given, str) else given
        self.names = frozenset(name for name in listed if not name.endswith("*"))
        self.beginnings = tuple(name[:-1] for name in listed if name.endswith("*"))

    def takes(self, name: str) -> bool:
        return name in self.names or (bool(self.beginnings) and name.startswith(self.beginnings))


class People:
    """Everybody, unless something is said of them. `users` are the only ones it can fit, where that is known."""

    __slots__ = ("_attributes", "_traits", "users")

    def __init__(self, settings: RuleSettings) -> None:
        traits = {
            "tenant": settings.tenant,
            "user": settings.user,
            "client_id": settings.client,
            "authenticator": settings.authenticator,
            "listener": settings.listener,
        }
        self._traits = {trait: Wanted(given) for trait, given in traits.items() if given != ()}
        self._attributes: Mapping[str, Wanted] = {name: Wanted(given) for name, given in settings.attributes.items()}
        user = self._traits.get("user")
        self.users = None if user is None or user.beginnings else user.names

    def include(self, identity: Identity) -> bool:
        for trait, wanted in self._traits.items():
            if not wanted.takes(getattr(identity, trait)):
                return False
        attributes = identity.attributes
        return all(name in attributes and wanted.takes(attributes[name]) for name, wanted in self._attributes.items())
