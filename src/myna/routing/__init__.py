"""Messages that leave: rules choose them, events are made of them, destinations get them, at least once.

    message -> tap -> rules -> event (JSON) -> outbox (in the store) -> line -> courier -> destination
                                                                          \\-> dead letters

A destination is a subclass of `destination.Destination` in `destinations/`, with a line in `destinations.KINDS`:

    class PigeonSettings(DestinationSettings, frozen=True, kw_only=True):
        loft: str                                         # its keys of [routing.destinations.NAME], besides the common

    class Pigeon(Destination):
        SETTINGS = PigeonSettings

        def __init__(self, context: DestinationContext, settings: PigeonSettings) -> None: ...

        async def deliver(self, events: Sequence[Event]) -> Verdict:
            await fly(settings.loft, b"\\n".join(event.body for event in events))
            return DELIVERED                              # or again("the loft is shut"), or never("no such loft")

Queueing, retries, order, holding back and dead letters are the courier's (`courier.Courier`); one call carries one
batch, as the common settings say. A destination whose events are fetched, rather than pushed, overrides `carrier` and
works on its line itself: `take` hands events out, `done`, `give_back` and `bury` end that. What a newcomer gets wrong:
events are settled only when `deliver` has returned; a destination that answers DELIVERED before it knows loses events
in a crash.
"""
