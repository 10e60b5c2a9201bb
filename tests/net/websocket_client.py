"""A WebSocket client that can be as rude as a test needs."""

from websockets.utils import apply_mask

from tests.net.harness import Client

MASK = b"\x11\x22\x33\x44"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # for KEY, from RFC 6455, section 1.3


def mask_frame(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0) -> bytes:
    head = bytes(((0x80 if final else 0) | reserved | opcode,))
    size = len(payload)
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65536:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    return head + MASK + apply_mask(payload, MASK)


def handshake(path: bytes = b"/ws", *headers: bytes) -> bytes:
    lines = [
        b"GET " + path + b" HTTP/1.1",
        b"Host: h",
        b"Upgrade: websocket",
        b"Connection: keep-alive, Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def read_frame(client: Client) -> tuple[int, bytes]:
    """Opcode and payload of a server's frame; (-1, b"") at the end of the stream."""
    head = await client.read(2)
    if len(head) < 2:
        return -1, b""
    assert head[0] & 0x80, "we send whole messages"
    assert not head[1] & 0x80, "servers do not mask"
    size = head[1]
    if size >= 126:
        size = int.from_bytes(await client.read(2 if size == 126 else 8), "big")
    return head[0] & 0x0F, await client.read(size)
