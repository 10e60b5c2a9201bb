"""The wiring. The only part that imports all the others; they meet nowhere else."""

from myna.app.access import believes_anybody, describe_access, exposed_services, face_access
from myna.app.broker import App, CannotStart, set_up_log
from myna.app.examining import examine
from myna.app.explaining import explain_faces
from myna.app.limits import changed_limits
from myna.app.permissions import ask_rules, explain_rules
from myna.faces import FACES
from myna.sockets.readiness import new_event_loop
from myna.store.embedded import StoreError, inspection

__all__ = [
    "FACES",
    "App",
    "CannotStart",
    "StoreError",
    "ask_rules",
    "believes_anybody",
    "changed_limits",
    "describe_access",
    "examine",
    "explain_faces",
    "explain_rules",
    "exposed_services",
    "face_access",
    "inspection",
    "new_event_loop",
    "set_up_log",
]
