"""Other nodes of the same broker."""
