"""Runs deepzero_bench in one mode and keeps what it measured, with commit, command and the machine's peaks before and
after, under bench/results/:

    npm run bench:record -- --scaling --sample 256
    npm run bench:record -- --linearity
    npm run bench:record -- --roofline
    npm run bench:record -- --profile --ratios bench/ratios/resnet20-90.json

Options are those of deepzero_bench; DEEPZERO_MAX_ISA holds, too. --build FOLDER takes another build. A tree with
uncommitted changes and a machine that is not at rest are refused (bench/conditions.py)."""

import argparse
import os
import subprocess
import sys

import conditions
import harness
from compare_queries import capped

MODES = ('queries', 'layers', 'base', 'scaling', 'linearity', 'profile', 'roofline')
UNUSABLE = 4  # exit code of a run that found the cores shared


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    group = parser.add_mutually_exclusive_group(required=True)
    for mode in MODES:
        group.add_argument(f'--{mode}', dest='mode', action='store_const', const=mode)
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--build', default='build-native')
    parser.add_argument('--anyway', metavar='WHY', help=conditions.ANYWAY)
    return parser.parse_known_args()


def name_parts(result, options):
    """What tells records of one day apart."""
    parts = [result['network']]
    if 'batch' in result:
        parts.append(f'batch{result["batch"]}')
    if 'ratios' in result:
        parts.append(os.path.splitext(result['ratios'])[0])
    elif 'sparsity' in result and options.mode != 'base':
        parts.append(f'sparsity{round(100 * result["sparsity"])}')
    return [*parts, options.mode, *capped(result)]


def main():
    options, rest = arguments()
    start = conditions.Start(True, options.anyway)
    binary = harness.build(options.build)
    around = conditions.Cpu(start, binary, options.threads)
    result = harness.run(binary, [f'--{options.mode}', '--threads', options.threads, *rest], show=True,
                         codes=(0, UNUSABLE))
    if result.get('usable') is False:
        sys.exit('bench: not recorded')
    harness.record({**around.close(), **result}, *name_parts(result, options))


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        harness.ended(error)
