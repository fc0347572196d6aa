"""The ways of bench/peer_pytorch.py against each other in float64, where they agree to rounding, with the one for CUDA on the
CPU. Needs PyTorch, and vmap (PyTorch 2, or functorch)."""

import json
import os
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'bench'))

import torch  # noqa: E402

import peer_device  # noqa: E402
import peer_pytorch  # noqa: E402
import peer_vmap  # noqa: E402
from peer_queries import LAYOUTS, Peer  # noqa: E402


def conv(name, source, out, stride):
    return {'op': 'conv2d', 'name': name, 'inputs': [source], 'out': out, 'kernel': [3, 3], 'stride': [stride, stride],
            'padding': [1, 1], 'bias': False}


def norm(name, source):
    return {'op': 'batchNorm2d', 'name': name, 'inputs': [source], 'eps': 1e-5}


OPS = [
    conv('conv1', 'input', 4, 1), norm('bn1', 'conv1'), {'op': 'relu', 'name': 'relu1', 'inputs': ['bn1']},
    conv('conv2', 'relu1', 8, 2), norm('bn2', 'conv2'),
    {'op': 'shortcutA', 'name': 'shortcut', 'inputs': ['relu1'], 'out': 8, 'stride': 2},
    {'op': 'add', 'name': 'sum', 'inputs': ['bn2', 'shortcut']}, {'op': 'relu', 'name': 'relu2', 'inputs': ['sum']},
    {'op': 'globalAvgPool', 'name': 'pool', 'inputs': ['relu2']},
    {'op': 'linear', 'name': 'fc', 'inputs': ['pool'], 'out': 5, 'bias': True},
]
SHAPES = {'conv1.weight': (4, 3, 3, 3), 'bn1.weight': (4,), 'bn1.bias': (4,), 'conv2.weight': (8, 4, 3, 3),
          'bn2.weight': (8,), 'bn2.bias': (8,), 'fc.weight': (5, 8), 'fc.bias': (5,)}


class Case:
    """As peer_queries.Case, without files."""

    def __init__(self, rounding='f32'):
        torch.manual_seed(3)
        self.device = peer_device.Device('cpu', rounding)
        self.model = {name: torch.randn(shape, dtype=torch.float64) for name, shape in SHAPES.items()}
        self.metadata = {'network': json.dumps({'ops': OPS})}
        self.images = torch.randn(6, 3, 8, 8, dtype=torch.float64)
        self.labels = torch.randint(5, (6,))
        self.mu = 1e-3
        self.queries = [(name, element) for name in SHAPES for element in range(0, self.model[name].numel(), 3)]


def relative(expected, got):
    return peer_pytorch.relative_error(expected, got)


class Ways(unittest.TestCase):
    def test_all_ways_give_the_same_estimates_and_leave_the_weights_alone(self):
        torch.set_num_threads(1)
        case = Case()
        with torch.no_grad():
            for layout in LAYOUTS:
                peer = Peer(case, layout)
                peer.base()
                before = {name: tensor.clone() for name, tensor in peer.network.parameters.items()}
                expected = peer.plain(case.queries)
                self.assertTrue(any(abs(value) > 1e-3 for value in expected))
                runs = {'on device': peer.plain_on_device(case.queries)}
                for copies in (1, 3):
                    runs[f'batched {copies}'] = peer.batched(case.queries, copies)
                    if peer_vmap.find() is not None:
                        runs[f'vmap {copies}'] = peer.batched(case.queries, copies, peer.vmapped)
                for way, got in runs.items():
                    # Two losses of float64 are subtracted and divided by 1e-3.
                    self.assertLessEqual(relative(expected, got), 1e-9, f'{layout} {way}')
                for name, tensor in before.items():
                    self.assertTrue(torch.equal(tensor, peer.network.parameters[name]), name)

    def test_copies_that_do_not_fit_are_left_out(self):
        case = Case()
        with torch.no_grad(), unittest.mock.patch.object(Peer, 'call', autospec=True) as call:
            def limited(peer, name, elements):
                if len(elements) > 2:
                    raise RuntimeError('CUDA out of memory')
                return [0.0] * len(elements)
            call.side_effect = limited
            _, _, form = peer_pytorch.fastest_batched(case, 'batched')
            self.assertRegex(form, ', 2 copies$')
            call.side_effect = RuntimeError('CUDA out of memory')
            with self.assertRaisesRegex(SystemExit, 'not even 2 copies fit'):
                peer_pytorch.fastest_batched(case, 'batched')
            call.side_effect = RuntimeError('something else')
            with self.assertRaisesRegex(RuntimeError, 'something else'):
                peer_pytorch.fastest_batched(case, 'batched')

    def test_ways_and_how_they_round(self):
        self.assertEqual(peer_device.split('channels-last'), ('channels-last', 'f32'))
        self.assertEqual(peer_device.split('channels-last-tf32'), ('channels-last', 'tf32'))
        self.assertEqual(peer_device.split('nchw-autocast'), ('nchw', 'autocast'))

    @unittest.skipIf(torch.cuda.is_available(), 'there is a CUDA device')
    def test_without_a_device_one_line_says_so(self):
        with self.assertRaisesRegex(SystemExit, 'expected a CUDA device that PyTorch can use, found none'):
            peer_device.Device('cuda')


if __name__ == '__main__':
    unittest.main()
