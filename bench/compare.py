"""One command for the ratio to PyTorch: builds deepzero_bench, makes one case, times deepzero and every way of the peer
in turn (A B C D, A B C D, …) and prints rates and ratios.

    npm run bench:peer                     queries: ResNet-20, batch 256, 90 % sparsity, all cores
    npm run bench:peer -- --network cnn-1x18 --sparsity 0 --record
    npm run bench:peer -- --base           base pass and evaluation
    python3 bench/compare.py --device cuda --precision f16      queries on a GPU, PyTorch on the same one

--record writes bench/results/DATE-DEVICE-NETWORK-….json with machine, commit, command and the peaks before and after (on a
GPU, its clocks). On a GPU a whole step of deepzero is timed, and PyTorch on a sample of it."""

import argparse
import json
import os
import subprocess

import compare_base
import compare_queries
import conditions
import harness
import torch_python

WAYS = {
    # As the reference's code runs where nobody tuned anything, then with what makes PyTorch faster, step by step.
    ('queries', 'cpu'): ['reference', 'nchw', 'channels-last', 'processes', 'batched'],
    ('base', 'cpu'): ['nchw', 'channels-last'],
    # As the reference runs it, on either setting of TF32, then what a user could do to be faster.
    ('queries', 'cuda'): ['nchw', 'nchw-tf32', 'channels-last', 'channels-last-tf32', 'channels-last-autocast',
                          'batched', 'batched-tf32', 'vmap'],
}


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--base', action='store_true', help='base pass and evaluation instead of queries')
    parser.add_argument('--network', default='resnet20')
    parser.add_argument('--model', help='a model file instead of a name')
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--sparsity', type=float, default=0.9)
    parser.add_argument('--ratios', help='a ratios file of deepzero prune instead of one sparsity')
    parser.add_argument('--sample', type=int, default=512, help='coordinates of the step to time, 0 for all')
    parser.add_argument('--mu', type=float, default=5e-3)
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--devices', help='of deepzero on cuda, by number, with commas (0, where PyTorch computes)')
    parser.add_argument('--streams', type=int, default=0, help="of deepzero per CUDA device (the backend's own)")
    parser.add_argument('--memory', type=int, help='MiB, of deepzero')
    parser.add_argument('--precision', default='f32', choices=['f32', 'bf16', 'f16'], help="of deepzero's differences")
    parser.add_argument('--own-sample', type=int, help='coordinates that deepzero is timed on (--sample; on cuda all)')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--ways', help='of the peer, with commas (all)')
    parser.add_argument('--default-allocator', action='store_true', help='do not tune glibc for PyTorch in any way of it')
    parser.add_argument('--build', default='build-native', help='build folder')
    parser.add_argument('--no-build', action='store_true', help='take deepzero_bench as it is')
    parser.add_argument('--json', help='write the result there as well')
    parser.add_argument('--record', action='store_true', help='write the result under bench/results/')
    parser.add_argument('--anyway', metavar='WHY', help=conditions.ANYWAY)
    options = parser.parse_args(given)
    if options.base and options.device == 'cuda':
        parser.error('--base: expected --device cpu')
    known = WAYS['base' if options.base else 'queries', options.device]
    if options.device == 'cuda':
        options.devices = options.devices or '0'
        options.own_sample = 0 if options.own_sample is None else options.own_sample
    elif options.devices or options.streams:
        parser.error('--devices, --streams: expected --device cuda with them')
    options.ways = options.ways.split(',') if options.ways else known
    unknown = [way for way in options.ways if way not in known]
    if unknown:
        parser.error(f'--ways: expected some of {", ".join(known)}, received {", ".join(unknown)}')
    return options


def main():
    options = arguments()
    start = conditions.Start(options.record, options.anyway)
    options.python = torch_python.find()
    options.environment = torch_python.allocator(not options.default_allocator)
    binary = harness.binary(options.build) if options.no_build else harness.build(options.build)
    comparison = compare_base if options.base else compare_queries
    on_device = options.device == 'cuda'
    around = conditions.Device(start) if on_device else conditions.Cpu(start, binary, options.threads)
    result = comparison.measure(binary, options)
    comparison.show(result, options)
    result = {**around.close(), 'allocatorTuned': not options.default_allocator, **result}
    if options.json:
        with open(options.json, 'w') as file:
            file.write(json.dumps(result, indent=2) + '\n')
    if options.record:
        device = around.gpus[0]['name'] if on_device else 'cpu'
        harness.record(result, *comparison.record_name(result, options), device=device)
    if not result['pytorch']:
        raise SystemExit('bench: no way of PyTorch could be timed')


if __name__ == '__main__':
    try:
        main()
    except RuntimeError as error:
        raise SystemExit(f'bench: {error}')
    except subprocess.CalledProcessError as error:
        harness.ended(error)
