"""Who and what there is, in memory: enough to decide who may do what without waiting for a store.

Holds names, roles and memberships, never secrets or contents. Whoever keeps the real thing fills it and tells it every
change once that is committed. What a newcomer gets wrong: it answers at once because an MQTT broker must (a SUBSCRIBE
is judged while its packet is read); it is no cache that may miss, it is complete.
"""

from myna.formats.inventory import ACTIVE, ADMINISTRATOR, DEVICE_TYPE, NETWORK, Kind


class Person:
    """A user as far as permissions go."""

    __slots__ = ("all_device_types", "device_types", "id", "login", "networks", "role", "status")

    def __init__(self, id: int, login: str, role: int, status: int, all_device_types: bool) -> None:
        self.id = id
        self.login = login
        self.role = role
        self.status = status
        self.all_device_types = all_device_types
        self.networks: set[int] = set()
        self.device_types: set[int] = set()

    def is_administrator(self) -> bool:
        return self.role == ADMINISTRATOR

    def is_active(self) -> bool:
        return self.status == ACTIVE

    def places(self, kind: Kind) -> set[int]:
        return self.networks if kind == NETWORK else self.device_types


class Names:
    """The places of one kind, by id and by name."""

    __slots__ = ("by_id", "by_name")

    def __init__(self) -> None:
        self.by_id: dict[int, str] = {}
        self.by_name: dict[str, int] = {}

    def put(self, id: int, name: str) -> None:
        before = self.by_id.get(id)
        if before is not None:
            del self.by_name[before]
        self.by_id[id] = name
        self.by_name[name] = id

    def drop(self, id: int) -> None:
        name = self.by_id.pop(id, None)
        if name is not None:
            del self.by_name[name]

    def find(self, text: str) -> int | None:
        """The id a topic level means: digits are an id, anything else is a name."""
        if text.isascii() and text.isdigit():
            id = int(text)
            if id in self.by_id:
                return id
        return self.by_name.get(text)


class Directory:
    def __init__(self) -> None:
        self.people: dict[int, Person] = {}
        self.networks = Names()
        self.device_types = Names()
        self.devices: dict[str, tuple[int, int]] = {}  # id -> network, type
        self._by_login: dict[str, Person] = {}
        self.version = 0  # grows with every change that could alter a permission

    def names(self, kind: Kind) -> Names:
        return self.networks if kind == NETWORK else self.device_types

    def person_of_login(self, login: str) -> Person | None:
        return self._by_login.get(login)

    def put_person(self, id: int, login: str, role: int, status: int, all_device_types: bool) -> Person:
        person = self.people.get(id)
        self.version += 1
        if person is None:
            person = Person(id, login, role, status, all_device_types)
            self.people[id] = person
        else:
            self._by_login.pop(person.login, None)
            person.login = login
            person.role = role
            person.status = status
            person.all_device_types = all_device_types
        self._by_login[login] = person
        return person

    def drop_person(self, id: int) -> None:
        person = self.people.pop(id, None)
        self.version += 1
        if person is not None:
            self._by_login.pop(person.login, None)

    def assign(self, user_id: int, kind: Kind, place: int) -> None:
        person = self.people.get(user_id)
        self.version += 1
        if person is not None:
            person.places(kind).add(place)

    def unassign(self, user_id: int, kind: Kind, place: int) -> None:
        person = self.people.get(user_id)
        self.version += 1
        if person is not None:
            person.places(kind).discard(place)

    def put_place(self, kind: Kind, id: int, name: str) -> None:
        self.version += 1
        self.names(kind).put(id, name)

    def drop_place(self, kind: Kind, id: int) -> None:
        """A place, everybody's way into it, and the devices in it are gone."""
        self.version += 1
        self.names(kind).drop(id)
        for person in self.people.values():
            person.places(kind).discard(id)
        at = 0 if kind == NETWORK else 1
        for device in [device for device, where in self.devices.items() if where[at] == id]:
            del self.devices[device]

    def put_device(self, id: str, network_id: int, device_type_id: int) -> None:
        self.version += 1
        self.devices[id] = (network_id, device_type_id)

    def drop_device(self, id: str) -> None:
        self.version += 1
        self.devices.pop(id, None)


KINDS: tuple[Kind, Kind] = (NETWORK, DEVICE_TYPE)
