"""Nobody else: the broker is one process. `alone` spares the core from asking at all."""

from myna.core.message import Message
from myna.core.ports import Peers


class SoloPeers(Peers):
    def forward(self, tenant: str, message: Message) -> bool:
        return False

    def announce(self, tenant: str, filter: str, wanted: bool) -> None:
        return

    def claim(self, tenant: str, scope: str, client_id: str) -> None:
        return
