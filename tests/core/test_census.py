"""Numbers over all tenants, as clients come and go."""

from myna.testing import World


def test_connections_sessions_and_half_open_ones_are_counted_and_uncounted() -> None:
    world = World()
    census = world.broker.census

    def counted() -> tuple[int, int, int]:
        return census.half_open, census.connections, census.sessions

    stranger = world.stranger()
    assert counted() == (1, 0, 0)
    keeps = world.connected("keeps", expiry=60)
    leaves = world.connected("leaves")
    assert counted() == (1, 2, 2)
    world.connected("keeps", clean=False)  # takes over
    assert counted() == (1, 2, 2)
    keeps.drop()
    leaves.disconnect()
    stranger.drop()
    assert counted() == (0, 1, 1)
    refused = world.client("", 4, clean=False)
    refused.expect_connack(2)
    refused.drop()
    assert counted() == (0, 1, 1)


def test_a_connection_that_never_says_who_it_is_is_not_half_open_for_ever() -> None:
    world = World()
    world.stranger()
    world.pass_time(11)
    assert world.broker.census.half_open == 0
