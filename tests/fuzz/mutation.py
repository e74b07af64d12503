"""Inputs that nobody meant: known texts cut, doubled, crossed and spiked; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_LONGEST = 20_000
_SPIKES = (
    b"\x00",
    b"\r\n",
    b"\r",
    b"\xff\xfe",
    b"\xc3",
    "\u202e".encode(),
    "\u0130".encode(),
    "\ud7ff".encode(),
    b"\x1b[2J",
    b"../",
    b"/etc/passwd",
    b"%2e%2e/",
    b"\\",
    b"'",
    b'"',
    b"`",
    b"${X:-}",
    b"$(id)",
    b"<<EOF\n",
    b"EOF\n",
    b"#",
    b"{",
    b"[" * 40,
    b"{" * 40,
    b"9" * 40,
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"&a *a",
    b"\t",
    b" " * 60,
    b"=",
    b"==",
    b"@",
    b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n",
    b"\n\\ No newline at end of file\n",
    b"eyJhbGciOiJub25lIn0.",
    b"\n" * 20,
)


def mutations(seeds: Sequence[bytes], dice: random.Random) -> Iterator[bytes]:
    """Without end: a known text first, then what a few changes make of one, or of two."""
    yield from seeds
    while True:
        text = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 1, 2, 3, 6))):
            dice.choice(_CHANGES)(text, seeds, dice)
        yield bytes(text[:_LONGEST])


def _at(text: bytearray, dice: random.Random) -> int:
    return dice.randrange(len(text) + 1)


def _spike(text: bytearray, _seeds: Sequence[bytes], dice: random.Random) -> None:
    place = _at(text, dice)
    text[place:place] = dice.choice(_SPIKES)


def _flip(text: bytearray, _seeds: Sequence[bytes], dice: random.Random) -> None:
    if text:
        text[dice.randrange(len(text))] ^= 1 << dice.randrange(8)


def _drop(text: bytearray, _seeds: Sequence[bytes], dice: random.Random) -> None:
    start = _at(text, dice)
    del text[start : start + dice.choice((1, 3, 17, 200))]


def _double(text: bytearray, _seeds: Sequence[bytes], dice: random.Random) -> None:
    start = _at(text, dice)
    piece = text[start : start + dice.choice((1, 8, 60, 400))]
    text[start:start] = piece * dice.choice((1, 2, 30))


def _lines(text: bytearray, _seeds: Sequence[bytes], dice: random.Random) -> None:
    lines = bytes(text).split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    text[:] = b"\n".join(lines)


def _cross(text: bytearray, seeds: Sequence[bytes], dice: random.Random) -> None:
    other = dice.choice(seeds)
    place = dice.randrange(len(other) + 1)
    text[_at(text, dice) :] = other[place:]


_CHANGES = (_spike, _spike, _flip, _drop, _double, _lines, _cross)
