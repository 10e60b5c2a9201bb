"""Plain sockets, quickly: who is ready, one read, one write per turn, the clock.

The third compiled folder: what it does per wake-up is paid by every message that comes alone, and there the
interpreter cost a third of the broker's time. Knows MQTT as little as `net` does, which builds on it.
"""
