"""Sockets: everything that waits. Bytes go into the core from here, and what the core wants written leaves from here.

Start with `listeners.py`, then follow a byte: `acceptor`, `readiness`, `stream`, `turn`. Nothing here knows what a
packet is.
"""
