"""Records of bench/results/ as Markdown tables.

    python3 bench/tables.py bench/results/FILE.json …      prints them
    python3 bench/tables.py --update docs/performance.md   fills in those that a text asks for

A text asks with a line `<!-- record: PATTERN -->`; the newest of the files that fit under bench/results/ goes between it
and the next `<!-- end of record -->`."""

import argparse
import glob
import json
import os
import re

import conditions
import gpu_report
import harness
from compare_base import PASSES
from roofline import gain, series, shape_text

FIRST = ('winograd', 'direct', 'one', 'other')


def table(head, rows):
    return ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head),
            *('| ' + ' | '.join(str(cell) for cell in row) + ' |' for row in rows)]


def rate(value):
    return f'{value:,.0f}' if value >= 100 else f'{value:.1f}'


def compared_queries(record):
    own = record['deepzero']
    rows = [['deepzero', rate(own['queriesPerSecond']['median']), '', f'{1e3 * median(own["baseSeconds"]):.1f}']]
    for way, peer in record['pytorch'].items():
        rows.append([f'PyTorch, {way} ({peer["form"]})' if peer['form'] != way else f'PyTorch, {way}',
                     rate(peer['queriesPerSecond']['median']), f'**{peer["ratio"]:.2f} ×**',
                     f'{1e3 * peer["baseSeconds"]:.1f}'])
    return table(['', 'queries/s', 'deepzero is', 'base pass, ms'], rows)


def median(seconds):
    return seconds['median'] if isinstance(seconds, dict) else seconds


def compared_base(record):
    rows = []
    for name, title in PASSES.items():
        own = record['deepzero'][name]
        rows.append([f'{title}, deepzero', f'{1e3 * own["seconds"]["median"]:.1f}', rate(own['imagesPerSecond']), ''])
        for way, peer in record['pytorch'].items():
            rows.append([f'{title}, PyTorch, {way}', f'{1e3 * peer[name]["seconds"]["median"]:.1f}',
                         rate(peer[name]['imagesPerSecond']), f'**{peer[name]["ratio"]:.2f} ×**'])
    return table(['', 'ms', 'images/s', 'deepzero is'], rows)


def epochs(record):
    ways = list(record['networks'][0]['pytorch'])
    rows = []
    for entry in record['networks']:
        paper = entry.get('paper')
        rows.append([f'`{entry["step"]["network"]}`', f'{entry["step"]["of"]:,}',
                     f'{1e3 * entry["step"]["stepSeconds"]:.1f}', f'**{entry["secondsPerEpoch"]:.0f}**',
                     f'{paper["secondsPerEpoch"]:.0f} ({paper["hoursOf50Epochs"]} h)' if paper else '—',
                     *(f'{entry["pytorch"][way]["ratio"]:.1f} ×' for way in ways)])
    return table(['network', 'coordinates', 'ms a step', 's an epoch', 'paper, s an epoch (hours of 50)',
                  *(f'PyTorch {way}: deepzero is' for way in ways)], rows)


def scaling(record):
    rows = [[point['threads'], rate(point['queriesPerSecond']['median']), f'{point["loopFlops"] / 1e9:.0f}',
             f'**{point["efficiency"]:.3f}**'] for point in record['points']]
    return [*table(['threads', 'queries/s', 'loop in registers, GFLOP/s', 'efficiency beside the loop'], rows), '',
            f'{record["usedRounds"]} of {record["rounds"]} rounds used.']


def linearity(record):
    rows = []
    for name, title, of in (('queriesByCoordinates', 'queries, by coordinates', 'coordinates'),
                            ('queriesByImages', 'queries, by images', 'images'),
                            ('basePassByImages', 'base pass, by images', 'images')):
        line = record[name]
        points = ', '.join(f'{point[of]:.0f}: {100 * point["residual"]:+.1f} %' for point in line['points'])
        rows.append([title, f'{1e3 * line["intercept"]:.2f}', f'{1e3 * line["slope"]:.4f}',
                     f'**{100 * line["worstResidual"]:+.1f} %**', points])
    return table(['seconds of', 'intercept, ms', 'slope, ms each', 'largest residual', 'residuals'], rows)


