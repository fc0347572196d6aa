"""One command for the ratio to PyTorch: builds deepzero_bench, draws one sample of a training step's coordinates, times
deepzero and every way of the peer in turn (A B C D, A B C D, …) and prints queries per second and the ratios.

    npm run bench:peer                     ResNet-20, batch 256, 90 % sparsity, all cores
    npm run bench:peer -- --network cnn-1x18 --sparsity 0 --record

--record writes bench/results/DATE-cpu-NETWORK-….json with machine, commit, command and the peaks before and after."""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WAYS = ['nchw', 'channels-last', 'processes', 'batched']
BUSY = 0.3  # load average, beside our own work, above which figures are suspect
SCALING = 0.95  # of the register-only loop over the threads; below it two virtual CPUs share a core


def output(command, environment=None, check=True):
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=check, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def build(folder):
    if not os.path.exists(os.path.join(ROOT, folder, 'build.ninja')):
        if folder != 'build-native':
            raise SystemExit(f'compare: {folder} is not configured; run cmake there first, or leave --build out')
        output(['cmake', '--preset', 'native'])
    output(['cmake', '--build', folder, '--target', 'deepzero_bench', '--parallel', str(os.cpu_count())])
    return os.path.join(ROOT, folder, 'bench', 'deepzero_bench')


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values):
    return {'median': median(values), 'least': min(values), 'most': max(values), 'all': values}


def allocator(tuned):
    """PyTorch asks the system for every large tensor anew; glibc can be told to keep them."""
    environment = dict(os.environ)
    if tuned:
        environment.update(MALLOC_MMAP_THRESHOLD_='4294967296', MALLOC_TRIM_THRESHOLD_='4294967296',
                           MALLOC_TOP_PAD_='268435456')
    return environment


