"""What a schema cannot say of a request, put right before it is sent.

User properties are JSON within base64, a response topic is percent-encoded in its header, and of a flag's two homes the
query wins.
"""

from typing import Any

import schemathesis

PAIRS = ("W10=", "W3siYSI6IjEifSx7ImEiOiIyIn1d", '[{"Urgency":"alert"}]')


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    query, headers = case.query or {}, case.headers or {}
    for name in ("qos", "retain"):
        if f"mqtt-{name}" in headers and str(query.get(name)) in ("0", "1"):
            query.pop(name, None)  # it would win, and the header would not be looked at
    if not case.meta.generation.mode.is_positive:
        return
    if "mqtt-response-topic" in headers:
        headers["mqtt-response-topic"] = f"reply/{len(headers['mqtt-response-topic'])}"
    if "mqtt-user-properties" in headers:
        headers["mqtt-user-properties"] = PAIRS[len(headers["mqtt-user-properties"]) % len(PAIRS)]
