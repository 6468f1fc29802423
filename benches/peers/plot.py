"""Line plots as SVG, written by hand: lines over two axes, each linear or logarithmic."""

import math

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 260, 40, 50
COLORS = ("#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b", "#444444")
DASHES = ("", "7 4", "2 3")


class Axis:
    """Places of values between two ends of the picture."""

    def __init__(self, values, logarithmic, first, last):
        self.logarithmic = logarithmic
        low, high = min(values), max(values)
        if logarithmic:
            self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))
            self.high = max(self.high, self.low + 1)
        else:
            self.low, self.high = min(low, 0), high or 1
        self.first, self.last = first, last

    def place(self, value):
        at = math.log10(value) if self.logarithmic else value
        return self.first + (at - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self):
        if self.logarithmic:
            return [10.0**power for power in range(self.low, self.high + 1)]
        step = 10 ** math.floor(math.log10((self.high - self.low) / 2))
        step *= next(by for by in (1, 2, 5, 10) if (self.high - self.low) / (step * by) <= 8)
        return [self.low + step * n for n in range(int((self.high - self.low) / step) + 1)]


def label(value):
    for divisor, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= divisor:
            return f"{value / divisor:g}{suffix}"
    return f"{value:g}"


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text(x, y, words, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def frame(title, names, x, y):
    """The title, the grid and what stands beside it."""
    across, down = names
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 22, title, "start", ' font-size="15"'),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, across),
        text(16, middle, down, more=f' transform="rotate(-90 16 {middle:.1f})"'),
    ]
    for value in x.ticks():
        at = x.place(value)
        out.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        out.append(text(at, HEIGHT - BOTTOM + 16, label(value)))
    for value in y.ticks():
        at = y.place(value)
        out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        out.append(text(LEFT - 6, at + 4, label(value), "end"))
    return out


def plot(title, names, lines, logarithmic):
    """The SVG of `lines`: `(name, color, dash, [(x, y)])`, with numbers for color and dash."""
    points = [point for *_, drawn in lines for point in drawn]
    x = Axis([point[0] for point in points], logarithmic[0], LEFT, WIDTH - RIGHT)
    y = Axis([point[1] for point in points], logarithmic[1], HEIGHT - BOTTOM, TOP)
    out = frame(title, names, x, y)
    for place, (name, color, dash, drawn) in enumerate(lines):
        look = f'stroke="{COLORS[color % len(COLORS)]}" stroke-width="2" stroke-dasharray="{DASHES[dash % len(DASHES)]}" fill="none"'
        path = "L".join(f"{x.place(a):.1f} {y.place(b):.1f}" for a, b in sorted(drawn))
        out.append(f'<path d="M{path}" {look}/>')
        out.extend(
            f'<circle cx="{x.place(a):.1f}" cy="{y.place(b):.1f}" r="3" fill="{COLORS[color % len(COLORS)]}"/>' for a, b in drawn
        )
        at = TOP + 12 + 18 * place
        out.append(f'<path d="M{WIDTH - RIGHT + 12} {at - 4}h22" {look}/>')
        out.append(text(WIDTH - RIGHT + 40, at, name, "start"))
    return "\n".join([*out, "</svg>", ""])
