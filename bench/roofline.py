"""Draws what `deepzero_bench --roofline --json FILE` measured: a chart of rates over operations per byte with the roofs of
one core, and below it each kernel's share of the roof above it. The SVG needs nothing else and follows the reader's
light or dark theme.

    python3 bench/roofline.py FILE.json docs/pictures/roofline.svg"""

import argparse
import json
import math
import os
from xml.sax.saxutils import escape

from label_places import Boxes, place

# F(4x4, 3x3) multiplies 36 times where direct sums do 144 times.
WINOGRAD_GAIN = 4
WIDTH, MARGIN = 960, 40
CHART = {'left': 78, 'top': 112, 'right': 920, 'bottom': 560}
ROW = 21
SERIES = [  # prefix of kernels, class, legend
    ('winograd', 'winograd', 'Winograd convolution'),
    ('conv2d.dense', 'direct', 'direct convolution'),
    ('conv2d.one_channel', 'one', 'direct, one input channel'),
    ('', 'other', 'other ops'),
]
# Colours by theme, and which rule takes which: plain rules, since not every viewer knows variables.
COLOURS = {  # light, dark
    'paper': ('#ffffff', '#14171d'), 'ink': ('#1d2330', '#e8ebf1'), 'soft': ('#5d6675', '#9aa4b4'),
    'grid': ('#e6e9ee', '#272c36'), 'axis': ('#aeb5c0', '#586172'), 'track': ('#eef0f4', '#232833'),
    'winograd': ('#1f6fd1', '#6aa9f7'), 'direct': ('#d9622b', '#f2925f'), 'one': ('#12876f', '#4cc5a8'),
    'other': ('#7a4fc4', '#b493f0'),
}
RULES = [  # selectors, property, colour
    ('text', 'fill', 'ink'), ('.soft, .head, .roofname', 'fill', 'soft'), ('.paper, .hollow', 'fill', 'paper'),
    ('.mark, .pointname', 'stroke', 'paper'), ('.grid', 'stroke', 'grid'), ('.axis, .leader', 'stroke', 'axis'),
    ('.roof', 'stroke', 'ink'), ('.beyond, .line-soft', 'stroke', 'soft'), ('.track', 'fill', 'track'),
    *((f'.{name}', 'fill', name) for _, name, _ in SERIES),
    *((f'.line-{name}', 'stroke', name) for _, name, _ in SERIES),
]
STYLE = '''
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 12px; }
.title { font-size: 19px; font-weight: 600; }
.head { font-size: 11px; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.roof { stroke-width: 1.8; }
.beyond { stroke-width: 1.4; stroke-dasharray: 6 4; }
.roofname { font-size: 11.5px; }
.leader { stroke-width: .8; }
.mark { stroke-width: 1.5; }
.hollow { stroke-width: 1.8; }
.link { stroke-width: 1.2; opacity: .45; }
.pointname { font-size: 11px; paint-order: stroke; stroke-width: 3px; stroke-linejoin: round; }
'''


def rules(theme):
    return '\n'.join(f'{selectors} {{ {what}: {COLOURS[colour][theme]}; }}' for selectors, what, colour in RULES)


def style():
    return f'{STYLE}{rules(0)}\n@media (prefers-color-scheme: dark) {{\n{rules(1)}\n}}\n'


def series(kernel):
    return next(name for prefix, name, _ in SERIES if kernel['kernel'].startswith(prefix))


def shape_text(kernel, images=True):
    """"2x 32x16x16-32 3x3" → "32×16×16→32, 3×3, 2 images"."""
    words = kernel['shape'].split(' ')
    together = words.pop(0)[:-1] if len(words) > 1 and words[0].endswith('x') else '1'
    if images and together != '1':
        words.append(f'{together} images')
    return ', '.join(words).replace('x', '×').replace('-', '→')


def gain(kernel):
    return WINOGRAD_GAIN if series(kernel) == 'winograd' else 1


class Chart:
    """The log-log plane: operations per byte to the right, GFLOP/s up."""

    def __init__(self, data):
        self.data = data
        kernels = data['kernels']
        intensity = [kernel['flops'] / kernel['bytes'] for kernel in kernels]
        rates = [kernel[level]['flopsPerSecond'] / 1e9 for kernel in kernels for level in ('l2', 'memory')]
        self.peak = data['peakFlops'] / 1e9
        self.x = (math.log10(min(intensity) / 1.6), math.log10(max(intensity) * 2.6))
        self.y = (math.log10(min(rates) / 1.5), math.log10(max(WINOGRAD_GAIN * self.peak, max(rates)) * 1.7))

    def at(self, intensity, gflops):
        left, right, top, bottom = (CHART[side] for side in ('left', 'right', 'top', 'bottom'))
        return (left + (right - left) * (math.log10(intensity) - self.x[0]) / (self.x[1] - self.x[0]),
                bottom - (bottom - top) * (math.log10(gflops) - self.y[0]) / (self.y[1] - self.y[0]))

    def inside(self, intensity, gflops):
        return self.x[0] <= math.log10(intensity) <= self.x[1] and self.y[0] <= math.log10(gflops) <= self.y[1]


