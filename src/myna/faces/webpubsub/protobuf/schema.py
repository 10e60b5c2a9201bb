"""The messages of webpubsub.proto, as protobuf's own runtime makes them of the descriptor beside it.

`make proto` writes that descriptor; a test compares both. What a newcomer gets wrong: these classes are made when this
file is imported, so no type checker knows their fields. Only `reading` and `writing` touch them.
"""

from importlib.resources import files
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE: Final = "azure.webpubsub"
DESCRIPTOR: Final = "webpubsub.binpb"


def _load() -> DescriptorPool:
    """A pool of its own: whoever embeds the broker may have loaded another form of the same package."""
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(files(__package__).joinpath(DESCRIPTOR).read_bytes()).file:
        pool.Add(file)
    return pool


_POOL: Final = _load()


def _class_of(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(name))


UpstreamMessage: Final = _class_of(f"{PACKAGE}.UpstreamMessage")
DownstreamMessage: Final = _class_of(f"{PACKAGE}.DownstreamMessage")
DataMessage: Final = _class_of(f"{PACKAGE}.DownstreamMessage.DataMessage")
GroupStateItem: Final = _class_of(f"{PACKAGE}.GroupStateItem")
MessageData: Final = _class_of(f"{PACKAGE}.MessageData")
AnyMessage: Final = _class_of("google.protobuf.Any")
