"""Every check and every measurement of the CUDA backend on a machine with a GPU, by one command that leaves a record:

    python3 bench/gpu.py                         all steps, within ten minutes where the builds are ready
    python3 bench/gpu.py --quick                 the same in less than five
    python3 bench/gpu.py --only check,gradcheck

Builds what is missing (presets native and cuda), runs step after step, prints a short table and writes
bench/results/DATE-DEVICE.json: device, driver, commit, and of each step its commands, seconds and results. A step that
fails does not stop the others; the record is written after each, so that an interrupted run leaves what it has. Needs
the driver and Python 3.9; compute-sanitizer and a PyTorch for CUDA are used where they are.

Exit code: 0 all is well, 1 something failed or may not be recorded (bench/conditions.py), 2 wrong use or nothing to run, 3 no
GPU, 4 nothing failed but time ran out."""

import argparse
import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import conditions
import gpu_machine
import gpu_report
import harness
import torch_python
from gpu_runner import FAILURES, Runner, worst
from gpu_steps import STEPS, Context, Skip

FAILED, USAGE, NO_GPU, OUT_OF_TIME = 1, 2, 3, 4
BUILDS = {'native': ('deepzero_check', 'deepzero_bench'), 'cuda': ('deepzero_cuda', 'deepzero_cuda_bench')}
WAYS = 'nchw,nchw-tf32,channels-last,channels-last-autocast,batched,vmap'
# What --quick takes where nothing else is said.
FULL = {'time_limit': 570, 'rounds': 2, 'peer_sample': 256, 'ways': WAYS, 'networks': 'cnn-1x18,cnn-2x18,cnn-3x18',
        'memory': '2048'}
QUICK = {'time_limit': 280, 'rounds': 1, 'peer_sample': 128, 'ways': 'nchw,batched', 'networks': 'cnn-1x18', 'memory': ''}
LEFT_OUT_WHEN_QUICK = ('racecheck', 'initcheck', 'ratios', 'layers')


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument('--only', help=f'steps, with commas: {", ".join(STEPS)}')
    parser.add_argument('--quick', action='store_true', help=f'less of everything, without {", ".join(LEFT_OUT_WHEN_QUICK)}')
    parser.add_argument('--no-build', action='store_true', help='take the binaries as they are')
    parser.add_argument('--time-limit', type=float, help='seconds of all steps, without building (570, --quick 280)')
    parser.add_argument('--reference', default=os.path.join(os.path.dirname(harness.ROOT), 'shared', 'reference'),
                        help='folder of reference cases (beside the checkout)')
    parser.add_argument('--precision', default='f16', choices=['f32', 'f16', 'bf16'], help='of the measurements (f16)')
    parser.add_argument('--batch', type=int, default=256)
    parser.add_argument('--rounds', type=int, help='of deepzero and PyTorch in turn (2, --quick 1)')
    parser.add_argument('--peer-sample', type=int, help='coordinates that PyTorch is timed on (256, --quick 128)')
    parser.add_argument('--ways', help=f'of PyTorch, as bench/compare.py has them ({WAYS})')
    parser.add_argument('--few-ways', default='nchw,batched', help='of the steps ratios and networks (nchw,batched)')
    parser.add_argument('--networks', help=f'of the step networks ({FULL["networks"]})')
    parser.add_argument('--memory', help='MiB, with commas, of the step streams beside the default (2048)')
    parser.add_argument('--commit', help='for the record, where the checkout has no git')
    parser.add_argument('--anyway', metavar='WHY', help=conditions.ANYWAY)
    parser.add_argument('--output', help='file of the record (bench/results/DATE-DEVICE.json)')
    options = parser.parse_args(given)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.reference = os.path.abspath(options.reference)
    options.networks = [name for name in options.networks.split(',') if name]
    options.memory = [int(text) for text in options.memory.split(',') if text]
    chosen = options.only.split(',') if options.only else [
        name for name in STEPS if not (options.quick and name in LEFT_OUT_WHEN_QUICK)]
    for name in chosen:
        if name not in STEPS:
            near = difflib.get_close_matches(name, STEPS, 1)
            parser.error(f'--only: unknown step {name}; ' +
                         (f'did you mean {near[0]}?' if near else f'expected some of {", ".join(STEPS)}'))
    options.steps = [name for name in STEPS if name in chosen]
    return options


def build():
    """Configures and builds what the steps run; raises CalledProcessError."""
    for preset, targets in BUILDS.items():
        if not os.path.exists(os.path.join(harness.ROOT, f'build-{preset}', 'build.ninja')):
            subprocess.run(['cmake', '--preset', preset], cwd=harness.ROOT, check=True)
        subprocess.run(['cmake', '--build', f'build-{preset}', '--parallel', str(os.cpu_count()), '--target', *targets],
                       cwd=harness.ROOT, check=True)


