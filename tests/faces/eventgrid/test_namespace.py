"""Bindings, groups and roles together, against a model that asks every binding about every topic."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from myna.faces.eventgrid.clients import Client
from myna.faces.eventgrid.namespace import (
    ALL_CLIENTS,
    PUBLISHER,
    SUBSCRIBER,
    Binding,
    Namespace,
    Role,
    open_namespace,
)
from myna.faces.eventgrid.queries import parse_query
from myna.faces.eventgrid.templates import parse_template
from myna.wire.topics import matches

QUERIES: dict[str, tuple[str, Callable[[Client], bool]]] = {
    "group-a": ("attributes.kind = 'a'", lambda client: client.attributes.get("kind") == "a"),
    "group-b": ("attributes.level >= 2", lambda client: client.attributes.get("level") in (2, 3)),
}
TEMPLATES: dict[str, tuple[str, Callable[[Client], list[str]]]] = {
    "open": ("pub/#", lambda client: ["pub/#"]),
    "own": ("own/${client.authenticationName}/+", lambda client: [f"own/{client.authentication_name}/+"]),
    "kind": (
        "kind/${client.attributes.kind}",
        lambda client: [f"kind/{client.attributes['kind']}"] if "kind" in client.attributes else [],
    ),
}
TOPICS = ["pub", "pub/x", "pub/x/y", "own/n1/x", "own/n2/x", "own/n1", "kind/a", "kind/b", "other"]

BINDINGS = st.lists(
    st.builds(
        Binding,
        st.sampled_from([ALL_CLIENTS, *QUERIES]),
        st.sampled_from(list(TEMPLATES)),
        st.sampled_from([PUBLISHER, SUBSCRIBER]),
    ),
    max_size=5,
)
ROLES = st.lists(
    st.builds(Role, st.sampled_from([PUBLISHER, SUBSCRIBER]), st.sampled_from(["", *TEMPLATES])), max_size=2
)
CLIENTS = st.builds(
    Client,
    st.sampled_from(["n1", "n2"]),
    st.fixed_dictionaries({}, optional={"kind": st.sampled_from("ab"), "level": st.integers(0, 3)}),
)


@given(CLIENTS, BINDINGS, ROLES)
def test_a_topic_is_granted_when_some_binding_or_role_grants_it(
    client: Client, bindings: list[Binding], roles: list[Role]
) -> None:
    namespace = Namespace(
        groups={name: parse_query(text) for name, (text, _) in QUERIES.items()},
        topic_spaces={name: (parse_template(text),) for name, (text, _) in TEMPLATES.items()},
        bindings=tuple(bindings),
    )
    grants = namespace.grants(client, roles)
    for permission, coverage in ((PUBLISHER, grants.publish), (SUBSCRIBER, grants.subscribe)):
        spaces = [
            one.topic_space
            for one in bindings
            if one.permission == permission and (one.group == ALL_CLIENTS or QUERIES[one.group][1](client))
        ]
        for role in roles:
            if role.permission == permission:
                spaces += [role.topic_space] if role.topic_space else list(TEMPLATES)
        filters = [filter for space in spaces for filter in TEMPLATES[space][1](client)]
        for topic in TOPICS:
            assert coverage.covers(topic) == any(matches(filter, topic) for filter in filters)


def test_without_a_binding_there_is_no_access() -> None:
    grants = Namespace().grants(Client("c"))
    assert grants.publish.is_empty()
    assert grants.subscribe.is_empty()


def test_development_s_namespace_reaches_all_but_what_is_reserved() -> None:
    grants = open_namespace().grants(Client("c"))
    assert grants.publish.covers("a/b")
    assert grants.subscribe.covers("#")
    assert not grants.publish.covers("$SYS/x")
    assert not grants.subscribe.covers("$SYS/#")
