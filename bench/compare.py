"""One command for the ratio to PyTorch: builds deepzero_bench, makes one case, times deepzero and every way of the peer
in turn (A B C D, A B C D, …) and prints rates and ratios.

    npm run bench:peer                     queries: ResNet-20, batch 256, 90 % sparsity, all cores
    npm run bench:peer -- --network cnn-1x18 --sparsity 0 --record
    npm run bench:peer -- --base           base pass and evaluation

--record writes bench/results/DATE-cpu-NETWORK-….json with machine, commit, command and the peaks before and after."""

import argparse
import os
import subprocess

import compare_base
import compare_queries
import harness
import torch_python

WAYS = {'queries': ['nchw', 'channels-last', 'processes', 'batched'], 'base': ['nchw', 'channels-last']}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--base', action='store_true', help='base pass and evaluation instead of queries')
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
    parser.add_argument('--ways', help='of the peer, with commas (all)')
    parser.add_argument('--default-allocator', action='store_true', help='do not tune glibc for PyTorch')
    parser.add_argument('--build', default='build-native', help='build folder')
    parser.add_argument('--record', action='store_true', help='write the result under bench/results/')
    options = parser.parse_args()
    known = WAYS['base' if options.base else 'queries']
    options.ways = options.ways.split(',') if options.ways else known
    unknown = [way for way in options.ways if way not in known]
    if unknown:
        parser.error(f'--ways: expected some of {", ".join(known)}, received {", ".join(unknown)}')
    return options


def main():
    options = arguments()
    options.python = torch_python.find()
    options.environment = torch_python.allocator(not options.default_allocator)
    binary = harness.build(options.build)
    comparison = compare_base if options.base else compare_queries
    conditions = harness.Conditions(binary, options.threads)
    result = comparison.measure(binary, options)
    comparison.show(result, options)
    result = {**conditions.close(), 'allocatorTuned': not options.default_allocator, **result}
    if options.record:
        harness.record(result, *comparison.record_name(result, options))


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        harness.ended(error)
