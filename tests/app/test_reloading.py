from msgspec.structs import replace

from myna.app.reloading import compare
from myna.config import Address, Config, Listener, Table
from myna.config.sections import Administration


def test_what_changed_is_in_force_or_waits() -> None:
    old = Config()
    taken, stubborn = Table(("faces", "a"), {"x": 1}), Table(("faces", "b"), {})
    new = replace(
        old,
        administration=Administration(metrics="open"),
        http=(Listener(Address("localhost", 1)),),
        faces={"a": taken, "b": stubborn},
    )
    done = compare(old, new, lambda name: name == "a")
    assert list(done.in_force) == ["administration", "certificates", "faces.a"]
    assert list(done.waiting) == ["faces.b", "http"]
    assert list(done.problems) == []


def test_where_nothing_changed_certificates_are_read_all_the_same() -> None:
    done = compare(Config(), Config(), lambda _: False)
    assert list(done.in_force) == ["certificates"]
    assert list(done.waiting) == []
