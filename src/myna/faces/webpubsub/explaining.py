"""What the face's settings mean, in words: for `myna check` and the banner.

What a newcomer gets wrong: what an administrator has set at run time stands above the file, and `check` reads the file.
"""

from collections.abc import Iterator, Sequence

from myna.faces.webpubsub.hub_settings import DEFAULT_HUB, NO_SETTINGS, Handler, HubSettings, mask_url
from myna.faces.webpubsub.oidc import OidcSettings
from myna.faces.webpubsub.settings import Settings

EVERY_HUB = "*"


def explain_settings(settings: Settings) -> Iterator[str]:
    key = "is that of this file" if settings.access_key else "is made on first use and kept in the data folder"
    yield f"the access key {key}{', and there is a secondary one' if settings.secondary_key else ''}"
    if settings.hosts:
        yield f"tokens are for {', '.join(settings.hosts)}, or for the host that is asked"
    if settings.oidc is not None:
        yield _explain_issuer(settings.oidc)
    if EVERY_HUB in settings.anonymous_hubs:
        yield "every hub: clients need no token"
    else:
        own = {name.lower() for name, hub in settings.hubs.items() if hub.anonymous}
        yield from (f"hub {hub}: clients need no token" for hub in settings.anonymous_hubs if hub.lower() not in own)
    for name, hub in settings.hubs.items():
        yield from explain_hub(name, hub)


def explain_hub(name: str, settings: HubSettings) -> list[str]:
    title = "hubs without settings of their own" if name == DEFAULT_HUB else f"hub {name}"
    if not settings.handlers:
        lines = [f"{title}: no event handlers"]
    else:
        lines = [f"{title}: {_explain_handler(handler)}" for handler in settings.handlers]
    routed = _events(settings.routed_system_events, settings.routed_user_events)
    if routed:
        lines.append(f"{title}: {routed} to the rules of routing")
    if settings.handlers and settings.timeout != NO_SETTINGS.timeout:
        lines.append(f"{title}: a handler has {settings.timeout} to answer")
    if settings.anonymous:
        lines.append(f"{title}: clients need no token")
    if not settings.client_ids_of_users:
        lines.append(f"{title}: an MQTT client id belongs to whoever comes last, sessions of other users included")
    return lines


def _explain_issuer(issuer: OidcSettings) -> str:
    if issuer.accept_unvalidated:
        return "REST takes tokens of anybody"
    who = f"of {issuer.issuer}" if issuer.issuer else "signed with the keys given"
    role = f" that bear the role {issuer.role}" if issuer.role else ", whatever their role"
    return f"REST takes tokens {who} for {' or '.join(issuer.audiences)}{role}"


def _explain_handler(handler: Handler) -> str:
    events = _events(handler.system_events, handler.user_event_pattern)
    return f"{events or 'nothing'} to {mask_url(handler.url_template)}"


def _events(system: Sequence[str], user: str) -> str:
    events = list(system)
    if user:
        events.append("all user events" if user == "*" else f"user events {user}")
    return ", ".join(events)