def number(value):
    return f'{value:.0f}' if value >= 10 else f'{value:.2g}'


def text(x, y, content, style='', more=''):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}"{more}>{escape(content)}</text>'


def line(start, end, style):
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" class="{style}"/>'


def grid(chart):
    parts = []
    for axis, (low, high) in (('x', chart.x), ('y', chart.y)):
        for decade in range(math.floor(low), math.ceil(high) + 1):
            for digit in (1, 2, 5):
                value = digit * 10.0**decade
                if not low <= math.log10(value) <= high:
                    continue
                if axis == 'x':
                    x, _ = chart.at(value, 10**chart.y[0])
                    parts += [line((x, CHART['top']), (x, CHART['bottom']), 'grid'),
                              text(x, CHART['bottom'] + 18, number(value), 'head middle')]
                else:
                    _, y = chart.at(10**chart.x[0], value)
                    parts += [line((CHART['left'], y), (CHART['right'], y), 'grid'),
                              text(CHART['left'] - 8, y + 4, number(value), 'head end')]
    parts.append(line((CHART['left'], CHART['bottom']), (CHART['right'], CHART['bottom']), 'axis'))
    parts.append(text((CHART['left'] + CHART['right']) / 2, CHART['bottom'] + 38,
                      'operations per byte of the arrays (FLOP/B)', 'soft middle'))
    parts.append(text(CHART['left'] - 8, CHART['top'] - 10, 'GFLOP/s', 'soft end'))
    return parts


def roofs(chart, boxes):
    """The two flat roofs and the two slopes that lead to them, named along their lines."""
    parts = []
    low, high = 10**chart.x[0], 10**chart.x[1]
    top = WINOGRAD_GAIN * chart.peak
    slowest = min(chart.data['bandwidth'].values()) / 1e9
    for name, bandwidth in (('L2', chart.data['bandwidth']['l2'] / 1e9),
                            ('memory', chart.data['bandwidth']['memory'] / 1e9)):
        first = max(low, 10**chart.y[0] / bandwidth)
        ridge, last = chart.peak / bandwidth, top / bandwidth
        parts.append(line(chart.at(first, first * bandwidth), chart.at(ridge, chart.peak), 'roof'))
        parts.append(line(chart.at(ridge, chart.peak), chart.at(min(last, high), min(last, high) * bandwidth), 'beyond'))
        boxes.take_line(chart.at(first, first * bandwidth), chart.at(min(last, high), min(last, high) * bandwidth))
        start, end = chart.at(first, first * bandwidth), chart.at(ridge, chart.peak)
        angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
        share = 0.36 if bandwidth > slowest else 0.22
        x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
        label = f'{name} {bandwidth:.0f} GB/s'
        parts.append(text(x, y - 7, label, 'roofname middle', f' transform="rotate({angle:.1f} {x:.1f} {y:.1f})"'))
        for i in range(-5, 6):
            along = 8 * i
            bx, by = x + along * math.cos(math.radians(angle)) - 6, y + along * math.sin(math.radians(angle)) - 11
            boxes.take((bx - 7, by - 7, bx + 7, by + 7))
    fastest = max(chart.data['bandwidth'].values()) / 1e9
    for level, kind, label in ((chart.peak, 'roof', f'{chart.data["isa"]} multiply-adds: {chart.peak:.0f} GFLOP/s'),
                               (top, 'beyond', f'{WINOGRAD_GAIN} × that: the bound of Winograd F(4×4, 3×3)')):
        start, end = chart.at(level / fastest, level), chart.at(high, level)
        parts += [line(start, end, kind), text(start[0] + 34, start[1] - 7, label, 'roofname')]
        boxes.take_line(start, end)
        boxes.take((start[0] + 34, start[1] - 20, start[0] + 34 + 7 * len(label), start[1]))
    return parts


