"""Event handlers: what a hub's clients do, told to its back end by HTTP, and what that answers."""
