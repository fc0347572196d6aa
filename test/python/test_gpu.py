"""bench/gpu.py without a GPU: its arguments, what it runs and in which order, what it says where there is no GPU, and what
it does when commands succeed, fail, hang or are interrupted."""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'bench')
sys.path.insert(0, BENCH)

import compare  # noqa: E402
import compare_queries  # noqa: E402
import gpu  # noqa: E402
import gpu_machine  # noqa: E402
import gpu_steps  # noqa: E402
from gpu_runner import Command, Runner, exit_code, worst  # noqa: E402


def refused(run, *arguments):
    """What a command line that is refused says."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            run(*arguments)
        except SystemExit as ended:
            return ended.code, said.getvalue()
    raise AssertionError('was not refused')


class Arguments(unittest.TestCase):
    def test_defaults_run_every_step_in_order(self):
        options = gpu.arguments([])
        self.assertEqual(options.steps, list(gpu_steps.STEPS))
        self.assertEqual(options.time_limit, 570)
        self.assertEqual(options.networks, ['cnn-1x18', 'cnn-2x18', 'cnn-3x18'])
        self.assertEqual(options.memory, [2048])

    def test_quick_is_less_and_gives_way_to_what_is_said(self):
        options = gpu.arguments(['--quick', '--rounds', '3'])
        self.assertLess(options.time_limit, 300)
        self.assertEqual(options.rounds, 3)
        self.assertNotIn('racecheck', options.steps)
        self.assertEqual(gpu.arguments(['--quick', '--only', 'racecheck']).steps, ['racecheck'])

    def test_steps_keep_their_order_and_unknown_ones_are_refused_with_the_nearest(self):
        self.assertEqual(gpu.arguments(['--only', 'peaks,check']).steps, ['check', 'peaks'])
        code, said = refused(gpu.arguments, ['--only', 'gradchek'])
        self.assertEqual(code, 2)
        self.assertIn('did you mean gradcheck?', said)

    def test_compare_on_the_cpu_is_as_it_was_and_cuda_has_its_own_ways(self):
        options = compare.arguments([])
        self.assertEqual((options.device, options.ways), ('cpu', ['reference', 'nchw', 'channels-last', 'processes', 'batched']))
        command = compare_queries.harness_command(options, options.sample)
        self.assertNotIn('--device', command)
        options = compare.arguments(['--device', 'cuda', '--precision', 'f16'])
        self.assertEqual(options.own_sample, 0)
        self.assertIn('vmap', options.ways)
        self.assertNotIn('processes', options.ways)
        command = compare_queries.harness_command(options, 0)
        self.assertEqual(command[command.index('--device') + 1], 'cuda')
        for given in (['--base', '--device', 'cuda'], ['--streams', '2'], ['--ways', 'vmap']):
            self.assertEqual(refused(compare.arguments, given)[0], 2)


class WithoutGpu(unittest.TestCase):
    def run_with(self, script):
        """gpu.py where nvidia-smi is this script, or is not there."""
        with tempfile.TemporaryDirectory() as folder:
            if script:
                path = os.path.join(folder, 'nvidia-smi')
                with open(path, 'w') as file:
                    file.write('#!/bin/sh\n' + script)
                os.chmod(path, 0o755)
            return subprocess.run([sys.executable, os.path.join(BENCH, 'gpu.py'), '--no-build'], capture_output=True,
                                  text=True, env={**os.environ, 'PATH': folder})

    def test_without_nvidia_smi_one_line_says_so(self):
        done = self.run_with(None)
        self.assertEqual(done.returncode, gpu.NO_GPU)
        self.assertEqual(done.stdout, '')
        self.assertRegex(done.stderr, r'^gpu: no NVIDIA GPU can be used on this machine: there is no nvidia-smi[^\n]*\n$')

    def test_what_nvidia_smi_says_is_repeated(self):
        done = self.run_with('echo "No devices were found"; exit 6')
        self.assertEqual(done.returncode, gpu.NO_GPU)
        self.assertIn('nvidia-smi says "No devices were found"', done.stderr)

    def test_missing_binaries_are_named(self):
        context = gpu.Context(gpu.arguments([]), check='/none/deepzero_check')
        self.assertRegex(gpu.prepare(context, True), 'expected .*deepzero_check.*, found none; build the presets')

    def test_gpus_are_read(self):
        said = subprocess.CompletedProcess([], 0, 'NVIDIA H100, 580.1, 81559, 9.0, 700.00, 1980\n')
        (one,) = gpu_machine.gpus(lambda *_, **__: said)
        self.assertEqual((one['name'], one['driver_version'], one['memory.total']), ('NVIDIA H100', '580.1', '81559'))

    def test_the_most_memory_that_was_seen(self):
        looks = iter([[{'memory.used': '5'}], [{'memory.used': '70'}], [{'memory.used': '6'}]])
        with gpu_machine.MemoryWatch(lambda: next(looks, []), period=0) as watch:
            watch.thread.join(10)
        self.assertEqual(watch.most, 70)


class Commands(unittest.TestCase):
    """The runner, with commands that are there everywhere."""

    def run_python(self, code, runner=None, **options):
        command = Command('one', [sys.executable, '-c', code], options.pop('limit', 60), **options)
        return (runner or Runner(60)).run(command)

    def test_a_result_is_kept(self):
        entry = self.run_python('import sys, json; json.dump({"a": 1}, open(sys.argv[-1], "w"))')
        self.assertEqual((entry['status'], entry['result'], entry['exitCode']), ('passed', {'a': 1}, 0))
        self.assertNotIn('output', entry)

    def test_memory_is_looked_at_where_a_command_asks_for_it(self):
        runner = Runner(60, watch=lambda: gpu_machine.MemoryWatch(look=lambda: [{'memory.used': '77'}]))
        self.assertEqual(self.run_python('pass', runner, json=False, memory=True)['deviceMemoryMiB'], 77)
        self.assertNotIn('deviceMemoryMiB', self.run_python('pass', runner, json=False))

    def test_a_failure_keeps_the_end_of_the_output(self):
        entry = self.run_python('print("x" * 9000 + "the end"); exit(3)')
        self.assertEqual((entry['status'], entry['reason']), ('failed', 'exit code 3: ' + 'x' * 300))
        self.assertTrue(entry['output'].strip().endswith('the end'))
        self.assertLessEqual(len(entry['output']), 4000)

    def test_no_result_where_one_was_expected_is_a_failure(self):
        self.assertEqual(self.run_python('pass')['reason'], 'wrote no result')
        self.assertEqual(self.run_python('pass', json=False)['status'], 'passed')

    def test_what_cannot_be_started_is_a_failure(self):
        entry = Runner(60).run(Command('one', ['/none/at/all'], 10))
        self.assertEqual((entry['status'], entry['reason']), ('failed', 'cannot be started: No such file or directory'))

    def test_what_takes_too_long_is_ended_with_its_children(self):
        code = 'import subprocess, sys; print("begun", flush=True); subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])'
        start = time.monotonic()
        entry = self.run_python(code, limit=1)
        self.assertEqual(entry['status'], 'timeout')
        self.assertIn('begun', entry['output'])
        self.assertLess(time.monotonic() - start, 300)  # not the child's ten minutes

    def test_nothing_is_started_when_time_has_run_out(self):
        self.assertEqual(self.run_python('exit(1)', Runner(0))['status'], 'out of time')

    def test_commands_are_kept_without_where_the_checkout_lies(self):
        library = os.path.join(gpu_steps.harness.ROOT, 'build', 'l.so')
        entry = self.run_python('pass', environment={'LIBRARY': library}, json=False)
        self.assertIn('LIBRARY=build/l.so', entry['command'])

    def test_a_step_is_as_its_worst_command(self):
        self.assertEqual(worst(['passed', 'skipped']), 'passed')
        self.assertEqual(worst(['skipped']), 'skipped')
        self.assertEqual(worst(['passed', 'failed', 'out of time']), 'failed')


class Judges(unittest.TestCase):
    SUMMARY = '[doctest] test cases:  2 |  2 passed | 0 failed | 130 skipped\n'

    def test_checks(self):
        self.assertEqual(gpu_steps.judge_doctest(0, self.SUMMARY, None)[0], 'passed')
        self.assertEqual(gpu_steps.judge_doctest(1, self.SUMMARY, None)[0], 'failed')
        self.assertEqual(gpu_steps.judge_doctest(0, 'Segmentation fault', None)[0], 'failed')
        none = self.SUMMARY.replace('2', '0', 2)
        self.assertEqual(gpu_steps.judge_doctest(0, none, None)[:2], ('failed', 'no case ran'))

    def test_sanitizers(self):
        clean = self.SUMMARY + '========= ERROR SUMMARY: 0 errors\n'
        self.assertEqual(gpu_steps.judge_sanitizer(0, clean, None)[0], 'passed')
        race = self.SUMMARY + '========= RACECHECK SUMMARY: 3 hazards displayed (3 errors, 0 warnings)\n'
        self.assertEqual(gpu_steps.judge_sanitizer(9, race, None)[:2],
                         ('failed', '3 hazards displayed (3 errors, 0 warnings)'))
        self.assertEqual(gpu_steps.judge_sanitizer(0, self.SUMMARY, None)[0], 'failed')

    def test_a_precision_that_is_refused_is_a_failure(self):
        said = "deepzero_bench: precision: expected 'f32' or 'f16' on CUDA, received 'bf16' (ERR_INVALID_ARGUMENT)"
        options = gpu.arguments(['--reference', BENCH])
        for command in gpu_steps.STEPS['gradcheck'][1](gpu.Context(options, which=lambda _: None)):
            judge = command.judge or exit_code
            for code, text in ((2, said), (1, said), (2, 'no device')):
                self.assertEqual(judge(code, text, None)[0], 'failed')


class Steps(unittest.TestCase):
    def commands(self, **context):
        options = gpu.arguments(['--reference', BENCH])
        made = gpu.Context(options, which=lambda _: '/usr/bin/compute-sanitizer', **context)
        return {name: commands(made) for name, (_, commands) in gpu_steps.STEPS.items()}

    def test_every_option_is_one_of_its_tool(self):
        """So that a run on a GPU does not end with a misspelt flag."""
        with open(os.path.join(BENCH, 'options.cpp')) as file:
            bench = file.read()
        with open(os.path.join(BENCH, 'cuda', 'options.cpp')) as file:
            cuda = file.read()
        seen = set()
        for commands in self.commands(python=sys.executable).values():
            for command in commands:
                words = [str(word) for word in command.argv]
                tool = os.path.basename(words[0])
                if len(words) > 1 and words[1].endswith('compare.py'):
                    compare.arguments(words[2:] + ['--json', 'file'])
                    tool = 'compare.py'
                elif tool in ('deepzero_bench', 'deepzero_cuda_bench'):
                    for word in words[1:]:
                        if word.startswith('--'):
                            self.assertIn(f'{{"{word}",', bench if tool == 'deepzero_bench' else cuda)
                seen.add(tool)
        self.assertEqual(seen, {'deepzero_check', 'compute-sanitizer', 'deepzero_bench', 'deepzero_cuda_bench', 'compare.py'})

    def test_nothing_is_timed_without_a_check(self):
        for context in ({}, {'python': sys.executable}):
            for commands in self.commands(**context).values():
                for command in commands:
                    words = [str(word) for word in command.argv]
                    if '--check' in words:
                        self.assertGreater(int(words[words.index('--check') + 1]), 0, command.name)

    def test_without_pytorch_deepzero_is_measured_alone(self):
        (command,) = self.commands()['queries']
        self.assertIn('without PyTorch', command.name)
        self.assertEqual(os.path.basename(command.argv[0]), 'deepzero_bench')

    def test_comparisons_are_on_one_device_and_more_are_a_matter_of_their_own(self):
        commands = self.commands(gpus=3)
        self.assertEqual([command.name for command in commands['streams']],
                         ['1 streams', '2 streams', '4 streams', '2048 MiB', '2 devices', '3 devices'])
        for step in ('gradcheck', 'layers', 'queries'):
            (words,) = {tuple(command.argv[1:5]) for command in commands[step]}
            self.assertEqual(words, ('--device', 'cuda', '--devices', '0'))
        self.assertIn('0,1,2', commands['streams'][-1].argv)

    def test_all_three_sanitizers_and_precisions(self):
        commands = self.commands()
        tools = [commands[name][0].argv[2] for name in ('memcheck', 'racecheck', 'initcheck')]
        self.assertEqual(tools, ['memcheck', 'racecheck', 'initcheck'])
        self.assertEqual([command.name for command in commands['gradcheck']], ['f32', 'f16', 'bf16'])

    def test_missing_tools_and_cases_are_reasons(self):
        options = gpu.arguments(['--reference', '/none/at/all'])
        context = gpu.Context(options, which=lambda _: None)
        for name, reason in (('racecheck', 'no compute-sanitizer'), ('gradcheck', '--reference')):
            with self.assertRaisesRegex(gpu_steps.Skip, reason):
                gpu_steps.STEPS[name][1](context)


class FakeRunner:
    """Ends every command as it is told by its name; an exception is raised."""

    def __init__(self, **fates):
        self.fates, self.ran = fates, []

    def clock(self):
        return 0.0

    def run(self, command):
        self.ran.append(command.name)
        fate = self.fates.get(command.name.split(':')[0], 'passed')
        if isinstance(fate, BaseException):
            raise fate
        return {'name': command.name, 'command': 'x', 'status': fate, 'seconds': 1.0}


class WholeRuns(unittest.TestCase):
    def run_all(self, runner, *arguments):
        options = gpu.arguments(['--only', 'check,memcheck,peaks,layers', *arguments])
        context = gpu.Context(options, which=lambda _: 'compute-sanitizer')
        record = {'mode': 'gpu', 'date': '2026-01-02', 'device': 'A device', 'driver': '1', 'commit': '', 'steps': []}
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            path = os.path.join(folder, 'results', 'record.json')
            code = gpu.run_all(options, context, runner, record, path)
            self.assertEqual(os.listdir(os.path.dirname(path)), ['record.json'])
            with open(path) as file:
                return code, json.load(file), said.getvalue()

    def test_success(self):
        code, record, said = self.run_all(FakeRunner())
        self.assertEqual((code, record['passed']), (0, True))
        self.assertEqual([step['name'] for step in record['steps']], ['check', 'memcheck', 'peaks', 'layers'])
        self.assertIn('recorded in', said)

    def test_a_failure_does_not_stop_the_others(self):
        runner = FakeRunner(memcheck='failed')
        code, record, said = self.run_all(runner)
        self.assertEqual((code, record['passed']), (gpu.FAILED, False))
        self.assertEqual(runner.ran, ['cuda:*', 'memcheck', 'peaks', 'layers'])
        self.assertRegex(said, r'memcheck +failed')

    def test_time_that_runs_out_is_no_failure_but_told(self):
        code, record, _ = self.run_all(FakeRunner(peaks='out of time', layers='out of time'))
        self.assertEqual((code, record['passed']), (gpu.OUT_OF_TIME, True))

    def test_an_interrupted_run_keeps_what_it_has(self):
        for fate in ('interrupted', KeyboardInterrupt()):
            runner = FakeRunner(peaks=fate)
            code, record, _ = self.run_all(runner)
            self.assertEqual(code, gpu.FAILED)
            self.assertNotIn('layers', runner.ran)
            self.assertEqual([step['status'] for step in record['steps']], ['passed', 'passed', 'interrupted'])

    def test_records_do_not_replace_each_other(self):
        record = {'date': '2026-01-02', 'device': 'NVIDIA H100 80GB HBM3'}
        options = gpu.arguments([])
        with tempfile.TemporaryDirectory() as root, mock.patch.object(gpu.harness, 'ROOT', root):
            path = gpu.free_path(record, options)
            self.assertEqual(os.path.relpath(path, root), 'bench/results/2026-01-02-nvidia-h100-80gb-hbm3.json')
            gpu.write(record, path)
            self.assertTrue(gpu.free_path(record, options).endswith('hbm3-2.json'))


if __name__ == '__main__':
    unittest.main()
