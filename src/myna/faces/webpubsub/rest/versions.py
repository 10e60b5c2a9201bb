"""The versions of the API, oldest first; previews stand with the release they became.

What a newcomer gets wrong: a request without a version means the oldest one, in which DELETE answers 200.
"""

from typing import Final

OLDEST: Final = "2020-10-01"

# Version -> the release whose operations it has.
RELEASES: Final[dict[str, str]] = {
    "2020-10-01": "2020-10-01",
    "2021-05-01-preview": "2021-10-01",
    "2021-08-01-preview": "2021-10-01",
    "2021-10-01": "2021-10-01",
    "2022-10-01-preview": "2022-11-01",
    "2022-11-01": "2022-11-01",
    "2023-07-01": "2023-07-01",
    "2024-01-01": "2024-01-01",
    "2024-12-01": "2024-12-01",
}
