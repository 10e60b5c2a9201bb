"""WebSocket frames as bytes (RFC 6455), for a server: clients mask, we do not, and there are no extensions.

Knows no socket and no handshake. Written by hand because the sans-I/O protocol of the `websockets` package, right in
everything, takes 5 to 6 us a frame and 1.4 KB a connection where this takes 1.3 us and 0.1 KB; its C masking is used.
What a newcomer gets wrong: bytes before a mistake still count, so `feed` answers the messages and leaves the mistake in
`error`.
"""

from typing import Final, final

try:
    from websockets.speedups import apply_mask
except ImportError:  # no C compiler where websockets was built
    from websockets.utils import apply_mask

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

# Those a peer may send: the registered ones that are not reserved for reports, and the two private ranges.
_SENDABLE: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


@final
class Mistake:
    """Why the peer cannot be listened to any longer, as a close code and a reason."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


@final
class FrameReader:
    """Bytes in, (opcode, payload) out. Fragments become one message of at most `limit` bytes.

    Without a limit payloads are handed on as they come, parts of frames too: then frames may be of any size.
    """

    __slots__ = ("_ahead", "_fragments", "_is_last", "_limit", "_mask", "_need", "_opcode", "_rest", "_size", "error")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._ahead = 0  # bytes that a frame handed on in parts still has to bring
        self._mask = b""  # of the first of them
        self._is_last = False
        self._rest: bytearray | None = None
        self._need = 0  # bytes that `rest` must have before it is worth another look
        self._opcode = 0  # of the message whose fragments are coming
        self._fragments: list[bytes] | None = None
        self._size = 0
        self.error: Mistake | None = None

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Everything that is complete. After `error` has been set nothing more is read."""
        messages: list[tuple[int, bytes]] = []
        if self.error is not None:
            return messages
        if self._ahead:
            data = self._read_ahead(data, messages)
        rest = self._rest
        if rest is not None:
            rest += data
            if len(rest) < self._need:
                return messages
            data = bytes(rest)
            self._rest = None
        position = self._read_frames(data, messages)
        if position < len(data):
            self._rest = bytearray(data[position:])
        return messages

    def _read_frames(self, data: bytes, messages: list[tuple[int, bytes]]) -> int:
        """Frames from the start of `data`; answers where the first incomplete one begins, its end after a mistake."""
        size = len(data)
        position = 0
        while True:
            if size - position < 6:
                self._need = 6
                return position
            length = data[position + 1] & 0x7F
            start = position + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                if size < start + 4:
                    self._need = start + 4 - position
                    return position
                length = int.from_bytes(data[position + 2 : start], "big")
            head = data[position]
            if not self._accepts(head, data[position + 1], length):
                return size
            end = start + 4 + length
            if size < end:
                if self._limit is None and head & 0x0F <= BINARY:
                    self._begin_part(head, data[start:], length, messages)
                    return size
                self._need = end - position
                return position
            self._add(head, apply_mask(data[start + 4 : end], data[start : start + 4]), messages)
            position = end

    def _begin_part(self, head: int, rest: bytes, length: int, messages: list[tuple[int, bytes]]) -> None:
        """A frame that is not all there: its header has been judged, and what there is is handed on."""
        if head & 0x0F:
            self._opcode = head & 0x0F
        self._mask = rest[:4]
        self._ahead = length
        self._is_last = bool(head & 0x80)
        self._read_ahead(rest[4:], messages)

    def _read_ahead(self, data: bytes, messages: list[tuple[int, bytes]]) -> bytes:
        """More of such a frame; answers what lies behind it."""
        part = data[: self._ahead]
        if part:
            messages.append((self._opcode, apply_mask(part, self._mask)))
        turned = len(part) % 4
        self._mask = self._mask[turned:] + self._mask[:turned]
        self._ahead -= len(part)
        if not self._ahead and self._is_last:
            self._opcode = 0
        return data[len(part) :]

    def _accepts(self, head: int, second: int, length: int) -> bool:
        """Judged on the header, before the payload has to be kept."""
        opcode = head & 0x0F
        if head & 0x70:
            return self._fail(PROTOCOL_ERROR, "reserved bits are set")
        if not second & 0x80:
            return self._fail(PROTOCOL_ERROR, "frames of a client must be masked")
        if opcode > BINARY:
            if opcode > PONG or opcode < CLOSE:
                return self._fail(PROTOCOL_ERROR, "unknown opcode")
            if length > 125 or not head & 0x80:
                return self._fail(PROTOCOL_ERROR, "control frames are short and whole")
            return True
        if (opcode == CONTINUATION) != (self._opcode != 0):
            return self._fail(PROTOCOL_ERROR, "fragments out of order")
        if self._limit is None:
            return length < 1 << 63 or self._fail(PROTOCOL_ERROR, "no such length")
        if self._size + length > self._limit:
            return self._fail(MESSAGE_TOO_BIG, f"more than {self._limit} bytes")
        return True

    def _add(self, head: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        opcode = head & 0x0F
        final_frame = head & 0x80
        if opcode > BINARY or (final_frame and opcode):
            messages.append((opcode, payload))
            return
        if opcode:
            self._opcode = opcode
        if self._limit is None:
            messages.append((self._opcode, payload))
        else:
            self._collect(payload, bool(final_frame), messages)
        if final_frame:
            self._opcode = 0

    def _collect(self, payload: bytes, complete: bool, messages: list[tuple[int, bytes]]) -> None:
        fragments = self._fragments
        if fragments is None:
            fragments = self._fragments = []
        if payload:  # empty ones would take memory without counting for the limit
            fragments.append(payload)
            self._size += len(payload)
        if len(fragments) > 1024:  # a message in one-byte fragments: some fifty times its size in objects
            fragments[:] = [b"".join(fragments)]
        if complete:
            messages.append((self._opcode, b"".join(fragments)))
            self._fragments = None
            self._size = 0

    def _fail(self, code: int, reason: str) -> bool:
        self.error = Mistake(code, reason)
        return False


def frame_header(opcode: int, length: int) -> bytes:
    if length < 126:
        return bytes((0x80 | opcode, length))
    if length < 65536:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big")
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big")


def encode_frame(opcode: int, payload: bytes) -> bytes:
    return frame_header(opcode, len(payload)) + payload


def encode_text_frame(payload: bytes) -> bytes:
    """A text frame for `send_frame`: what goes to many is encoded once and shared. `payload` must be UTF-8."""
    return frame_header(TEXT, len(payload)) + payload


def encode_binary_frame(payload: bytes) -> bytes:
    return frame_header(BINARY, len(payload)) + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """A close frame; a reason too long for it is cut between two characters."""
    if code == NO_STATUS:
        return encode_frame(CLOSE, b"")
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text)


def read_close(payload: bytes) -> tuple[int, str] | Mistake:
    """Code and reason of a close frame."""
    if not payload:
        return NO_STATUS, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _SENDABLE or 3000 <= code < 5000):
        return Mistake(PROTOCOL_ERROR, "not a close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        return Mistake(INVALID_DATA, "the reason is not UTF-8")
