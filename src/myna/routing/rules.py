"""Which messages and events go to which destination, and what is added to them.

A rule is what a vendor calls an event subscription. What a newcomer gets wrong: without `tenants` it is about the
default tenant alone, and without `events` about messages alone.
"""

from typing import Final

from msgspec import field

from myna.config import Section
from myna.routing.enrichment import Enrichment, EnrichmentSettings
from myna.routing.filters import Filter, FilterSettings
from myna.routing.line import Line
from myna.wire.topics import matches, parse_filter

MESSAGES: Final = "messages"
CLIENTS: Final = "clients"
EVERY: Final = "*"  # tenant


class RuleSettings(Section, frozen=True, kw_only=True):
    destination: str  # the name of one
    topic_filters: tuple[str, ...] = ("#",)  # any of them; of messages
    tenants: tuple[str, ...] = ()  # the default one; "*" for all
    events: tuple[str, ...] = (MESSAGES,)  # and "clients": who comes and goes; and what faces offer, by their names
    filter: FilterSettings = field(default_factory=FilterSettings)
    enrichments: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    enabled: bool = True

    def __post_init__(self) -> None:
        for text in self.topic_filters:
            parsed = parse_filter(text)
            if parsed is None or parsed.group:
                raise ValueError(f"topic_filters: {text!r} is no topic filter")
        if not self.events:
            raise ValueError('events: of which kind? `events = ["messages"]`')


class Rule:
    """Rules that add the same share an Enrichment, so that their events are made once."""

    def __init__(self, name: str, settings: RuleSettings, line: Line, enrichment: Enrichment, default: str) -> None:
        self.name = name
        self.settings = settings
        self.line = line
        self.enrichment = enrichment
        self.filter = Filter(settings.filter)
        self.matched = 0  # since the broker started
        self._tenants = frozenset(settings.tenants or (default,))

    def concerns(self, kind: str, tenant: str) -> bool:
        if not self.settings.enabled or kind not in self.settings.events:
            return False
        return tenant in self._tenants or EVERY in self._tenants

    def wants(self, tenant: str, topic: str) -> bool:
        """Could a message of this topic be for it?"""
        return self.concerns(MESSAGES, tenant) and any(matches(one, topic) for one in self.settings.topic_filters)


class Enrichments:
    """Made ready once for all that say the same."""

    def __init__(self) -> None:
        self._made: list[tuple[EnrichmentSettings, Enrichment]] = []

    def of(self, settings: EnrichmentSettings) -> Enrichment:
        for known, made in self._made:
            if known == settings:
                return made
        made = Enrichment(settings)
        self._made.append((settings, made))
        return made
