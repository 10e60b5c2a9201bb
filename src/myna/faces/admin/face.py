"""What the administration claims: its operations below /api/admin, and the document that describes them.

What a newcomer gets wrong: the token is not asked for here. Whoever gets here has shown it (`Claims.administration`).
"""

from myna.config import Section
from myna.faces.admin.bans import BanOperations
from myna.faces.admin.description import describe
from myna.faces.admin.endpoint import Endpoint, Operation
from myna.faces.admin.parameters import Values
from myna.faces.admin.process import ProcessOperations
from myna.faces.admin.retained import RetainedOperations, largest_payload
from myna.faces.admin.sessions import SessionOperations
from myna.faces.admin.subscribers import SubscriberOperations
from myna.faces.admin.tenants import TenantOperations
from myna.faces.contract import Claims, Face, FaceContext, Route


class Settings(Section, frozen=True):
    """It has none: whose token opens it is said in [administration]."""


class AdminFace(Face):
    SETTINGS = Settings

    def __init__(self, context: FaceContext, settings: Settings) -> None:
        self._context = context

    def claims(self) -> Claims:
        operations = all_operations(self._context)
        return Claims(
            administration=[Route(one.pattern, Endpoint(one, self._largest_body), (one.method,)) for one in operations],
            description=describe(operations),
        )

    def reload(self, settings: Settings) -> bool:
        return True

    def _largest_body(self, values: Values) -> int:
        return largest_payload(self._context.broker.core, values)


def all_operations(context: FaceContext) -> list[Operation]:
    broker = context.broker
    parts = (
        SessionOperations(broker),
        SubscriberOperations(broker),
        RetainedOperations(broker),
        BanOperations(broker),
        TenantOperations(broker),
        ProcessOperations(broker.core.counters, context.process, context.urls),
    )
    return [operation for part in parts for operation in part.operations()]
