# SPDX-License-Identifier: Apache-2.0
"""A WebSocket's client side (RFC 6455), frame by frame."""
import base64
import hashlib
import os
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    """The handshake is sent at once; answer is what came to it."""

    def __init__(self, connection, path, headers=(), version="13", key=None, early=None):
        self.connection = connection
        self.key = key if key is not None else base64.b64encode(os.urandom(16)).decode()
        connection.send("GET", path, [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", version),
                                      ("Sec-WebSocket-Key", self.key), *headers])
        if early is not None:  # a ping on the heels of the handshake
            self.send(PING, early)
        self.answer = connection.head()
        if self.answer.status == 101:
            expected = base64.b64encode(hashlib.sha1(self.key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
            assert self.answer.header("Sec-WebSocket-Accept") == expected
            assert self.answer.header("Upgrade") == "websocket" and self.answer.header("Connection") == "Upgrade"
            assert self.answer.header("Transfer-Encoding") is None
        else:
            for piece in connection.pieces(self.answer):
                self.answer.body += piece

    def frame(self):
        """(opcode, content) of the next frame."""
        first, second = self.connection._exactly(2)
        assert first & 0xf0 == 0x80 and second & 0x80 == 0, "a server's frames are whole and unmasked"
        size = second
        if size == 126:
            size, = struct.unpack(">H", self.connection._exactly(2))
            assert size > 125
        elif size == 127:
            size, = struct.unpack(">Q", self.connection._exactly(8))
            assert size > 65535
        return first & 15, self.connection._exactly(size)

    def send(self, opcode, content=b"", final=True, masked=True, size=None):
        head = bytes([(0x80 if final else 0) | opcode])
        length = len(content) if size is None else size
        flag = 0x80 if masked else 0
        head += bytes([flag | length]) if length < 126 else bytes([flag | 126]) + struct.pack(">H", length) if length < 65536 \
            else bytes([flag | 127]) + struct.pack(">Q", length)
        if masked:
            mask = os.urandom(4)
            head += mask
            content = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
        self.connection.send_raw(head + content)
