"""All of routing: its parts put together, and changed while it runs. Whoever builds a broker makes one.

    prepare (judge the file) -> restore (the store is there) -> start -> … -> stop

What a newcomer gets wrong: a destination's queue is found by its name. Whoever takes a destination out of the file and
puts it back finds what waited; it is only gone when an administrator says so.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from myna.config import ConfigError, Source
from myna.config.decode import NOWHERE, suggest
from myna.config.sections import Routing as RoutingSettings
from myna.core.broker import Broker
from myna.core.message import Message
from myna.formats.offered import OfferedEvent
from myna.formats.outgoing import HttpCaller
from myna.routing.boxes import Boxes
from myna.routing.clients import ClientEvents
from myna.routing.courier import Courier
from myna.routing.deadletters import Burial, Dropped, Kept, ToFolder, ToTopic
from myna.routing.definitions import DESTINATIONS, FILE, PAUSED, RULES, Definition, Definitions
from myna.routing.destination import Destination, DestinationContext
from myna.routing.destinations import KINDS
from myna.routing.destinations.pull import PullQueue
from myna.routing.line import Line, LineCarrier
from myna.routing.metrics import render
from myna.routing.reading import bounds_of, read_destination, read_rule
from myna.routing.rules import CLIENTS, MESSAGES, Enrichments, Rule, RuleSettings
from myna.routing.settings import DestinationSettings
from myna.routing.tap import RoutingTap

log = logging.getLogger("myna.routing")

PATIENCE: Final = 5.0  # seconds a delivery that is under way may still take when its destination changes or ends


class RoutingError(Exception):
    """What an administrator asked for cannot be; says why. `missing`: there is no such thing."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class Station:
    """A destination with its line."""

    def __init__(self, definition: Definition, line: Line, carrier: LineCarrier, kept: Kept) -> None:
        self.definition = definition
        self.line = line
        self.carrier = carrier
        self.kept = kept


