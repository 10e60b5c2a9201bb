"""What holds for all tests: a property is about what comes out, never about how long a busy machine took for it."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
