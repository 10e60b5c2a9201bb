"""Identities and rulebooks, in a line each."""

from myna.access.rules.book import Rulebook
from myna.config.rules_file import read_rules
from myna.core.identity import Identity


def person(user: str = "alice", tenant: str = "acme", client: str = "phone", **attributes: str) -> Identity:
    return Identity(tenant, user, attributes=attributes).of_client(client, "mqtt")


def book(text: str) -> Rulebook:
    return Rulebook(read_rules(text.encode(), "rules.toml"))
