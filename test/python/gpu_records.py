"""Results of the tools as bench/gpu.py keeps them, small and made up."""


def kernels(seconds=1.0, operations=40.0):
    def convolution(op, difference, taken):
        return {'op': op, 'kind': 'conv2d', 'difference': difference, 'operations': operations, 'bytes': 8.0,
                'seconds': taken}

    return {
        'precision': 'f16',
        'peaks': peaks()['peaks'],
        'stepFloor': {'queries': 100, 'seconds': 0.5, 'fusedSeconds': 0.45, 'operationSeconds': 0.4, 'byteSeconds': 0.3},
        'routes': [{'from': 'conv1.weight', 'steps': [
            convolution('layer1.0.conv1', 'dense', seconds / 100), convolution('layer3.0.conv2', 'dense', seconds),
            convolution('layer3.1.conv1', 'dense', seconds), convolution('layer3.1.conv2', 'one channel', 100 * seconds),
            convolution('layer3.2.conv1', 'dense', 0)]}],
    }


def peaks():
    return {'peaks': {'mmaF16': 100.0, 'mmaBf16': 90.0, 'fma': 10.0, 'memoryBytesPerSecond': 1.0,
                      'l2BytesPerSecond': 4.0}}


def gradcheck(error=1e-4):
    return {'passed': error is not None and error <= 1e-3, 'cases': [{'case': 'small-init', 'lines': [
        {'name': 'logits_train', 'error': 1e-9, 'tolerance': 1e-5, 'passed': True},
        {'name': 'cge/mu=0.005', 'error': error, 'tolerance': 1e-3, 'passed': error is not None and error <= 1e-3}]}]}


def compared(ratio=12.0):
    def way(factor, usable=True):
        return {'ratio': ratio / factor, 'form': 'a form', 'usable': usable, 'queriesPerSecond': {'median': 5.0 * factor},
                'check': {'againstHarness': 0.01}}

    return {'deepzero': {'queriesPerSecond': {'median': 5.0 * ratio}, 'stepSeconds': 2.0},
            'pytorch': {'nchw': way(1), 'batched': way(3), 'nchw-tf32': way(9, usable=False)},
            'failures': {'vmap': 'ended with code 1'}}


def record(**results):
    """A record of steps by name, each with one command of that result."""
    return {'mode': 'gpu', 'date': '2026-01-02', 'device': 'A device', 'driver': '1.2', 'commit': 'abcdef0123',
            'command': 'python3 bench/gpu.py',
            'steps': [{'name': name, 'status': 'passed', 'seconds': 1.0,
                       'commands': [{'name': 'uniform' if name == 'kernels' else 'one', 'status': 'passed',
                                     'result': result}]} for name, result in results.items()]}
