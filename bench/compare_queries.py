"""Queries per second of deepzero and of the peer's ways (bench/peer_pytorch.py) on one sample of a training step's
coordinates, round by round."""

import json
import os
import tempfile

import harness


def run_harness(binary, options, folder):
    command = ['--queries', '--case', folder, '--repeats', 1]
    for name in ('network', 'model', 'batch', 'sparsity', 'ratios', 'sample', 'mu', 'threads', 'seed'):
        value = getattr(options, name)
        if value is not None:
            command += [f'--{name}', value]
    return harness.run(binary, command)


def run_peer(way, options, folder):
    command = [options.python, os.path.join(harness.ROOT, 'bench', 'peer_pytorch.py'), '--case', folder, '--way', way,
               '--threads', str(options.threads), '--repeats', '1', '--json']
    return json.loads(harness.output(command, options.environment))


def measure(binary, options):
    own, ways = [], {way: [] for way in options.ways}
    with tempfile.TemporaryDirectory(prefix='deepzero-compare-') as folder:
        for turn in range(options.rounds):
            own.append(run_harness(binary, options, folder))
            for way in options.ways:
                ways[way].append(run_peer(way, options, folder))
            print(f'round {turn + 1} of {options.rounds} done', flush=True)
    rates = harness.spread([run['queriesPerSecond']['median'] for run in own])
    bases = harness.spread([run['baseSeconds']['median'] for run in own])
    result = {'deepzero': {**own[-1], 'queriesPerSecond': rates, 'baseSeconds': bases}, 'pytorch': {}}
    result['deepzero']['stepSeconds'] = bases['median'] + own[-1]['of'] / rates['median']
    for way, runs in ways.items():
        peer = harness.spread([run['queriesPerSecond']['median'] for run in runs])
        base = harness.median([run['baseSeconds'] for run in runs])
        result['pytorch'][way] = {
            'form': runs[-1]['form'],
            'torch': runs[-1]['torch'],
            'queriesPerSecond': peer,
            'baseSeconds': base,
            'stepSeconds': base + own[-1]['of'] / peer['median'],
            'check': runs[-1]['check'],
            'ratio': rates['median'] / peer['median'],
        }
    return result


def chosen(options):
    """What decides how much of each layer is queried, for people and for file names."""
    if options.ratios:
        name = os.path.basename(options.ratios)
        return f'ratios {name}', os.path.splitext(name)[0]
    return f'sparsity {options.sparsity}', f'sparsity{round(100 * options.sparsity)}'


def show(result, options):
    own = result['deepzero']
    print(f"\n{own['processor']}, {options.threads} threads, {own['isa']}; {own['network']}, batch {options.batch}, "
          f"{chosen(options)[0]}, mu {options.mu}, {own['sample']} of {own['of']} queries timed, "
          f"medians of {options.rounds} rounds")
    print(f'{"":44} {"queries/s":>10} {"range":>19} {"ratio":>7} {"base ms":>8}')

    def line(name, rates, base, ratio):
        print(f'{name:44} {rates["median"]:10.1f} {rates["least"]:8.1f} … {rates["most"]:8.1f} {ratio:>7} '
              f'{1e3 * base:8.1f}')

    line('deepzero', own['queriesPerSecond'], own['baseSeconds']['median'], '')
    for way, peer in result['pytorch'].items():
        line(f'PyTorch {peer["torch"]} {way} ({peer["form"]})', peer['queriesPerSecond'], peer['baseSeconds'],
             f'{peer["ratio"]:.2f}x')


def record_name(result, options):
    own = result['deepzero']
    return own['network'], f'batch{options.batch}', chosen(options)[1], f'threads{options.threads}', *capped(own)


def capped(own):
    """The part of a record's name that tells instruction sets below the best apart."""
    return [] if own['isa'] == 'avx512' else [own['isa']]
