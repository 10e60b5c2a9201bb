"""What the rules of a configuration mean, for the command line."""

from myna.access.open import TENANT
from myna.access.rules import words
from myna.access.rules.authority import prepare
from myna.access.rules.words import Opinion
from myna.config import Loaded
from myna.core.identity import Identity

__all__ = ["Opinion", "ask_rules", "explain_rules"]


def explain_rules(loaded: Loaded) -> list[str]:
    """Raises ConfigError."""
    return list(words.explain(prepare(loaded.config.rules, loaded.source)))


def ask_rules(
    loaded: Loaded,
    who: str,
    action: str,
    topic: str,
    *,
    qos: int = 0,
    attributes: dict[str, str] | None = None,
    authenticator: str = "",
    listener: str = "",
) -> Opinion:
    """`who` is TENANT/USER/CLIENT, TENANT/USER or USER. Raises ConfigError, or ValueError for what can be no topic."""
    parts = who.split("/", 2)
    tenant, user = (TENANT, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    identity = Identity(tenant, user, attributes=attributes)
    identity.client_id = parts[2] if len(parts) == 3 else ""
    identity.authenticator = authenticator
    identity.listener = listener
    return words.judge(prepare(loaded.config.rules, loaded.source), identity, action, topic, qos)
