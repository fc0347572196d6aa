"""The base pass (features kept, batch statistics) and evaluation (running statistics) of deepzero and of PyTorch
(bench/peer_base.py) on the same weights and batch, round by round."""

import json
import os
import tempfile

import harness
from compare_queries import capped

PASSES = {'basePass': 'base pass', 'evaluation': 'evaluation'}
REPEATS = 5  # of a round


def run_harness(binary, options, folder):
    command = ['--base', '--case', folder, '--repeats', REPEATS]
    for name in ('network', 'model', 'batch', 'threads', 'seed'):
        value = getattr(options, name)
        if value is not None:
            command += [f'--{name}', value]
    return harness.run(binary, command)


def run_peer(way, options, folder):
    command = [options.python, os.path.join(harness.ROOT, 'bench', 'peer_base.py'), '--case', folder, '--layout', way,
               '--threads', str(options.threads), '--repeats', str(REPEATS)]
    return json.loads(harness.output(command, options.environment))


def measure(binary, options):
    own, ways = [], {way: [] for way in options.ways}
    with tempfile.TemporaryDirectory(prefix='deepzero-compare-') as folder:
        for turn in range(options.rounds):
            own.append(run_harness(binary, options, folder))
            for way in options.ways:
                ways[way].append(run_peer(way, options, folder))
            print(f'round {turn + 1} of {options.rounds} done', flush=True)
    result = {'deepzero': dict(own[-1]), 'pytorch': {}}
    result['deepzero']['loadSeconds'] = harness.spread([run['loadSeconds']['median'] for run in own])
    for name in PASSES:
        seconds = harness.spread([run[name]['seconds']['median'] for run in own])
        result['deepzero'][name] = {'seconds': seconds, 'imagesPerSecond': options.batch / seconds['median']}
    for way, runs in ways.items():
        result['pytorch'][way] = {'torch': runs[-1]['torch'], 'check': runs[-1]['check']}
        for name in PASSES:
            seconds = harness.spread([run[name] for run in runs])
            result['pytorch'][way][name] = {
                'seconds': seconds,
                'imagesPerSecond': options.batch / seconds['median'],
                'ratio': seconds['median'] / result['deepzero'][name]['seconds']['median'],
            }
    return result


def show(result, options):
    own = result['deepzero']
    print(f"\n{own['processor']}, {options.threads} threads, {own['isa']}; {own['network']}, batch {options.batch}, "
          f"medians of {options.rounds} rounds; packing the weights takes "
          f"{1e3 * own['loadSeconds']['median']:.2f} ms more")
    print(f'{"":34} {"ms":>9} {"range":>19} {"images/s":>9} {"ratio":>7}')

    def line(name, timed, ratio):
        seconds = timed['seconds']
        print(f'{name:34} {1e3 * seconds["median"]:9.2f} {1e3 * seconds["least"]:8.2f} … '
              f'{1e3 * seconds["most"]:8.2f} {timed["imagesPerSecond"]:9.0f} {ratio:>7}')

    for name, title in PASSES.items():
        line(f'{title}, deepzero', own[name], '')
        for way, peer in result['pytorch'].items():
            line(f'{title}, PyTorch {peer["torch"]} {way}', peer[name], f'{peer[name]["ratio"]:.2f}x')


def record_name(result, options):
    own = result['deepzero']
    return own['network'], f'batch{options.batch}', 'base', f'threads{options.threads}', *capped(own)
