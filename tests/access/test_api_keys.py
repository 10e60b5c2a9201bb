"""Keys with names, for back ends."""

from pathlib import Path
from typing import Any

import pytest

from myna.access.api_keys import ApiKeys, KeySettings, Settings
from myna.config import ConfigError, Table, decode_table
from myna.core.identity import Identity
from myna.core.outcome import Refusal
from myna.core.ports import Ticket
from myna.formats.password_file import Entry, hash_api_key, with_api_key, with_secret, write_password_file
from tests.access.contexts import access_context
from tests.access.tickets import FakeTicket

KEY = "a key of sixteen or more characters"
KEYS = (
    KeySettings("billing", key=KEY, tenant="acme", attributes={"role": "payer"}),
    KeySettings("digest", sha256=hash_api_key(b"another key")),
    KeySettings("gone", sha256=hash_api_key(b"disabled key"), disabled=True),
    KeySettings("all", sha256=hash_api_key(b"key of all"), tenant="*"),
)


def shown(key: bytes | None, user_name: str | None = None, level: int = 0) -> Ticket:
    ticket = FakeTicket(user_name=user_name, password=key)
    ticket.level = level
    return ticket


def judge(ticket: Ticket, **settings: Any) -> str:
    verdict = ApiKeys(Settings(keys=KEYS, **settings), access_context()).judge(ticket, 0.0)
    if isinstance(verdict, Identity):
        return f"{verdict.tenant}/{verdict.user} {verdict.attributes}"
    return f"0x{verdict.reason:02X}" if isinstance(verdict, Refusal) else "not mine"


@pytest.mark.parametrize(
    ("ticket", "verdict"),
    [
        (shown(KEY.encode()), "acme/billing {'role': 'payer'}"),
        (shown(KEY.encode(), level=5), "acme/billing {'role': 'payer'}"),
        (shown(KEY.encode(), user_name="", level=4), "acme/billing {'role': 'payer'}"),
        (shown(b"another key"), "DevOnly/digest {}"),
        (shown(b"disabled key"), "0x8A"),
        (shown(b"key of all"), "*/all {}"),
        (shown(b"key of all", level=5), "0x87"),
        (shown(KEY.encode() + b"x"), "not mine"),
        (shown(hash_api_key(KEY.encode()).encode()), "not mine"),
        (shown(b""), "not mine"),
        (shown(None), "not mine"),
        (shown(KEY.encode(), user_name="billing"), "not mine"),
    ],
)
def test_a_key_says_who_it_is(ticket: Ticket, verdict: str) -> None:
    assert judge(ticket) == verdict


def test_a_method_of_authentication_is_somebody_else_s() -> None:
    ticket = shown(KEY.encode())
    ticket.method = "CUSTOM-JWT"
    assert judge(ticket) == "not mine"


async def test_a_file_holds_keys_beside_users_and_may_change(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_bytes(
        write_password_file([with_api_key(Entry("one", "acme"), b"first key"), with_secret(Entry("u"), b"s")])
    )
    path.chmod(0o600)
    keys = ApiKeys(Settings(file=str(path)), access_context())
    assert isinstance(keys.judge(shown(b"first key"), 0.0), Identity)
    assert keys.judge(shown(b"s"), 0.0) is None
    path.write_bytes(write_password_file([with_api_key(Entry("two"), b"second key")]))
    keys.tick(1.0)
    keys.tick(2.0)
    await keys.settled()
    assert keys.judge(shown(b"first key"), 0.0) is None
    assert isinstance(keys.judge(shown(b"second key"), 0.0), Identity)
    keys.close()


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"keys": [{"name": "a", "key": "short"}]}, "16"),
        ({"keys": [{"name": "a"}]}, "either"),
        ({"keys": [{"name": "a", "key": KEY, "sha256": "0" * 64}]}, "either"),
        ({"keys": [{"name": "a", "sha256": "0"}]}, "sha256"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], cause: str) -> None:
    with pytest.raises(ConfigError, match=cause) as caught:
        decode_table(Table(("access", "api-keys"), values), Settings)
    assert KEY not in str(caught.value)


def test_no_keys_at_all_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="no keys"):
        ApiKeys(Settings(), access_context())
