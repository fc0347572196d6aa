"""The steps of bench/gpu.py, in order: each gives the commands that it takes on this machine, or says why it is left out."""

import os
import re
import shutil
from dataclasses import dataclass
from typing import Callable

import harness
from gpu_runner import Command, exit_code

# Cases of deepzero_check that are small enough for an instrumented run: every kind of kernel of a residual network, and
# the tensor cores with queries that are done again.
SANITIZED = 'cuda: a residual*,cuda: a query beyond*'
PRECISIONS = ('f32', 'f16', 'bf16')
RATIOS = os.path.join(harness.ROOT, 'bench', 'ratios', 'resnet20-90.json')


class Skip(Exception):
    """Why a step is left out."""


@dataclass
class Context:
    """What the steps know of this machine; paths are absolute."""

    options: object
    check: str = os.path.join(harness.ROOT, 'build-native', 'deepzero_check')
    bench: str = os.path.join(harness.ROOT, 'build-native', 'bench', 'deepzero_bench')
    cuda_bench: str = os.path.join(harness.ROOT, 'build-cuda', 'bench', 'cuda', 'deepzero_cuda_bench')
    library: str = os.path.join(harness.ROOT, 'build-cuda', 'cuda', 'libdeepzero_cuda.so')
    python: str = ''  # one with PyTorch for CUDA, if there is any
    gpus: int = 1
    which: Callable = shutil.which

    def environment(self):
        return {'DEEPZERO_CUDA_LIBRARY': self.library}

    def on_cuda(self, name, limit, *arguments, devices=1, **more):
        """deepzero_bench on the first device, or the first ones."""
        list_ = ','.join(map(str, range(devices)))
        argv = [self.bench, '--device', 'cuda', '--devices', list_, *arguments]
        return Command(name, argv, limit, self.environment(), **more)


def judge_doctest(code, text, result):
    found = re.search(r'test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed', text)
    if not found:
        return 'failed', f'exit code {code}, no summary of the checks', result
    cases, passed, failed = map(int, found.groups())
    counts = {'cases': cases, 'passed': passed, 'failed': failed}
    if code != 0 or failed:
        return 'failed', f'{failed} of {cases} cases failed, exit code {code}', counts
    return ('passed', None, counts) if cases else ('failed', 'no case ran', counts)


def judge_sanitizer(code, text, result):
    status, reason, counts = judge_doctest(code, text, result)
    summary = re.findall(r'=+ (?:ERROR|RACECHECK) SUMMARY: (.*)', text)
    counts = {**(counts or {}), 'summary': summary[-1] if summary else None}
    if not summary:
        return 'failed', 'no summary of the sanitizer', counts
    if not summary[-1].startswith('0 '):
        return 'failed', summary[-1], counts
    return status, reason, counts


def check(c):
    environment = {**c.environment(), 'DEEPZERO_REFERENCE': c.options.reference}
    return [Command('cuda:*', [c.check, '-tc=cuda:*'], 150, environment, json=False, judge=judge_doctest)]


def sanitize(tool):
    def commands(c):
        path = c.which('compute-sanitizer')
        if path is None:
            raise Skip('there is no compute-sanitizer on the path; it comes with the CUDA toolkit')
        argv = [path, '--tool', tool, '--error-exitcode', '9', c.check, f'-tc={SANITIZED}']
        return [Command(tool, argv, 60, c.environment(), json=False, judge=judge_sanitizer)]
    return commands


def gradcheck(c):
    if not os.path.isdir(c.options.reference):
        raise Skip(f'there are no reference cases at {os.path.relpath(c.options.reference, harness.ROOT)}; '
                   'name their folder with --reference')
    return [c.on_cuda(precision, 60, '--gradcheck', '--reference', c.options.reference, '--sample', '0', '--precision',
                      precision) for precision in PRECISIONS]


def peaks(c):
    return [Command('peaks', [c.cuda_bench, '--peak'], 60)]


def kernels(c):
    common = [c.cuda_bench, '--precision', c.options.precision, '--batch', c.options.batch]
    return [Command('uniform', common, 60), Command('ratios', [*common, '--ratios', RATIOS, '--repeats', 1], 60)]


def beside_pytorch(c, name, limit, rounds, ways, arguments):
    """deepzero's whole step beside PyTorch's ways on a sample of it; alone where there is no PyTorch for CUDA."""
    arguments = ['--batch', c.options.batch, '--precision', c.options.precision, *arguments]
    if not c.python:
        return c.on_cuda(f'{name}, without PyTorch', limit, '--queries', '--sample', '0', '--repeats', rounds, *arguments)
    argv = [c.python, os.path.join(harness.ROOT, 'bench', 'compare.py'), '--no-build', '--device', 'cuda', '--rounds',
            rounds, '--sample', c.options.peer_sample, '--ways', ways, *arguments]
    return Command(name, argv, limit, {**c.environment(), 'PYTHON': c.python})


def queries(c):
    return [beside_pytorch(c, 'resnet20', 240, c.options.rounds, c.options.ways, ['--sparsity', '0.9'])]


def ratios(c):
    return [beside_pytorch(c, 'resnet20', 120, 1, c.options.few_ways, ['--ratios', RATIOS])]


def networks(c):
    return [beside_pytorch(c, name, 90, 1, c.options.few_ways, ['--network', name, '--sparsity', '0'])
            for name in c.options.networks]


def streams(c):
    whole = ['--queries', '--sample', '0', '--repeats', '1', '--check', '4', '--batch', c.options.batch, '--precision',
             c.options.precision]
    list_ = [c.on_cuda(f'{count} streams', 60, *whole, '--streams', count, memory=True) for count in (1, 2, 4)]
    list_ += [c.on_cuda(f'{mib} MiB', 60, *whole, '--memory', mib, memory=True) for mib in c.options.memory]
    return list_ + [c.on_cuda(f'{count} devices', 60, *whole, devices=count) for count in range(2, c.gpus + 1)]


def layers(c):
    return [c.on_cuda('layers', 90, '--layers', '--sample', '64', '--repeats', '3', '--batch', c.options.batch,
                      '--precision', c.options.precision)]


# Name, what it is for people, and its commands.
STEPS = {
    'check': ('checks of the backend on the device', check),
    'memcheck': ('compute-sanitizer memcheck', sanitize('memcheck')),
    'racecheck': ('compute-sanitizer racecheck', sanitize('racecheck')),
    'initcheck': ('compute-sanitizer initcheck', sanitize('initcheck')),
    'gradcheck': ('reference cases in each precision', gradcheck),
    'peaks': ('peaks of the device', peaks),
    'kernels': ('kernels beside their floors', kernels),
    'queries': ('ResNet-20, 90 % uniform, beside PyTorch', queries),
    'ratios': ('ResNet-20, ratios of ZO-GraSP, beside PyTorch', ratios),
    'networks': ('small networks beside PyTorch', networks),
    'streams': ('streams, memory and devices', streams),
    'layers': ('queries per second of each layer', layers),
}
