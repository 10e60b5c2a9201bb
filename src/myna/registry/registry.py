"""The registry as one object: every question and every change, awaitable, and the directory that answers at once.

What a newcomer gets wrong: the directory is changed only after the commit and before anybody hears of it, on the loop's
own thread; so whoever has been answered finds it up to date, and whoever has not could not have relied on it.
"""

import asyncio
import base64
import contextlib
import logging
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from myna.formats.directory import Directory
from myna.formats.inventory import (
    Command,
    Device,
    DeviceQuery,
    HistoryQuery,
    Kind,
    LoginResult,
    NewUser,
    Notification,
    Page,
    Place,
    PlaceQuery,
    Property,
    Unavailable,
    User,
    UserQuery,
)
from myna.registry import devices, history, people, places, properties
from myna.registry.database import migrate, open_database, sqlite_url
from myna.registry.directory_rows import fill_directory
from myna.registry.doorkeeper import Doorkeeper
from myna.registry.initial import fill
from myna.registry.passwords import Passwords
from myna.registry.tables import commands, notifications
from myna.registry.threads import Threads

log = logging.getLogger("myna.registry")

SHORTEST_RETENTION: Final = 120.0  # seconds; what the original keeps, and clients count on
SWEEP_EVERY: Final = 5.0
FILE: Final = "registry.db"
PAGES_REMEMBERED: Final = 500
SPREAD: Final = 1_103_515_245  # odd, so that multiplying by it modulo 2^31 meets every number once


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Registry:
    """Open it with `open_registry`."""

    def __init__(
        self,
        engine: Engine,
        threads: Threads,
        passwords: Passwords,
        *,
        retention: float,
        folder: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.directory = Directory()
        self.first_password = ""  # of the first administrator, where one was made up just now
        self._engine = engine
        self._threads = threads
        self._passwords = passwords
        self._retention = int(max(retention, SHORTEST_RETENTION) * 1000)
        self._properties: dict[str, Property] = {}
        self._doorkeeper = Doorkeeper(threads, passwords, self.directory, self._properties)
        self._last_id = secrets.randbelow(1 << 31)
        self._sweeper: asyncio.Task[None] | None = None
        self._folder = folder
        self._pages: dict[tuple[DeviceQuery, Page], list[Device]] = {}
        self._pages_version = 0

    # Users

    async def login(self, login: str, password: str) -> LoginResult:
        """Judge a login and password; counts failures and locks accounts."""
        return await self._doorkeeper.login(login, password)

    def note_login(self, user_id: int) -> None:
        """A user has come in; `last_login` says so, in time."""
        self._doorkeeper.note_login(user_id, now_ms())

    async def user(self, id: int) -> User | None:
        return await self._threads.read(people.find_user, id)

    async def users(self, query: UserQuery, page: Page) -> list[User]:
        return await self._threads.read(people.list_users, query, page)

    async def count_users(self, query: UserQuery) -> int:
        return await self._threads.read(people.count_users, query)

    async def insert_user(self, new: NewUser) -> User:
        values = {
            "login": new.login,
            "password_hash": await self._passwords.hash(new.password),
            "role": new.role,
            "status": new.status,
            "data": new.data,
            "intro_reviewed": new.intro_reviewed,
            "all_device_types": new.all_device_types,
        }
        return await self._threads.write(people.insert_user, values, then=self._know)

    async def update_user(self, id: int, changes: dict[str, Any], password: str | None = None) -> User | None:
        """Change these columns, and the password if there is a new one."""
        if password is not None:
            changes = {**changes, "password_hash": await self._passwords.hash(password), "password_salt": None}
        return await self._threads.write(people.update_user, id, changes, then=self._know)

    async def delete_user(self, id: int) -> bool:
        return await self._threads.write(people.delete_user, id, then=lambda _: self.directory.drop_person(id))

    async def places_of(self, kind: Kind, user_id: int) -> list[Place]:
        return await self._threads.read(people.places_of, kind, user_id)

    async def assign(self, kind: Kind, user_id: int, place_id: int) -> None:
        await self._threads.write(
            people.assign, kind, user_id, place_id, then=lambda _: self.directory.assign(user_id, kind, place_id)
        )

    async def unassign(self, kind: Kind, user_id: int, place_id: int) -> None:
        await self._threads.write(
            people.unassign, kind, user_id, place_id, then=lambda _: self.directory.unassign(user_id, kind, place_id)
        )

    async def set_all_device_types(self, user_id: int, allowed: bool) -> None:
        def known(_: None) -> None:
            person = self.directory.people.get(user_id)
            if person is not None:
                self.directory.put_person(person.id, person.login, person.role, person.status, allowed)
                if allowed:
                    person.device_types.clear()

        await self._threads.write(people.set_all_device_types, user_id, allowed, then=known)

    # Networks and device types

    async def place(self, kind: Kind, id: int) -> Place | None:
        return await self._threads.read(places.find_place, kind, id)

    async def places(self, kind: Kind, query: PlaceQuery, page: Page) -> list[Place]:
        return await self._threads.read(places.list_places, kind, query, page)

    async def count_places(self, kind: Kind, query: PlaceQuery) -> int:
        return await self._threads.read(places.count_places, kind, query)

    async def insert_place(self, kind: Kind, name: str, description: str | None) -> Place:
        def known(place: Place) -> None:
            self.directory.put_place(kind, place.id, place.name)

        return await self._threads.write(places.insert_place, kind, name, description, then=known)

    async def update_place(self, kind: Kind, id: int, changes: dict[str, Any]) -> Place | None:
        def known(place: Place | None) -> None:
            self._devices_changed()  # a network's name orders and narrows pages of devices
            if place is not None:
                self.directory.put_place(kind, place.id, place.name)

        return await self._threads.write(places.update_place, kind, id, changes, then=known)

    async def delete_place(self, kind: Kind, id: int, *, force: bool) -> list[str]:
        """Remove it; what is left inside is named and stays, unless forced."""

        def known(left: list[str]) -> None:
            if not left:
                self._devices_changed()
                self.directory.drop_place(kind, id)

        return await self._threads.write(places.delete_place, kind, id, force, then=known)

    # Devices

    async def device(self, id: str) -> Device | None:
        return await self._threads.read(devices.find_device, id)

    async def devices(self, query: DeviceQuery, page: Page) -> list[Device]:
        """A page that is asked for again is at hand, until any device changes."""
        held = self._pages.get((query, page))
        if held is not None:
            return held
        version = self._pages_version
        found = await self._threads.read(devices.list_devices, query, page)
        if version == self._pages_version:
            if len(self._pages) >= PAGES_REMEMBERED:
                self._pages.clear()
            self._pages[query, page] = found
        return found

    async def count_devices(self, query: DeviceQuery) -> int:
        return await self._threads.read(devices.count_devices, query)

    async def save_device(self, device: Device) -> bool:
        """Insert or replace; True if it is new."""

        def known(_: bool) -> None:
            self._devices_changed()
            self.directory.put_device(device.id, device.network_id, device.device_type_id)

        return await self._threads.write(devices.save_device, device, then=known)

    async def delete_device(self, id: str) -> bool:
        def gone(connection: Connection) -> bool:
            history.forget_device(connection, id)
            return devices.delete_device(connection, id)

        def known(_: bool) -> None:
            self._devices_changed()
            self.directory.drop_device(id)

        return await self._threads.write(gone, then=known)

    # Settings

    def shared_secret(self, name: str) -> str:
        """A setting that is made up where it is missing. This waits for the database: only before `start`."""
        held = self._properties.get(name)
        if held is None:
            with self._engine.begin() as connection:
                made = properties.put_property(connection, name, base64.b64encode(secrets.token_bytes(33)).decode())
            self._properties[name] = held = made
        return held.value

    async def property(self, name: str) -> Property | None:
        return self._properties.get(name)

    async def put_property(self, name: str, value: str) -> Property:
        def known(held: Property) -> None:
            self._properties[name] = held

        return await self._threads.write(properties.put_property, name, value, then=known)

    async def delete_property(self, name: str) -> bool:
        def gone(_: bool) -> None:
            self._properties.pop(name, None)

        return await self._threads.write(properties.delete_property, name, then=gone)

    # Commands and notifications

    def new_id(self) -> int:
        """Looks random, and comes again only after 2^31 others."""
        self._last_id = (self._last_id + 1) & 0x7FFF_FFFF
        return self._last_id * SPREAD & 0x7FFF_FFFF

    def keep_command(self, command: Command) -> "asyncio.Future[None]":
        """Store it along with all else that comes in this moment; done when that is safe."""
        row = history.command_row(command, now_ms() + self._retention)
        return self._threads.write_row(commands, row)

    def keep_notification(self, notification: Notification) -> "asyncio.Future[None]":
        row = history.notification_row(notification, now_ms() + self._retention)
        return self._threads.write_row(notifications, row)

    async def command(self, device_id: str, id: int) -> Command | None:
        return await self._threads.read(history.find_command, device_id, id, now_ms())

    async def commands(self, query: HistoryQuery, page: Page) -> list[Command]:
        return await self._threads.read(history.list_commands, query, page, now_ms())

    async def update_command(self, device_id: str, id: int, changes: dict[str, Any]) -> Command | None:
        now = now_ms()
        return await self._threads.write(history.update_command, device_id, id, changes, now, now + self._retention)

    async def notification(self, device_id: str, id: int) -> Notification | None:
        return await self._threads.read(history.find_notification, device_id, id, now_ms())

    async def notifications(self, query: HistoryQuery, page: Page) -> list[Notification]:
        return await self._threads.read(history.list_notifications, query, page, now_ms())

    # Life

    async def start(self) -> None:
        """The threads begin; questions asked before have been waiting for them."""
        self._threads.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self._threads.close()
        self.abandon()

    def abandon(self) -> None:
        """Let go of everything at once; nothing is lost but what nobody was told is safe."""
        self._passwords.close()
        self._engine.dispose()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _load(self, development: bool) -> None:
        with self._engine.begin() as connection:
            self.first_password = fill(connection, self._passwords, development)
            fill_directory(connection, self.directory)
            for held in properties.all_properties(connection):
                self._properties[held.name] = held

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                while await self._threads.write(history.sweep, now_ms()):
                    await asyncio.sleep(0)
            except Unavailable:
                log.warning("what has expired stays until the registry can be reached again")
            except Exception:
                log.exception("the registry could not be swept of what has expired")

    def _devices_changed(self) -> None:
        self._pages_version += 1
        self._pages.clear()

    def _know(self, user: User | None) -> None:
        if user is not None:
            self.directory.put_person(user.id, user.login, user.role, user.status, user.all_device_types)


def _claim(file: Path) -> Path:
    """There are hashes and keys in it: nobody else reads it, nor what SQLite puts beside it."""
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    return file


def open_registry(
    location: str | Path | None, *, development: bool = False, retention: float = 3600.0, synchronous: str = "full"
) -> Registry:
    """A database's URL, a data folder, or None for one that is gone with the process. Fills it if it is empty.

    This waits for the database: call it before anything is open.
    """
    folder: tempfile.TemporaryDirectory[str] | None = None
    if location is None:
        folder = tempfile.TemporaryDirectory(prefix="myna-registry-")
        url, synchronous = sqlite_url(Path(folder.name) / FILE), "off"
    else:
        url = location if isinstance(location, str) else sqlite_url(_claim(location / FILE))
    engine = open_database(url, synchronous=synchronous)
    migrate(engine)
    registry = Registry(engine, Threads(engine), Passwords(), retention=retention, folder=folder)
    registry._load(development)
    return registry