def prepare(context, no_build):
    """Empty, or why there is nothing to run."""
    binaries = (context.check, context.bench, context.cuda_bench, context.library)
    if not no_build and shutil.which('cmake') is not None:
        try:
            build()
        except subprocess.CalledProcessError as error:
            return f'{" ".join(error.cmd)} ended with code {error.returncode}; see above, or take binaries with --no-build'
    missing = [os.path.relpath(path, harness.ROOT) for path in binaries if not os.path.exists(path)]
    if not missing:
        return ''
    return (f'expected {", ".join(missing)}, found none; build the presets native and cuda here (cmake, ninja, g++, '
            'nvcc), or bring these files from a machine that has them')


def cuda_python():
    """A python3 whose PyTorch can use CUDA, or ''."""
    code = 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else 1)'
    for python in torch_python.candidates():
        if torch_python.has_torch(python) and subprocess.run(
                [python, '-c', code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return ''


def run_step(name, context, runner):
    """The step's entry in the record."""
    started = runner.clock()
    entry = {'name': name, 'title': STEPS[name][0], 'commands': []}
    try:
        for command in STEPS[name][1](context):
            entry['commands'].append(runner.run(command))
            if entry['commands'][-1]['status'] == 'interrupted':
                break
        entry['status'] = worst(command['status'] for command in entry['commands'])
    except Skip as reason:
        entry.update(status='skipped', reason=str(reason))
    entry['seconds'] = round(runner.clock() - started, 2)
    return entry


def new_record(gpus, start):
    return {
        'mode': 'gpu',
        'device': gpus[0]['name'],
        'driver': gpus[0]['driver_version'],
        'gpus': gpus,
        **start.describe(start.reasons()),
        'conditionBefore': gpu_machine.condition(),
        'steps': [],
    }


def write(record, path):
    """Whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f'{path}.part', 'w') as file:
        file.write(json.dumps(record, indent=2) + '\n')
    os.replace(f'{path}.part', path)


def free_path(record, options):
    """Where the record goes: a new name, unless one was given."""
    if options.output:
        return os.path.abspath(options.output)
    folder = os.path.join(harness.ROOT, 'bench', 'results')
    name = f'{record["date"]}-{harness.file_name(record["device"])}'
    number = 1
    path = os.path.join(folder, f'{name}.json')
    while os.path.exists(path):
        number += 1
        path = os.path.join(folder, f'{name}-{number}.json')
    return path


def run_all(options, context, runner, record, path):
    """The exit code; the record is written after every step."""
    try:
        for name in options.steps:
            print(f'{name}: {STEPS[name][0]} …', flush=True)
            entry = run_step(name, context, runner)
            record['steps'].append(entry)
            write(record, path)
            print(f'  {entry["status"]}, {entry["seconds"]:.1f} s', flush=True)
            if entry['status'] == 'interrupted':
                break
    except KeyboardInterrupt:
        record['steps'].append({'name': name, 'title': STEPS[name][0], 'status': 'interrupted', 'seconds': 0, 'commands': []})
    record['conditionAfter'] = gpu_machine.condition()
    for reason in conditions.changed_reasons(record['commit']):
        record['changedMeanwhile'] = reason
        print(f'warning: {reason}', file=sys.stderr)
    statuses = [entry['status'] for entry in record['steps']]
    record['passed'] = not any(status in FAILURES for status in statuses)
    write(record, path)
    print('\n' + '\n'.join(gpu_report.lines(record)))
    print(f'\nrecorded in {os.path.relpath(path, harness.ROOT)}')
    if not record['passed']:
        return FAILED
    partly = any(command['status'] == 'out of time' for entry in record['steps'] for command in entry['commands'])
    return OUT_OF_TIME if partly else 0


def interrupt(*_):
    raise KeyboardInterrupt


def main(given=None):
    options = arguments(given)
    try:
        gpus = gpu_machine.gpus()
    except RuntimeError as reason:
        print(f'gpu: {reason}', file=sys.stderr)
        return NO_GPU
    start = conditions.Start(True, options.anyway, options.commit)
    context = Context(options, gpus=len(gpus))
    reason = prepare(context, options.no_build)
    if reason:
        print(f'gpu: {reason}', file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, interrupt)
    runner = Runner(options.time_limit)
    context.python = cuda_python()
    record = new_record(gpus, start)
    record['torchOnCuda'] = bool(context.python)
    return run_all(options, context, runner, record, free_path(record, options))


if __name__ == '__main__':
    sys.exit(main())
