"""SASLprep (RFC 4013): names and passwords that look alike become equal, and what nobody can type is refused.

Knows no SASL mechanism. What a newcomer gets wrong: most of this does nothing for ASCII, and ASCII is what nearly
everybody sends; so that is answered first.
"""

import stringprep
import unicodedata
from typing import Final

_PROHIBITED: Final = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,  # not assigned in Unicode 3.2: for what is stored, and we only ever store
)


def prepare(text: str) -> str:
    """Raises ValueError."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(" " if stringprep.in_table_c12(one) else one for one in text if not stringprep.in_table_b1(one))
    normal = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(table(one) for one in normal for table in _PROHIBITED):
        raise ValueError("a character that SASLprep prohibits")
    if any(map(stringprep.in_table_d1, normal)):  # some is written from right to left: then all of it (RFC 3454, 6)
        if any(map(stringprep.in_table_d2, normal)):
            raise ValueError("both directions of writing at once")
        if not (stringprep.in_table_d1(normal[0]) and stringprep.in_table_d1(normal[-1])):
            raise ValueError("right-to-left text must begin and end so")
    return normal