def points(chart, boxes):
    """Each kernel's two marks. Convolutions are named by shape; where a kernel's shapes lie close together, the largest
    one is named by the kernel and the others are smaller."""
    marks, labelled, named = [], [], set()
    kernels = sorted(chart.data['kernels'], key=lambda kernel: -kernel['flops'])
    for kernel in kernels:
        intensity = kernel['flops'] / kernel['bytes']
        near, far = (chart.at(intensity, kernel[level]['flopsPerSecond'] / 1e9) for level in ('l2', 'memory'))
        name = series(kernel)
        by_shape = name in ('winograd', 'direct')
        radius = 5.5 if by_shape or kernel['kernel'] not in named else 3.5
        marks += [line(near, far, f'link line-{name}'),
                  f'<circle cx="{far[0]:.1f}" cy="{far[1]:.1f}" r="{radius - 1.2:.1f}" class="hollow line-{name}"/>',
                  f'<circle cx="{near[0]:.1f}" cy="{near[1]:.1f}" r="{radius}" class="mark {name}"/>']
        boxes.take_line(near, far, steps=20)
        for x, y in (near, far):
            boxes.take((x - 7, y - 7, x + 7, y + 7))
        if by_shape:
            labelled.append((near, shape_text(kernel, images=False).removesuffix(', 3×3')))
        elif kernel['kernel'] not in named:
            labelled.append((near, kernel['kernel']))
        named.add(kernel['kernel'])
    labels, leaders = [], []
    for (x, y), label in labelled:
        width = 7 * len(label)
        left, top, distant = place(boxes, (x, y), width, 13)
        if distant:
            leaders.append(line((x, y), (min(max(x, left), left + width), top + 8), 'leader'))
        labels.append(text(left, top + 10.5, label, 'pointname'))
    return leaders + marks + labels


def legend():
    parts, x = [], CHART['left']
    for _, name, title in SERIES:
        parts += [f'<circle cx="{x + 5}" cy="82" r="5.5" class="{name}"/>', text(x + 17, 86, title)]
        x += 36 + 6.6 * len(title)
    parts += [f'<circle cx="{x + 5}" cy="82" r="5.5" class="soft"/>', text(x + 16, 86, 'arrays in L2', 'soft'),
              f'<circle cx="{x + 105}" cy="82" r="4.6" class="hollow line-soft"/>',
              text(x + 116, 86, 'in memory', 'soft')]
    return parts


def table(data, top):
    """One row a kernel: rates and the share of the roof above it, as bars."""
    columns = {'kernel': MARGIN, 'shape': 188, 'intensity': 398, 'l2': 450, 'memory': 690}
    bar = 130
    parts = [text(columns['kernel'], top, 'kernel', 'head'), text(columns['shape'], top, 'shape', 'head'),
             text(columns['intensity'] + 30, top, 'FLOP/B', 'head end'),
             text(columns['l2'], top, 'arrays in L2: share of the roof, GFLOP/s', 'head'),
             text(columns['memory'], top, 'arrays in memory: share of the roof, GFLOP/s', 'head')]
    order = [name for _, name, _ in SERIES]
    kernels = sorted(data['kernels'], key=lambda kernel: (order.index(series(kernel)), kernel['kernel']))
    for row, kernel in enumerate(kernels):
        y = top + 10 + ROW * row
        intensity = kernel['flops'] / kernel['bytes']
        parts += [text(columns['kernel'], y + 13, kernel['kernel']),
                  text(columns['shape'], y + 13, shape_text(kernel)),
                  text(columns['intensity'] + 30, y + 13, f'{intensity:.2f}', 'soft end')]
        for level in ('l2', 'memory'):
            rate = kernel[level]['flopsPerSecond']
            roof = min(gain(kernel) * data['peakFlops'], intensity * data['bandwidth'][level])
            share, x = rate / roof, columns[level]
            parts += [f'<rect x="{x}" y="{y + 3}" width="{bar}" height="12" rx="3" class="track"/>',
                      f'<rect x="{x}" y="{y + 3}" width="{bar * min(share, 1):.1f}" height="12" rx="3" '
                      f'class="{series(kernel)}"/>',
                      text(x + bar + 44, y + 13, f'{100 * share:.0f} %', 'end'),
                      text(x + bar + 94, y + 13, f'{rate / 1e9:.1f}', 'soft end')]
    return parts


def draw(data):
    height = CHART['bottom'] + 90 + ROW * len(data['kernels']) + 30
    chart, boxes = Chart(data), Boxes((CHART['left'], CHART['top'], CHART['right'], CHART['bottom']))
    body = [f'<rect width="{WIDTH}" height="{height}" class="paper"/>',
            text(MARGIN, 38, f'What the kernels of {data["network"]} reach on one core', 'title'),
            text(MARGIN, 58, f'{data["processor"]}, {data["isa"]}; operations counted as direct sums; '
                             f'bytes of inputs and outputs, each once', 'soft')]
    body += legend() + grid(chart) + roofs(chart, boxes) + points(chart, boxes) + table(data, CHART['bottom'] + 80)
    return '\n'.join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
                      f'aria-label="Roofline of the kernels of {escape(data["network"])}">',
                      f'<style>{style()}</style>', *body, '</svg>', ''])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('json', help='what deepzero_bench --roofline --json or bench/record.py wrote')
    parser.add_argument('svg')
    options = parser.parse_args()
    with open(options.json) as file:
        data = json.load(file)
    if data.get('mode') != 'roofline':
        parser.error(f'{options.json}: expected the JSON of deepzero_bench --roofline, received mode {data.get("mode")}')
    os.makedirs(os.path.dirname(os.path.abspath(options.svg)), exist_ok=True)
    with open(options.svg, 'w') as file:
        file.write(draw(data))


if __name__ == '__main__':
    main()
