"""WebSocket clients: what they say, what they are told, and how long they live."""
