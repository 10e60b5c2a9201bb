"""The table of operations: method and path below /api/hubs/{hub}, since when, and who handles it.

The documentation's table is compared with this one by a test. `until` names the last version that has an operation.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from myna.faces.webpubsub.answers import Answer
from myna.faces.webpubsub.rest import client_tokens, connections, groups, permissions, sending, users
from myna.faces.webpubsub.rest.call import Call

Handler = Callable[[Call], Awaitable[Answer]]

FIRST: Final = "2020-10-01"


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    handler: Handler
    since: str = FIRST
    until: str = "9999"


OPERATIONS: Final = (
    Operation("POST", ":send", sending.send_to_all),
    Operation("POST", "groups/{group}/:send", sending.send_to_group),
    Operation("POST", "users/{userId}/:send", sending.send_to_user),
    Operation("POST", "connections/{connectionId}/:send", sending.send_to_connection),
    Operation("HEAD", "connections/{connectionId}", connections.connection_exists),
    Operation("DELETE", "connections/{connectionId}", connections.close_connection),
    Operation(
        "DELETE", "connections/{connectionId}/groups", connections.remove_connection_from_all_groups, "2022-11-01"
    ),
    Operation("HEAD", "groups/{group}", groups.group_exists),
    Operation("GET", "groups/{group}/connections", groups.list_group_connections, "2024-12-01"),
    Operation("PUT", "groups/{group}/connections/{connectionId}", groups.add_connection_to_group),
    Operation("DELETE", "groups/{group}/connections/{connectionId}", groups.remove_connection_from_group),
    Operation("POST", "groups/{group}/:closeConnections", connections.close_group_connections, "2021-10-01"),
    Operation("HEAD", "users/{userId}", users.user_exists),
    Operation("POST", "users/{userId}/:closeConnections", connections.close_user_connections, "2021-10-01"),
    Operation("PUT", "users/{userId}/groups/{group}", users.add_user_to_group),
    Operation("DELETE", "users/{userId}/groups/{group}", users.remove_user_from_group),
    Operation("HEAD", "users/{userId}/groups/{group}", users.is_user_in_group, FIRST, FIRST),
    Operation("DELETE", "users/{userId}/groups", users.remove_user_from_all_groups),
    Operation("PUT", "permissions/{permission}/connections/{connectionId}", permissions.grant_permission),
    Operation("DELETE", "permissions/{permission}/connections/{connectionId}", permissions.revoke_permission),
    Operation("HEAD", "permissions/{permission}/connections/{connectionId}", permissions.check_permission),
    Operation("POST", ":closeConnections", connections.close_all_connections, "2021-10-01"),
    Operation("POST", ":generateToken", client_tokens.generate_token, "2021-10-01"),
    Operation("POST", ":addToGroups", groups.add_to_groups, "2023-07-01"),
    Operation("POST", ":removeFromGroups", groups.remove_from_groups, "2023-07-01"),
)


def shape_of(path: str) -> str:
    """Names have the odd places: groups/{group}/:send becomes groups/*/:send."""
    return "/".join("*" if at % 2 else segment for at, segment in enumerate(path.split("/")))


BY_SHAPE: Final[dict[str, dict[str, Operation]]] = {}
for _operation in OPERATIONS:
    BY_SHAPE.setdefault(shape_of(_operation.path), {})[_operation.method] = _operation
