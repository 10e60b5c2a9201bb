from myna.commands.administration.tables import harmless, moment, plural, show_table, size


def test_columns_are_as_wide_as_they_must_be() -> None:
    assert list(show_table(("A", "LONG"), [("bbb", 1), ("c", "")])) == ["A    LONG", "bbb  1", "c"]


def test_on_a_terminal_the_widest_columns_give_way_and_a_pipe_gets_all() -> None:
    rows = [("a" * 40, "b" * 15, "c"), ("d", "e", "f")]
    lines = list(show_table(("CLIENT", "USER", "X"), rows, room=35))
    assert lines[1] == f"{'a' * 14}…  {'b' * 15}  c"
    assert max(map(len, lines)) == 35
    assert list(show_table(("CLIENT", "USER", "X"), rows, room=0))[1] == f"{'a' * 40}  {'b' * 15}  c"
    dated = list(show_table(("CLIENT", "SINCE"), [("a" * 40, "2026-01-01 00:00:00")], room=40))
    assert dated[1] == f"{'a' * 18}…  2026-01-01 00:00:00"
    narrowest = list(show_table(("CLIENT", "USER", "X"), rows, room=5))
    assert len(narrowest[1]) == 12 + 2 + 12 + 2 + 1


def test_nothing_a_client_calls_itself_moves_the_cursor() -> None:
    assert harmless("a\x1b[31m\nb\u202e") == "a\\x1b[31m\\nb\\u202e"


def test_sizes_moments_and_numbers_are_for_people() -> None:
    assert [size(count) for count in (0, 1023, 1536, 3 * 1024**3)] == ["0 B", "1023 B", "1.5 KiB", "3.0 GiB"]
    assert moment(None) == ""
    assert len(moment("2026-01-01T00:00:00Z")) == 19
    assert [plural(1, "ban"), plural(1200, "ban")] == ["1 ban", "1,200 bans"]
