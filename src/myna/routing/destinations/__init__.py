"""The kinds of destinations there are, a file each."""

from typing import Final

from myna.routing.destination import Destination
from myna.routing.destinations.file import FileDestination
from myna.routing.destinations.kafka import KafkaDestination
from myna.routing.destinations.mqtt import MqttDestination
from myna.routing.destinations.nats import NatsDestination
from myna.routing.destinations.pull import PullDestination
from myna.routing.destinations.topic import TopicDestination
from myna.routing.destinations.webhook import Webhook

KINDS: Final[dict[str, type[Destination]]] = {
    "file": FileDestination,
    "kafka": KafkaDestination,
    "mqtt": MqttDestination,
    "nats": NatsDestination,
    "pull": PullDestination,
    "topic": TopicDestination,
    "webhook": Webhook,
}