def run_harness(binary, options, folder):
    result = os.path.join(folder, 'result.json')
    command = [binary, '--queries', '--case', folder, '--json', result, '--repeats', '1']
    for name in ('network', 'model', 'batch', 'sparsity', 'ratios', 'sample', 'mu', 'threads', 'seed'):
        value = getattr(options, name)
        if value is not None:
            command += [f'--{name}', str(value)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with open(result) as file:
        return json.load(file)


def run_peer(way, options, folder, environment):
    command = [sys.executable, os.path.join(ROOT, 'bench', 'peer_pytorch.py'), '--case', folder, '--way', way,
               '--threads', str(options.threads), '--repeats', '1', '--json']
    return json.loads(output(command, environment))


def peaks(binary, options, folder):
    result = os.path.join(folder, 'peak.json')
    subprocess.run([binary, '--peak', '--threads', str(options.threads), '--json', result], check=True,
                   stdout=subprocess.DEVNULL)
    with open(result) as file:
        return json.load(file)


def scaling(peak):
    best = next(peak[isa] for isa in ('avx512', 'avx2', 'scalar') if isa in peak)
    return best['allThreads'] / (best['oneThread'] * peak['threads'])


def commit():
    dirty = output(['git', 'status', '--porcelain', '--untracked-files=no'], check=False)
    return output(['git', 'rev-parse', 'HEAD'], check=False) + ('-dirty' if dirty else '')


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--network', default='resnet20')
    parser.add_argument('--model', help='a model file instead of a name')
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--sparsity', type=float, default=0.9)
    parser.add_argument('--ratios', help='a ratios file of deepzero prune instead of one sparsity')
    parser.add_argument('--sample', type=int, default=512, help='coordinates of the step to time, 0 for all')
    parser.add_argument('--mu', type=float, default=5e-3)
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--ways', default=','.join(WAYS), help='of the peer, with commas')
    parser.add_argument('--default-allocator', action='store_true', help='do not tune glibc for PyTorch')
    parser.add_argument('--build', default='build-native', help='build folder')
    parser.add_argument('--record', action='store_true', help='write the result under bench/results/')
    options = parser.parse_args()
    options.ways = options.ways.split(',')
    unknown = [way for way in options.ways if way not in WAYS]
    if unknown:
        parser.error(f'--ways: expected some of {", ".join(WAYS)}, received {", ".join(unknown)}')
    return options


def chosen(options):
    """What decides how much of each layer is queried, for people and for file names."""
    if options.ratios:
        return f'ratios {os.path.basename(options.ratios)}', os.path.splitext(os.path.basename(options.ratios))[0]
    return f'sparsity {options.sparsity}', f'sparsity{round(100 * options.sparsity)}'


def record(options, result):
    name = re.sub(r'[^a-z0-9]+', '-', result['deepzero']['network'].lower())
    path = os.path.join('bench', 'results', f'{result["date"]}-cpu-{name}-batch{options.batch}'
                        f'-{chosen(options)[1]}-threads{options.threads}.json')
    os.makedirs(os.path.join(ROOT, 'bench', 'results'), exist_ok=True)
    with open(os.path.join(ROOT, path), 'w') as file:
        file.write(json.dumps(result, indent=2) + '\n')
    print(f'recorded in {path}')


def main():
    options = arguments()
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f'warning: the load average is {load:.2f}; others use the cores, figures are not to be recorded')
    binary = build(options.build)
    environment = allocator(not options.default_allocator)
    with tempfile.TemporaryDirectory(prefix='deepzero-compare-') as folder:
        before = peaks(binary, options, folder)
        harness, ways = [], {way: [] for way in options.ways}
        for turn in range(options.rounds):
            harness.append(run_harness(binary, options, folder))
            for way in options.ways:
                ways[way].append(run_peer(way, options, folder, environment))
            print(f'round {turn + 1} of {options.rounds} done', flush=True)
        after = peaks(binary, options, folder)

    own = spread([run['queriesPerSecond']['median'] for run in harness])
    last = harness[-1]
    print(f"\n{last['processor']}, {options.threads} threads, {last['isa']}; {last['network']}, batch {options.batch}, "
          f"{chosen(options)[0]}, mu {options.mu}, {last['sample']} of {last['of']} queries timed, "
          f"medians of {options.rounds} rounds")
    print(f'{"":44} {"queries/s":>10} {"range":>19} {"ratio":>7} {"base ms":>8}')

    def line(name, rates, base, ratio):
        print(f'{name:44} {rates["median"]:10.1f} {rates["least"]:8.1f} … {rates["most"]:8.1f} {ratio:>7} '
              f'{1e3 * base:8.1f}')

    line('deepzero', own, median([run['baseSeconds']['median'] for run in harness]), '')
    peers = {}
    for way, runs in ways.items():
        rates = spread([run['queriesPerSecond']['median'] for run in runs])
        base = median([run['baseSeconds'] for run in runs])
        peers[way] = {'form': runs[-1]['form'], 'torch': runs[-1]['torch'], 'queriesPerSecond': rates,
                      'baseSeconds': base, 'check': runs[-1]['check'], 'ratio': own['median'] / rates['median']}
        line(f'PyTorch {runs[-1]["torch"]} {way} ({runs[-1]["form"]})', rates, base, f'{peers[way]["ratio"]:.2f}x')
    scales = {'before': scaling(before), 'after': scaling(after)}
    print(f'a register-only loop scales to {scales["before"]:.2f} of the threads before, {scales["after"]:.2f} after')
    if min(scales.values()) < SCALING:
        print(f'warning: below {SCALING} the cores are shared with others; figures are not to be recorded')
    result = {
        'date': datetime.date.today().isoformat(),
        'commit': commit(),
        'command': ' '.join(['python3', 'bench/compare.py'] + sys.argv[1:]),
        'loadBefore': load,
        'allocatorTuned': not options.default_allocator,
        'scaling': scales,
        'peakBefore': before,
        'peakAfter': after,
        'deepzero': {**last, 'queriesPerSecond': own},
        'pytorch': peers,
    }
    if options.record:
        record(options, result)


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        # Its own message is above, on standard error, or in the compiler's output.
        print(error.stdout or '', end='', file=sys.stderr)
        sys.exit(f'compare: {" ".join(map(str, error.cmd))} ended with code {error.returncode}')