def roofline(record):
    rows = []
    for kernel in sorted(record['kernels'], key=lambda k: (FIRST.index(series(k)), k['kernel'])):
        intensity = kernel['flops'] / kernel['bytes']
        row = [f'`{kernel["kernel"]}`', shape_text(kernel), f'{intensity:.2f}']
        for level in ('l2', 'memory'):
            flops = kernel[level]['flopsPerSecond']
            roof = min(gain(kernel) * record['peakFlops'], intensity * record['bandwidth'][level])
            row += [f'{flops / 1e9:.1f}', f'{100 * flops / record["peakFlops"]:.0f} %', f'{100 * flops / roof:.0f} %']
        rows.append(row)
    head = ['kernel', 'shape', 'FLOP/B', 'in L2: GFLOP/s', 'of the peak', 'of the roof',
            'in memory: GFLOP/s', 'of the peak', 'of the roof']
    return table(head, rows)


def profile(record):
    rows = []
    for op in record['queries']['ops']:
        functions = ', '.join(f'`{function["function"]}` {100 * function["share"]:.1f} %'
                              for function in op['functions'] if function['share'] >= 0.01)
        rows.append([op['op'], f'{100 * op["share"]:.1f} %', functions])
    return table(['op', 'share of the time of queries', 'functions of at least 1 %'], rows)


def gpu(record):
    rows = [[name.strip(), text, '' if goal is None else goal + (': met' if met else ': not met' if met is False else '')]
            for name, text, goal, met in gpu_report.figures(record)]
    return table(['', 'measured', 'goal'], rows)


TABLES = {'epochs': epochs, 'scaling': scaling, 'linearity': linearity, 'roofline': roofline, 'profile': profile,
          'gpu': gpu}


def short(commit):
    """Seven digits, and whether the tree was another one."""
    digits, dirty, _ = commit.partition('-dirty')
    return digits[:7] + dirty


def unrest(record):
    """What other programs took of the machine, as far as the record says."""
    cores = f' on {record["loadCores"]} cores' if 'loadCores' in record else ''
    said = [f'load before {record["loadBefore"]:.2f}{cores}'] if 'loadBefore' in record else []
    for when, value in record.get('scaling', {}).items():
        if value < conditions.SCALING:
            said.append(f'{when} it the loop in registers scaled to {value:.2f} of the threads')
    return said


def lines_of(record):
    """The table, and how the record was made."""
    if record.get('mode') == 'gpu':
        made = gpu
    elif 'pytorch' in record:
        made = compared_base if record['deepzero']['mode'] == 'base' else compared_queries
    elif record.get('mode') in TABLES:
        made = TABLES[record['mode']]
    else:
        raise SystemExit(f'tables: no table for mode {record.get("mode")}')
    if made is gpu:
        source = [f'{record["device"]}, driver {record["driver"]}']
    else:
        on = record.get('deepzero', record.get('networks', [record])[0].get('deepzero', record))
        source = [f'{on["processor"]}, {on["isa"]}']
        if 'threads' in on:
            source.append(f'{on["threads"]} threads')
    if 'command' in record:
        source += [f'`{record["command"]}`', f'commit {short(record["commit"])}', *unrest(record), record['date']]
        source += [f'recorded all the same: {record["recordedAnyway"]["why"]}'] if 'recordedAnyway' in record else []
    return [*made(record), '', ', '.join(source) + '.']


def update(path):
    with open(path) as file:
        text = file.read()

    def filled(match):
        found = sorted(glob.glob(os.path.join(harness.ROOT, 'bench', 'results', match[2])))
        if not found:
            print(f'no record fits {match[2]}')
            return '\n'.join([match[1], '', 'There is no record yet.', '', match[3]])
        with open(found[-1]) as file:
            return '\n'.join([match[1], '', *lines_of(json.load(file)), '', match[3]])

    text, count = re.subn(r'(<!-- record: (\S+) -->)\n.*?(<!-- end of record -->)', filled, text, flags=re.DOTALL)
    if count == 0:
        raise SystemExit(f'tables: {path} asks for no record')
    with open(path, 'w') as file:
        file.write(text)
    print(f'{count} tables in {path}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', nargs='+')
    parser.add_argument('--update', action='store_true', help='the files are texts; fill in their tables')
    options = parser.parse_args()
    for path in options.files:
        if options.update:
            update(path)
            continue
        with open(path) as file:
            print('\n'.join(lines_of(json.load(file))))


if __name__ == '__main__':
    main()
