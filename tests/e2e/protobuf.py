# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' protobuf answers, read without a schema: the envelope, and messages as lists of fields."""
import struct


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """[(number, int or bytes), ...] in the order of the wire."""
    found, at = [], 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "a field ends after its message"
        else:
            raise AssertionError(f"wire type {tag & 7}")
        found.append((tag >> 3, value))
    return found


def field(data, *path):
    """The first field along the path of numbers; None when there is none."""
    for number in path:
        data = next((value for found, value in fields(data) if found == number), None)
        if data is None:
            return None
    return data


def envelope(data):
    """(apiVersion, kind, message); checks what stands around it."""
    assert data[:4] == b"k8s\0", data[:40]
    outer = fields(data[4:])
    assert [number for number, _ in outer] == [1, 2, 3, 4] and outer[2:] == [(3, b""), (4, b"")], outer
    return field(outer[0][1], 1).decode(), field(outer[0][1], 2).decode(), outer[1][1]


def events(data):
    """(type, apiVersion, kind, message) of a watch's frames."""
    found, at = [], 0
    while at < len(data):
        size, = struct.unpack(">I", data[at:at + 4])
        frame = data[at + 4:at + 4 + size]
        assert len(frame) == size, "a frame ends after the stream"
        found.append((field(frame, 1).decode(), *envelope(field(frame, 2, 1))))
        at += 4 + size
    return found
