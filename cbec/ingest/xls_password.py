"""Workbooks of the old kind that are encrypted with the password built into Excel, which opens them without
asking ([MS-OFFCRYPTO] 2.3.6, RC4 of the Office binary document)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import md5

BUILT_IN = "VelvetSweatshop"
FILE_PASS, BOUND_SHEET = 0x2F, 0x85
# Bodies that are never encrypted: BOF, FilePass, UsrExcl, FileLock, InterfaceHdr, RRDInfo, RRDHead.
PLAIN = {0x809, FILE_PASS, 0x194, 0x195, 0xE1, 0x196, 0x138}
# A record that every reader passes over, in the place of FilePass.
NOTHING = 0xEF
BLOCK = 1024


def is_encrypted(stream: bytes) -> bool:
    return any(kind == FILE_PASS for kind, _, _ in _records(stream))


def decrypted(stream: bytes) -> bytes | None:
    """The stream of records in the clear and as long as it was; None when another password is needed."""
    header = next(
        stream[start : start + length] for kind, start, length in _records(stream) if kind == FILE_PASS
    )
    # RC4 (1) of version 1.1: salt, verifier and its hash, 16 bytes each.
    if len(header) != 54 or struct.unpack_from("<HHH", header) != (1, 1, 1):
        return None
    salt, verifier, expected = header[6:22], header[22:38], header[38:54]
    short = md5(BUILT_IN.encode("utf-16-le")).digest()[:5]
    key = md5((short + salt) * 16).digest()[:5]
    first = _Keystream(key, 0)
    if md5(first.over(verifier)).digest() != first.over(expected):
        return None
    out = bytearray(stream)
    for block in range(0, len(stream), BLOCK):
        piece = stream[block : block + BLOCK]
        out[block : block + BLOCK] = _Keystream(key, block // BLOCK).over(piece)
    for kind, start, length in _records(stream):
        out[start - 4 : start] = stream[start - 4 : start]
        if kind == FILE_PASS:
            struct.pack_into("<H", out, start - 4, NOTHING)
        plain = length if kind in PLAIN else 4 if kind == BOUND_SHEET else 0
        out[start : start + plain] = stream[start : start + plain]
    return bytes(out)


def _records(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, place and length of the body of each record: their heads are never encrypted."""
    place = 0
    while place + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, place)
        if place + 4 + length > len(stream):
            return
        yield kind, place + 4, length
        place += 4 + length


class _Keystream:
    """RC4 of one block."""

    def __init__(self, key: bytes, block: int) -> None:
        seed = md5(key + struct.pack("<I", block)).digest()
        box = list(range(256))
        j = 0
        for i in range(256):
            j = (j + box[i] + seed[i % len(seed)]) & 255
            box[i], box[j] = box[j], box[i]
        self._box, self._i, self._j = box, 0, 0

    def over(self, data: bytes) -> bytes:
        box, i, j = self._box, self._i, self._j
        out = bytearray(len(data))
        for n, byte in enumerate(data):
            i = (i + 1) & 255
            j = (j + box[i]) & 255
            box[i], box[j] = box[j], box[i]
            out[n] = byte ^ box[(box[i] + box[j]) & 255]
        self._i, self._j = i, j
        return bytes(out)
