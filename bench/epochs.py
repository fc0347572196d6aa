"""Seconds per epoch of CIFAR-10 (50,000 images, 196 batches of 256) for the paper's networks cnn-1x18 … cnn-5x18 with
every coordinate queried at every step: deepzero, PyTorch's ways on a sample of the coordinates, and the hours that the
paper gives for 50 epochs on an A6000.

    npm run bench:epochs -- --record

An epoch is counted as 196 steps of the base pass and all queries; reading and shuffling of the data, 0.1 s or so, is
left out on both sides."""

import argparse
import os
import subprocess

import compare_queries
import conditions
import harness
import torch_python

STEPS = 196  # ceil(50,000 / 256)
BATCH = 256
EPOCHS = 50  # of the paper's training
# DeepZero (arXiv 2310.02025): accuracy in per cent and hours on an A6000, by depth.
PAPER = {1: (41.65, 0.99), 2: (59.66, 5.11), 3: (70.04, 11.39)}
WAYS = ['nchw', 'channels-last', 'processes', 'batched']


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--depths', default='1,2,3,4,5', help='with commas (all)')
    parser.add_argument('--sample', type=int, default=360, help='coordinates that PyTorch is timed on, 0 for all')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--ways', default=','.join(WAYS), help='of the peer, with commas')
    parser.add_argument('--default-allocator', action='store_true', help='do not tune glibc for PyTorch')
    parser.add_argument('--build', default='build-native', help='build folder')
    parser.add_argument('--record', action='store_true', help='write the result under bench/results/')
    parser.add_argument('--anyway', metavar='WHY', help=conditions.ANYWAY)
    options = parser.parse_args()
    options.depths = [int(depth) for depth in options.depths.split(',')]
    options.ways = options.ways.split(',')
    return options


def whole_step(binary, options, network):
    """All coordinates, none of them sampled."""
    return harness.run(binary, ['--queries', '--network', network, '--batch', BATCH, '--sparsity', 0, '--sample', 0,
                                '--threads', options.threads])


def measure(binary, options):
    networks = []
    for depth in options.depths:
        network = f'cnn-{depth}x18'
        case = argparse.Namespace(network=network, model=None, batch=BATCH, sparsity=0, ratios=None, mu=5e-3, seed=1,
                                  sample=options.sample, device='cpu', threads=options.threads, rounds=options.rounds,
                                  ways=options.ways, python=options.python, environment=options.environment)
        print(network, flush=True)
        compared = compare_queries.measure(binary, case)
        step = whole_step(binary, options, network)
        entry = {**compared, 'step': step, 'secondsPerEpoch': STEPS * step['stepSeconds']}
        for peer in entry['pytorch'].values():
            peer['secondsPerEpoch'] = STEPS * peer['stepSeconds']
        if depth in PAPER:
            accuracy, hours = PAPER[depth]
            entry['paper'] = {'accuracy': accuracy, 'hoursOf50Epochs': hours,
                              'secondsPerEpoch': 3600 * hours / EPOCHS}
        networks.append(entry)
    return {'mode': 'epochs', 'stepsPerEpoch': STEPS, 'networks': networks}


def show(result):
    ways = list(result['networks'][0]['pytorch'])
    print(f'\n{"":10} {"queries":>8} {"step ms":>9} {"s/epoch":>9} {"paper, s":>9} {"ratio to PyTorch":>18}')
    for entry in result['networks']:
        step = entry['step']
        paper = f'{entry["paper"]["secondsPerEpoch"]:.0f}' if 'paper' in entry else ''
        ratios = ', '.join(f'{way} {entry["pytorch"][way]["ratio"]:.1f}x' for way in ways)
        print(f'{step["network"]:10} {step["of"]:8} {1e3 * step["stepSeconds"]:9.1f} {entry["secondsPerEpoch"]:9.1f} '
              f'{paper:>9} {ratios}')


def main():
    options = arguments()
    start = conditions.Start(options.record, options.anyway)
    options.python = torch_python.find()
    options.environment = torch_python.allocator(not options.default_allocator)
    binary = harness.build(options.build)
    around = conditions.Cpu(start, binary, options.threads)
    result = measure(binary, options)
    show(result)
    result = {**around.close(), 'allocatorTuned': not options.default_allocator, **result}
    if options.record:
        harness.record(result, 'cnn', f'batch{BATCH}', 'epochs', f'threads{options.threads}',
                       *compare_queries.capped(result['networks'][0]['deepzero']))


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        harness.ended(error)
