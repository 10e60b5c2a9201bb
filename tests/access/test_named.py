"""Authenticators by name."""

from myna.access.authenticator import NoSettings
from myna.access.chain import Chain
from myna.access.named import Named
from myna.access.open import Open
from myna.core.ports import Ticket
from myna.testing import World
from tests.access.contexts import access_context


class Nobody:
    methods = ("PIGEON",)

    def judge(self, ticket: Ticket, now: float) -> None:
        return None


def test_who_admits_a_client_is_known_to_its_identity() -> None:
    context = access_context()
    chain = Chain([Named("pigeons", Nobody()), Named("open", Open(NoSettings(), context))], context.now)
    world = World(gate=chain)
    client = world.connected("c", user="acme/alice")
    identity = client.session.identity
    assert (identity.authenticator, identity.client_id) == ("open", "c")


def test_everything_else_is_the_authenticators_own() -> None:
    assert Named("pigeons", Nobody()).methods == ("PIGEON",)
