"""Lines of keys in a TOML file."""

from myna.config.lines import line_of, locate

TEXT = '''\
# a comment with [brackets]
[server]
data = "a # b"   # not part of it

[[mqtt]]
listen = "x"
[[mqtt]]
listen = """
[limits]
"""
access = [
  "one",   # [tls]
  "two",
]
[mqtt.tls]
key = 'k'
[tenant."a.b".limits]
sessions = 1
[network]
slow_reader.x = 3
'''


def test_keys_and_tables_are_found_with_their_lines() -> None:
    found = locate(TEXT)
    assert found[("server",)] == 2
    assert found[("server", "data")] == 3
    assert found[("mqtt",)] == 5
    assert found[("mqtt", 0, "listen")] == 6
    assert found[("mqtt", 1)] == 7
    assert found[("mqtt", 1, "listen")] == 8
    assert found[("mqtt", 1, "access")] == 11
    assert found[("mqtt", 1, "tls", "key")] == 16
    assert found[("tenant", "a.b", "limits", "sessions")] == 18
    assert found[("network", "slow_reader", "x")] == 20


def test_what_stands_in_a_value_is_not_taken_for_a_table() -> None:
    found = locate(TEXT)
    assert ("limits",) not in found
    assert ("tls",) not in found


def test_what_has_no_line_of_its_own_lies_in_something_that_has() -> None:
    found = locate("[a]\nb = { c = 1 }\n")
    assert line_of(("a", "b", "c"), found) == 2
    assert line_of(("a", "x"), found) == 1
    assert line_of(("z",), found) == 0
