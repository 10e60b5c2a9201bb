"""What `myna pub` and `myna sub` share: their options, their properties, and how they end."""
