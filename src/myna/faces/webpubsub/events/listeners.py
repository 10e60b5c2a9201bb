"""Event listeners: what a hub's settings want routed besides what handlers get, offered to the rules of routing.

User events, `connected` and `disconnected`; never `connect`, which wants an answer. What a newcomer gets wrong: a hub's
settings and a rule must both want an event. One that a rule has taken counts as taken though no handler wants it.
"""

from typing import Final

from myna.faces.webpubsub.events.cloud_event import Happening, Source, source_path
from myna.faces.webpubsub.events.matching import matches
from myna.faces.webpubsub.hub_settings import HubSettings
from myna.faces.webpubsub.naming import DIALECT, tenant_of
from myna.formats.offered import EventSink, OfferedEvent

KIND: Final = DIALECT  # what rules choose these events by


class Listeners:
    def __init__(self, sink: EventSink, default_tenant: str) -> None:
        self._sink = sink
        self._default_tenant = default_tenant

    def offer_user_event(self, settings: HubSettings, source: Source, happening: Happening) -> bool:
        """Has it been taken?"""
        return matches(settings.routed_user_events, happening.name) and self._offer(source, happening)

    def offer_system_event(self, settings: HubSettings, source: Source, happening: Happening) -> bool:
        return happening.name in settings.routed_system_events and self._offer(source, happening)

    def _offer(self, source: Source, happening: Happening) -> bool:
        tenant = tenant_of(source.hub, self._default_tenant)
        if not self._sink.want(KIND, tenant):
            return False
        attributes: dict[str, str | int | bool] = {
            "hub": source.hub,
            "connectionid": source.connection_id,
            "eventname": happening.name,
        }
        for name, value in (("userid", source.user), ("subprotocol", source.subprotocol)):
            if value:
                attributes[name] = value
        return self._sink.offer(
            OfferedEvent(
                KIND,
                tenant,
                happening.kind + happening.name,
                source_path(source),
                source.connection_id,
                happening.body,
                happening.content_type,
                attributes,
            )
        )
