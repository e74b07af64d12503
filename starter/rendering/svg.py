"""Small plots as inline SVG: no script, no network, readable with any colour scheme and without colour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH: Final = 640
_HEIGHT: Final = 220
_LEFT: Final = 48
_TOP: Final = 12
_BOTTOM: Final = 44
_TICKS: Final = 9
"""At most so many words below the bars."""


@dataclass(frozen=True)
class Bar:
    """One bar: parts from the bottom up, each of a class that the style sheet colours."""

    label: str
    parts: Mapping[str, float]
    mark: float | None = None
    """A line across the bar, for instance what it is compared with."""

    @property
    def height(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


def bars(title: str, data: Sequence[Bar], limit_before: int | None = None) -> str:
    """A bar chart; ``limit_before`` draws a line left of that bar.

    Every bar carries its numbers as a tooltip, and the chart its title for those who cannot see it.
    """
    top = max((max(bar.height, bar.mark or 0) for bar in data), default=0) or 1
    room = (_WIDTH - _LEFT - 8) / max(len(data), 1)
    plot = _HEIGHT - _TOP - _BOTTOM
    every = -(-len(data) // _TICKS)
    shapes = [_axis(top, plot)]
    for index, bar in enumerate(data):
        x = _LEFT + index * room
        shapes.append(_bar(bar, x, room, plot / top))
        if index % every == 0:
            label = escape(bar.label)
            shapes.append(f'<text class="tick" x="{x + room / 2:.1f}" y="{_HEIGHT - 26}">{label}</text>')
    if limit_before is not None:
        x = _LEFT + limit_before * room
        shapes.append(f'<path class="limit" d="M{x:.1f} {_TOP}V{_TOP + plot}"/>')
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(shapes)}</svg>"
    )


def _axis(top: float, plot: int) -> str:
    return (
        f'<path class="axis" d="M{_LEFT} {_TOP}V{_TOP + plot}H{_WIDTH - 8}"/>'
        f'<text class="scale" x="{_LEFT - 4}" y="{_TOP + 8}">{top:g}</text>'
        f'<text class="scale" x="{_LEFT - 4}" y="{_TOP + plot}">0</text>'
    )


def _bar(bar: Bar, x: float, room: float, scale: float) -> str:
    base = float(_HEIGHT - _BOTTOM)
    width = max(room * 0.8, 1)
    words = ", ".join(f"{value:g} {name}" for name, value in bar.parts.items() if value) or "none"
    shapes = [f"<title>{escape(f'{bar.label}: {words}')}</title>"]
    for name, value in bar.parts.items():
        tall = value * scale
        base -= tall
        shapes.append(
            f'<rect class="{escape(name)}" x="{x + room * 0.1:.1f}" y="{base:.1f}" '
            f'width="{width:.1f}" height="{tall:.1f}"/>'
        )
    if bar.mark is not None:
        y = _HEIGHT - _BOTTOM - bar.mark * scale
        shapes.append(f'<path class="mark" d="M{x + room * 0.05:.1f} {y:.1f}h{room * 0.9:.1f}"/>')
    return f"<g>{''.join(shapes)}</g>"
