"""A process that floods a port with connections until its standard input ends, then says how many a second they were.

    python flooder.py PORT connects|silent|gone

Says "going" when it has begun. Sockets are reset, so that the flood leaves no ports waiting.
"""

import select
import socket
import struct
import sys
import time

HELD = 2000
RESET = struct.pack("ii", 1, 0)


def connect_packet(name: str) -> bytes:
    return b"\x10" + bytes([12 + len(name)]) + b"\0\4MQTT\4\2\0\0\0" + bytes([len(name)]) + name.encode()


def flood(port: int, kind: str) -> float:
    held: list[socket.socket] = []
    count = 0
    began = time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            sock = socket.create_connection(("127.0.0.1", port), timeout=60)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            held.append(sock)
            if kind == "connects":
                sock.sendall(connect_packet(f"f{count % 100}"))
            count += 1
        except OSError:
            pass  # refused: the next one
        if count == 1:
            print("going", flush=True)
        while len(held) > (HELD if kind == "silent" else 0):
            held.pop(0).close()
    return count / (time.monotonic() - began)


if __name__ == "__main__":
    print(flood(int(sys.argv[1]), sys.argv[2]), flush=True)
