"""The kinds of destinations there are, a file each."""

from typing import Final

from myna.routing.destination import Destination
from myna.routing.destinations.topic import TopicDestination
from myna.routing.destinations.webhook import Webhook

KINDS: Final[dict[str, type[Destination]]] = {"topic": TopicDestination, "webhook": Webhook}
