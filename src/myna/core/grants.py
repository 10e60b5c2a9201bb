"""What one session has been allowed or forbidden at run time, over what its identity brought.

A permission is a word and a target; without a target it is meant for all. Allowing all clears what was said of single
targets; forbidding one target while all are allowed takes just that one out.
"""

from typing import final


@final
class Grants:
    def __init__(self) -> None:
        self._all: dict[str, bool] = {}
        self._single: dict[tuple[str, str], bool] = {}

    def grant(self, permission: str, target: str | None) -> None:
        self.say(permission, target, True)

    def revoke(self, permission: str, target: str | None) -> None:
        self.say(permission, target, False)

    def check(self, permission: str, target: str | None) -> bool | None:
        """Allowed, forbidden, or None where nothing has been said."""
        if target is not None:
            single = self._single.get((permission, target))
            if single is not None:
                return single
        return self._all.get(permission)

    def said(self) -> list[tuple[str, str | None, bool]]:
        """All that has been said, to be said again elsewhere in this order."""
        said: list[tuple[str, str | None, bool]] = [(word, None, allowed) for word, allowed in self._all.items()]
        said += [(word, target, allowed) for (word, target), allowed in self._single.items()]
        return said

    def say(self, permission: str, target: str | None, allowed: bool) -> None:
        if target is not None:
            self._single[(permission, target)] = allowed
            return
        self._all[permission] = allowed
        for key in [key for key in self._single if key[0] == permission]:
            del self._single[key]
