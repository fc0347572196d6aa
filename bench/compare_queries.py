"""Queries per second of deepzero and of the peer's ways (bench/peer_pytorch.py) on one sample of a training step's
coordinates, round by round."""

import json
import os
import subprocess
import tempfile

import harness


NAMES = ('network', 'model', 'batch', 'sparsity', 'ratios', 'mu', 'threads', 'seed', 'memory', 'precision')
ON_CUDA = ('device', 'devices', 'streams')


def harness_command(options, sample, folder=None):
    """Arguments of deepzero_bench; with a folder, it leaves the case there."""
    command = ['--queries', '--repeats', 1, '--sample', sample]
    if folder is not None:
        command += ['--case', folder]
    for name in NAMES + (ON_CUDA if options.device == 'cuda' else ()):
        value = getattr(options, name, None)
        if value is not None:
            command += [f'--{name}', value]
    return command


def run_peer(way, options, folder):
    """The way `reference` is nchw with the allocator as it is."""
    environment, form = (None, 'nchw') if way == 'reference' else (options.environment, way)
    command = [options.python, os.path.join(harness.ROOT, 'bench', 'peer_pytorch.py'), '--case', folder, '--way', form,
               '--threads', str(options.threads), '--repeats', '1', '--json', '--device', options.device]
    errors = subprocess.PIPE if options.device == 'cuda' else None
    return json.loads(harness.output(command, environment, errors=errors))


def measure(binary, options):
    own, ways, failures = [], {way: [] for way in options.ways}, {}
    apart = getattr(options, 'own_sample', None) not in (None, options.sample)
    with tempfile.TemporaryDirectory(prefix='deepzero-compare-') as folder:
        if apart:  # the sample is for the peer
            harness.run(binary, harness_command(options, options.sample, folder))
        for turn in range(options.rounds):
            own.append(harness.run(binary, harness_command(options, options.own_sample) if apart
                                   else harness_command(options, options.sample, folder)))
            for way in options.ways:
                try:
                    if way not in failures:
                        ways[way].append(run_peer(way, options, folder))
                except subprocess.CalledProcessError as error:
                    if options.device != 'cuda':
                        raise
                    # One way that this PyTorch or its memory cannot go says nothing of the others.
                    said = (error.stderr or '').strip().splitlines()
                    failures[way] = f'ended with code {error.returncode}: {said[-1] if said else "nothing was said"}'
            print(f'round {turn + 1} of {options.rounds} done', flush=True)
    rates = harness.spread([run['queriesPerSecond']['median'] for run in own])
    bases = harness.spread([run['baseSeconds']['median'] for run in own])
    result = {'deepzero': {**own[-1], 'queriesPerSecond': rates, 'baseSeconds': bases}, 'pytorch': {}}
    result['deepzero']['stepSeconds'] = bases['median'] + own[-1]['of'] / rates['median']
    if failures:
        result['failures'] = failures
    if options.device == 'cuda':
        result['sampleOfPeer'] = options.sample
    for way, runs in ways.items():
        if way in failures:
            continue
        peer = harness.spread([run['queriesPerSecond']['median'] for run in runs])
        base = harness.median([run['baseSeconds'] for run in runs])
        result['pytorch'][way] = {
            'form': runs[-1]['form'],
            'torch': runs[-1]['torch'],
            'queriesPerSecond': peer,
            'baseSeconds': base,
            'stepSeconds': base + own[-1]['of'] / peer['median'],
            'check': runs[-1]['check'],
            'usable': all(run['usable'] for run in runs),
            'memoryPeakBytes': runs[-1].get('memoryPeakBytes'),
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
    machine = (f"{', '.join(own['devices'])}, differences {own['precision']}, {own['threads']} streams"
               if options.device == 'cuda' else f"{own['processor']}, {options.threads} threads, {own['isa']}")
    print(f"\n{machine}; {own['network']}, batch {options.batch}, "
          f"{chosen(options)[0]}, mu {options.mu}, {own['sample']} of {own['of']} queries timed, "
          f"medians of {options.rounds} rounds")
    print(f'{"":44} {"queries/s":>10} {"range":>19} {"ratio":>7} {"base ms":>8}')

    def line(name, rates, base, ratio):
        print(f'{name:44} {rates["median"]:10.1f} {rates["least"]:8.1f} … {rates["most"]:8.1f} {ratio:>7} '
              f'{1e3 * base:8.1f}')

    line('deepzero', own['queriesPerSecond'], own['baseSeconds']['median'], '')
    for way, peer in result['pytorch'].items():
        line(f'PyTorch {peer["torch"]} {way} ({peer["form"]})', peer['queriesPerSecond'], peer['baseSeconds'],
             f'{peer["ratio"]:.2f}x' if peer['usable'] else '')
        if not peer['usable']:
            print(f'{"":4}its estimates are off by more than 5 %: {peer["check"]}')
    for way, reason in result.get('failures', {}).items():
        print(f'PyTorch {way}: {reason}')


def record_name(result, options):
    own = result['deepzero']
    parts = [own['network'], f'batch{options.batch}', chosen(options)[1]]
    if options.device == 'cuda':
        return *parts, own['precision']
    rounded = [] if own['precision'] == 'f32' else [own['precision']]
    return *parts, f'threads{options.threads}', *rounded, *capped(own)


def capped(own):
    """The part of a record's name that tells instruction sets below the best apart."""
    return [] if own['isa'] in ('avx512', 'neon') else [own['isa']]
