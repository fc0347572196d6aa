"""The short table of bench/gpu.py and the Markdown of its records, from made-up results."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'bench'))

import gpu_records  # noqa: E402
import gpu_report  # noqa: E402
import tables  # noqa: E402


def by_name(record):
    return {name.strip(): (text, goal, met) for name, text, goal, met in gpu_report.figures(record)}


class Figures(unittest.TestCase):
    def test_dense_convolutions_are_measured_by_the_peak(self):
        # Two of forty operations in two seconds, of a hundred per second; one that was not timed counts nothing.
        self.assertAlmostEqual(gpu_report.dense_share(gpu_records.kernels(seconds=1.0)), 0.4)
        self.assertIsNone(gpu_report.dense_share(gpu_records.kernels(seconds=0)))

    def test_goals_are_met_or_not(self):
        good = by_name(gpu_records.record(kernels=gpu_records.kernels(1.0), queries=gpu_records.compared(12.0)))
        self.assertEqual(good['dense convolutions of stage 3'], ('40.0 % of the peak', '30 %', True))
        self.assertEqual(good['beside PyTorch nchw'][1:], ('10 x', True))
        bad = by_name(gpu_records.record(kernels=gpu_records.kernels(2.0), queries=gpu_records.compared(9.0)))
        self.assertIs(bad['dense convolutions of stage 3'][2], False)
        self.assertIs(bad['beside PyTorch nchw'][2], False)
        nan = by_name(gpu_records.record(queries=gpu_records.compared(float('nan'))))
        self.assertIs(nan['beside PyTorch nchw'][2], False)

    def test_ways_that_err_and_ways_that_failed_are_told_but_not_compared_with(self):
        found = by_name(gpu_records.record(queries=gpu_records.compared(12.0)))
        self.assertIn('beside its best, batched', found)
        self.assertRegex(found['PyTorch nchw-tf32'][0], 'off by more than 5 %')
        self.assertEqual(found['PyTorch vmap'][0], 'ended with code 1')

    def test_floors_stand_beside_the_rates(self):
        found = by_name(gpu_records.record(kernels=gpu_records.kernels(), queries=gpu_records.compared()))
        self.assertEqual(found['queries: one'][0], '60 queries/s, 2.00 s a step, 392 s an epoch; '
                         'floor 0.50 s a step op by op, 0.45 s fused (operations 0.40 s, bytes 0.30 s)')

    def test_errors_of_reference_cases(self):
        self.assertEqual(by_name(gpu_records.record(gradcheck=gpu_records.gradcheck()))['gradcheck one'],
                         ('at most 1.0e-04 of 1e-03 (small-init, cge/mu=0.005)', 'within tolerance', True))
        for error in (2e-3, None):
            found = by_name(gpu_records.record(gradcheck=gpu_records.gradcheck(error)))['gradcheck one']
            self.assertIs(found[2], False)

    def test_lines_and_markdown(self):
        record = gpu_records.record(peaks=gpu_records.peaks(), kernels=gpu_records.kernels(),
                                    queries=gpu_records.compared())
        text = '\n'.join(gpu_report.lines(record))
        self.assertIn('A device, driver 1.2, commit abcdef0123', text)
        self.assertIn('[30 %: met]', text)
        rows = [line for line in tables.lines_of(record) if line.startswith('|')]
        self.assertEqual(len({row.count('|') for row in rows}), 1)
        self.assertIn('A device, driver 1.2, `python3 bench/gpu.py`, commit abcdef0, 2026-01-02.', tables.lines_of(record))


if __name__ == '__main__':
    unittest.main()
