"""Looks after the certificates of all listeners: reads new files, warns before the end of old ones, gives figures.

What a newcomer gets wrong: when a certificate expires is read when it is loaded, never when somebody scrapes.
"""

import logging
import ssl
from datetime import UTC, datetime
from typing import Final

from myna.net.tls import TlsContexts

log = logging.getLogger("myna.net")

WARNING: Final = 14 * 86_400.0  # seconds before the end
AGAIN: Final = 86_400.0  # … and how often it is said


class TlsWatch:
    def __init__(self) -> None:
        self._contexts: list[tuple[str, TlsContexts]] = []
        self._read: dict[str, ssl.SSLContext] = {}  # by listener: of which context the moments are known
        self._expiries: dict[str, dict[str, float]] = {}  # listener -> file -> moment
        self._warn_at = 0.0

    def add(self, listener: str, contexts: TlsContexts) -> None:
        self._contexts.append((listener, contexts))
        self._note(listener, contexts)

    def tick(self, now: float) -> None:
        """Once a second."""
        for listener, contexts in self._contexts:
            contexts.look(listener)
            if self._read[listener] is not contexts.current:
                self._note(listener, contexts)
        if now >= self._warn_at:
            self._warn_at = now + AGAIN
            self._warn(now)

    def metrics(self) -> str:
        if not self._contexts:
            return ""
        name, outdated = "myna_tls_not_after_timestamp_seconds", "myna_tls_new_files_unusable"
        lines = [f"# HELP {name} When a certificate or revocation list is out of date.", f"# TYPE {name} gauge"]
        for listener, files in self._expiries.items():
            lines += [f'{name}{{listener="{listener}",file="{_escape(file)}"}} {at:.0f}' for file, at in files.items()]
        lines += [f"# HELP {outdated} 1: the files have changed and cannot be used.", f"# TYPE {outdated} gauge"]
        lines += [f'{outdated}{{listener="{listener}"}} {int(one.outdated)}' for listener, one in self._contexts]
        return "\n".join(lines)

    def _note(self, listener: str, contexts: TlsContexts) -> None:
        from myna.net.certificate_file import expires_at  # noqa: PLC0415  only who uses TLS pays for it

        self._read[listener] = contexts.current
        moments = {file: expires_at(file) for file in contexts.settings.files()}
        self._expiries[listener] = {file: at for file, at in moments.items() if at is not None}
        self._warn_at = 0.0  # a new one may be as old as the one before

    def _warn(self, now: float) -> None:
        soon = {file: at for files in self._expiries.values() for file, at in files.items() if at - now < WARNING}
        for file, at in sorted(soon.items()):
            day = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            if at <= now:
                log.error("%s is out of date since %s: clients refuse it, or are refused; replace it", file, day)
            else:
                log.warning("%s is out of date from %s on, in %d days; replace it", file, day, (at - now) // 86_400)


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