class Routing:
    def __init__(
        self,
        broker: Broker,
        http: HttpCaller,
        now: Callable[[], float],
        *,
        default_tenant: str,
        data: Path | None,
        safe: Callable[[], Awaitable[None]],
        kinds: Mapping[str, type[Destination]] = KINDS,
        offering: Sequence[str] = (),
    ) -> None:
        """`offering`: who may hand in events of their own, by the names of their kinds."""
        self.broker = broker
        self.stations: dict[str, Station] = {}
        self.rules: dict[str, Rule] = {}
        self.destinations = Definitions(DESTINATIONS, broker.kept)
        self.rule_definitions = Definitions(RULES, broker.kept)
        self._http = http
        self._now = now
        self._default_tenant = default_tenant
        self._data = data
        self._safe = safe
        self._kinds = kinds
        self.event_kinds = (MESSAGES, CLIENTS, *offering)
        self._settings = RoutingSettings(namespace="myna")
        self._namespace_tenant = default_tenant
        self._running = False
        self._boxes = Boxes(broker)
        self._changing = asyncio.Lock()
        self._tap = RoutingTap(broker, self.source)

    # Life

    def prepare(self, settings: RoutingSettings, source: Source, namespace_tenant: str = "") -> None:
        """Take over what the configuration says; raises ConfigError. Nothing runs by it: see `restore`, `reload`."""
        problems: list[str] = []
        known = list(settings.destinations)
        for name, table in settings.destinations.items():
            try:
                self._read(name, table.values, table.path, source)
            except ConfigError as error:
                problems += error.problems
        for name, table in settings.rules.items():
            try:
                wanted = read_rule(name, table.values, table.path, source, self.event_kinds).destination
            except ConfigError as error:
                problems += error.problems
                continue
            if wanted not in known:
                place = source.place((*table.path, "destination"))
                problems.append(f"{place}: there is no destination {wanted!r}; {suggest(wanted, known)}")
        if problems:
            raise ConfigError(problems)
        self._settings = settings
        self._namespace_tenant = namespace_tenant or self._default_tenant
        self.destinations.set_file({name: table.values for name, table in settings.destinations.items()})
        self.rule_definitions.set_file({name: table.values for name, table in settings.rules.items()})

    def restore(self) -> None:
        """The store has given back what it had: from here on messages are taken."""
        for definitions in (self.destinations, self.rule_definitions):
            definitions.say_hidden()
        for definition in self.destinations:
            try:
                self._build(definition)
            except ConfigError as error:  # made by another version of this
                log.error("routing: the destination %s cannot be used: %s", definition.name, error)
        self._use_rules()
        self.broker.carry(self._tap)
        self._boxes.tidy(self.stations)

    async def start(self) -> None:
        self._running = True
        for station in self.stations.values():
            await station.carrier.start()

    async def stop(self, patience: float) -> None:
        """Deliveries that are under way may take so many seconds more."""
        self._running = False
        await asyncio.gather(*(self._end(station, patience) for station in self.stations.values()))

    async def apply(self) -> None:
        """What has been prepared anew takes effect: what is different is built again."""
        async with self._changing:
            await self._apply()
            self._use_rules()
            self._boxes.tidy(self.stations)

    async def _apply(self) -> None:
        wanted = {definition.name: definition for definition in self.destinations}
        for name, station in list(self.stations.items()):
            if name not in wanted:
                del self.stations[name]
                await self._end(station)
        for name, definition in wanted.items():
            known = self.stations.get(name)
            if known is None or known.definition != definition:
                try:
                    await self._rebuild(definition)
                except ConfigError as error:  # what came since it was judged is in its way
                    log.error("routing: the destination %s stays as it was: %s", name, error)

    # As an event sink, for faces

    def want(self, kind: str, tenant: str) -> bool:
        return self._tap.want(kind, tenant)

    def offer(self, event: OfferedEvent) -> bool:
        if not event.source:
            event = replace(event, source=self._own_source())
        return self._tap.offer(event, self._now())

    def client_events(self) -> ClientEvents:
        """Watches who comes and goes."""
        return ClientEvents(self, self.broker.kept, self._settings.namespace)

    def _own_source(self) -> str:
        zeros = "00000000-0000-0000-0000-000000000000"
        place = f"/subscriptions/{zeros}/resourceGroups/{zeros}/providers/Microsoft.EventGrid/namespaces"
        return self._settings.source or f"{place}/{self._settings.namespace}"

    def metrics(self) -> str:
        return render((station.line for station in self.stations.values()), self.rules.values())

    def source(self, tenant: str) -> str:
        """What events of a tenant's messages come from: the namespace, and other tenants by their names."""
        return self._settings.namespace if tenant == self._namespace_tenant else tenant

    # Changes at run time

    async def put_destination(self, name: str, values: Mapping[str, Any]) -> bool:
        """Make or change one; says whether it is new. Raises RoutingError or ConfigError."""
        self._may_change(self.destinations, name)
        definition = Definition(name, dict(values))
        self._read(name, values, (name,), NOWHERE)
        async with self._changing:
            is_new = name not in self.stations
            await self._rebuild(definition)
            self.destinations.keep(name, values)
            self._use_rules()
        return is_new

    async def delete_destination(self, name: str) -> int:
        """With all that waits for it, dead letters too; says how many events that were."""
        users = [
            definition.name for definition in self.rule_definitions if definition.values.get("destination") == name
        ]
        if users:
            raise RoutingError(f"rules send to it: {', '.join(users)}; delete or change them first")
        async with self._changing:  # or somebody may make it anew while it ends
            station = self.stations.get(name)
            if station is None and name not in self.orphans():
                raise RoutingError(f"there is no destination {name!r}", missing=True)
            if station is not None:
                self._may_change(self.destinations, name)
                del self.stations[name]
                await self._end(station)
            count = self._boxes.remove(name)
            self.destinations.keep(name, None)
            self.broker.kept.keep(PAUSED, name, None)
        return count

    def put_rule(self, name: str, values: Mapping[str, Any]) -> bool:
        """Make or change one; says whether it is new. Raises RoutingError or ConfigError."""
        self._may_change(self.rule_definitions, name)
        settings = read_rule(name, values, (name,), NOWHERE, self.event_kinds)
        wanted, known = settings.destination, list(self.stations)
        if wanted not in known:
            raise RoutingError(f"there is no destination {wanted!r}; {suggest(wanted, known)}")
        is_new = name not in self.rules
        self.rule_definitions.keep(name, values)
        self._use_rules()
        return is_new

    def delete_rule(self, name: str) -> None:
        if self.rule_definitions.find(name) is None:
            raise RoutingError(f"there is no rule {name!r}", missing=True)
        self._may_change(self.rule_definitions, name)
        self.rule_definitions.keep(name, None)
        self._use_rules()

    def pause(self, name: str, paused: bool) -> None:
        """Deliver nothing until it goes on; what comes meanwhile waits. Kept across restarts."""
        line = self.station(name).line
        line.paused = paused
        self.broker.kept.keep(PAUSED, name, b"1" if paused else None)
        line.has_more()

    def station(self, name: str) -> Station:
        station = self.stations.get(name)
        if station is None:
            raise RoutingError(f"there is no destination {name!r}", missing=True)
        return station

    async def replay(self, name: str) -> int:
        """Dead letters that were kept, into the queue again; says how many."""
        self.station(name)
        return await self.station(name).kept.replay(lambda event: self._put(name, event), self._now)

    def pull_queues(self) -> list[PullQueue]:
        """The destinations whose events are fetched."""
        return [one.carrier for one in self.stations.values() if isinstance(one.carrier, PullQueue)]

    def orphans(self) -> list[str]:
        """Destinations that are gone, while events of theirs are kept: waiting ones, or dead letters."""
        return self._boxes.orphans(self.stations)

    def _put(self, name: str, event: Message) -> bool:
        station = self.stations.get(name)  # it may have been changed or deleted meanwhile
        return station is not None and station.line.put(event, self._now())

    def _may_change(self, definitions: Definitions, name: str) -> None:
        known = definitions.find(name)
        if known is not None and known.origin == FILE:
            raise RoutingError(f"{name} is defined in the configuration; change it there")

    # Building

    def _read(self, name: str, values: Mapping[str, Any], path: tuple[str | int, ...], source: Source) -> Any:
        settings = read_destination(self._kinds, self._context, name, values, path, source)
        self._boxes.check_form(name, source.place(path), plain=self._kinds[settings.kind].PLAIN)
        return settings

    def _build(self, definition: Definition) -> Station:
        name = definition.name
        settings = self._read(name, definition.values, (name,), NOWHERE)
        destination = self._kinds[settings.kind](self._context(name), settings)
        now = self._now()
        kept = Kept(self._boxes.dead(name, now), self.broker, plain=destination.PLAIN)
        outbox = self._boxes.waiting(name, bounds_of(settings), now, plain=destination.PLAIN)
        line = Line(name, outbox, settings, self._burial(settings, kept), self.broker, self._now)
        line.plain = destination.PLAIN
        line.paused = name in self.broker.kept.of(PAUSED)
        before = self.stations.get(name)
        if before is not None:
            line.go_on_counting(before.line)
        carrier = destination.carrier(line) or Courier(line, destination)
        line.carrier = carrier
        station = self.stations[name] = Station(definition, line, carrier, kept)
        return station

    async def _rebuild(self, definition: Definition) -> None:
        before = self.stations.get(definition.name)
        if before is not None:
            await self._end(before)
        try:
            await self._start(self._build(definition))
        except ConfigError:
            if before is not None:
                await self._start(self._build(before.definition))
            raise

    async def _start(self, station: Station) -> None:
        if self._running:
            await station.carrier.start()

    async def _end(self, station: Station, patience: float = PATIENCE) -> None:
        try:
            await station.carrier.stop(patience)
            await station.line.burial.finish()
        except Exception:
            log.exception("routing: the destination %s did not stop properly", station.definition.name)
        station.line.recall()

    def _burial(self, settings: DestinationSettings, kept: Kept) -> Burial:
        where, _, what = settings.dead_letter.partition(":")
        if where == "drop":
            return Dropped()
        if where == "topic":
            return ToTopic(what, self._default_tenant, self.broker, self._now, kept)
        if where == "folder":
            folder = Path(what)
            return ToFolder(folder if folder.is_absolute() or self._data is None else self._data / folder, kept)
        return kept

    def _context(self, name: str) -> DestinationContext:
        return DestinationContext(
            name=name,
            http=self._http,
            now=self._now,
            broker=self.broker,
            tenant=self._default_tenant,
            origin=self._settings.origin or socket.gethostname(),
            data=self._data,
            safe=self._safe,
        )

    def _rule(self, definition: Definition) -> RuleSettings:
        return read_rule(definition.name, definition.values, (definition.name,), NOWHERE, self.event_kinds)

    def _use_rules(self) -> None:
        enrichments = Enrichments()
        before = self.rules
        self.rules = {}
        for definition in self.rule_definitions:
            try:
                settings = self._rule(definition)
            except ConfigError as error:
                log.error("routing: the rule %s cannot be used: %s", definition.name, error)
                continue
            station = self.stations.get(settings.destination)
            if station is None:
                log.error("routing: the rule %s sends to %s, which is not there", definition.name, settings.destination)
                continue
            made = enrichments.of(settings.enrichments)
            rule = Rule(definition.name, settings, station.line, made, self._default_tenant)
            known = before.get(definition.name)
            rule.matched = 0 if known is None else known.matched
            self.rules[definition.name] = rule
        self._tap.use(self.rules.values())
