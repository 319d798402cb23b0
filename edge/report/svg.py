"""A report as SVG, alone or in a page: no script, nothing fetched, light on paper, dark on a dark screen."""

from __future__ import annotations

from html import escape

from numpy.typing import ArrayLike

from edge.report.canvas import PAPER, TONES, Anchor, At, Tone, as_points

_PLAIN = "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
_EXACT = "svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}"
# A policy beside the intention: even words that found their way around the escaping could fetch and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class SvgCanvas:
    """Collects elements; ``svg`` and ``page`` are the picture as text."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._width, self._height, self._title = width, height, title
        self._parts: list[str] = []
        self.box(0, 0, width, height, PAPER)

    def box(self, left: float, top: float, right: float, bottom: float, tone: Tone, *, hint: str = "") -> None:
        size = f'width="{_n(max(right - left, 0))}" height="{_n(max(bottom - top, 0))}"'
        place = f'<rect x="{_n(left)}" y="{_n(top)}" {size} class="f-{tone.name}"'
        self._parts.append(f"{place}><title>{escape(hint)}</title></rect>" if hint else f"{place}/>")

    def rule(self, start: At, end: At, tone: Tone, weight: float = 1, *, dashed: bool = False) -> None:
        ends = f'x1="{_n(start[0])}" y1="{_n(start[1])}" x2="{_n(end[0])}" y2="{_n(end[1])}"'
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(f'<line {ends} class="s-{tone.name}" stroke-width="{_n(weight)}"{dashes}/>')

    def path(self, points: ArrayLike, tone: Tone, weight: float = 1.5) -> None:
        stops = " ".join(f"{_n(x)},{_n(y)}" for x, y in as_points(points).tolist())
        style = f'stroke-width="{_n(weight)}" stroke-linejoin="round" stroke-linecap="round"'
        self._parts.append(f'<polyline points="{stops}" class="s-{tone.name}" {style}/>')

    def dots(self, points: ArrayLike, tone: Tone, radius: float = 2.5) -> None:
        # a line of no length with round ends is a dot: one element for all of them
        strokes = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in as_points(points).tolist())
        style = f'stroke-width="{_n(2 * radius)}" stroke-linecap="round"'
        self._parts.append(f'<path d="{strokes}" class="s-{tone.name}" {style}/>')

    def text(self, at: At, words: str, tone: Tone, size: float = 13, anchor: Anchor = "start") -> None:
        style = f'font-size="{_n(size)}" text-anchor="{anchor}" class="f-{tone.name}"'
        self._parts.append(f'<text x="{_n(at[0])}" y="{_n(at[1])}" {style}>{escape(words)}</text>')

    @property
    def svg(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {self._height}" role="img">\n'
            f"<title>{escape(self._title)}</title>\n<style>{_style()}</style>"
        )
        return "\n".join([head, *self._parts, "</svg>\n"])

    @property
    def page(self) -> str:
        """As HTML that stands by itself."""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width">\n<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(self._title)}</title>\n"
            f"<style>body{{margin:0;background:{PAPER.light}}}"
            f"@media screen and (prefers-color-scheme:dark){{body{{background:{PAPER.dark}}}}}"
            f"svg{{display:block;width:100%;max-width:{self._width}px;margin:auto}}"
            "@page{size:landscape;margin:8mm}@media print{svg{max-height:100vh}}</style>\n"
            f"</head>\n<body>\n{self.svg}</body>\n</html>\n"
        )


def _style() -> str:
    light = "".join(_rules(tone.name, tone.light) for tone in TONES)
    dark = "".join(_rules(tone.name, tone.dark) for tone in TONES)
    return f"{_PLAIN}{_EXACT}{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _rules(name: str, colour: str) -> str:
    return f".f-{name}{{fill:{colour}}}.s-{name}{{stroke:{colour};fill:none}}"


def _n(value: float) -> str:
    """To a tenth of a px, without a trailing zero."""
    return f"{value:.1f}".removesuffix(".0")
