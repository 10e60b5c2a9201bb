"""A certificate authority for a developer's desk, for `myna cert`."""
