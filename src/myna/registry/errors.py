"""What can go wrong with a registry before there is one; what goes wrong later is `formats.inventory`'s to name."""


class RegistryError(Exception):
    """The registry cannot be opened; says why."""
