"""What `myna sessions`, `retained`, `kick` and `ban` share: finding the broker, asking it, showing its answers."""
