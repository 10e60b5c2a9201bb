"""The load generator behind `myna bench`: what it sends, how it reads, what it counts.

Nothing in here knows which broker it talks to. One process and one thread do all of it; what makes that quick enough
is that no step is done per message: a publisher sends slices of a stream built beforehand (stream.py), and a subscriber
compares whole chunks with the stream it expects (tally.py).
"""
