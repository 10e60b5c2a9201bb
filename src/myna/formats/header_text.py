"""Any text as the value of an HTTP header, as CloudEvents wants it: what cannot stand there is percent-encoded UTF-8.

What a newcomer gets wrong: `%` is encoded, too, so that decoding always gives back the text; spaces stay as they are
but for the ends, where HTTP would drop them.
"""

import re
from typing import Final
from urllib.parse import quote

_UNSAFE: Final = re.compile(r'[^\x20-\x7e]+|["%]|^ +| +\Z')


def header_text(text: str) -> str:
    return _UNSAFE.sub(_encode, text)


def _encode(found: re.Match[str]) -> str:
    return quote(found[0].encode(errors="replace"), safe="")
