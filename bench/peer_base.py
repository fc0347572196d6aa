"""The base pass and evaluation of deepzero_bench in PyTorch (float32, no gradients): the whole network with batch
statistics, the features at every residual block kept, and the whole network with running statistics.

    deepzero_bench --base --case DIR …         writes DIR/model.safetensors and DIR/base.safetensors
    python3 bench/peer_base.py --case DIR --layout channels-last --threads 2

Outputs are compared with those of the harness before anything is timed. Prints one line of JSON."""

import argparse
import json
import sys
import time

import torch

from peer_network import Network, read_safetensors

TOLERANCE = 1e-4  # two float32 passes that sum in different orders: about 1e-6 through twenty layers
LAYOUTS = {'nchw': torch.contiguous_format, 'channels-last': torch.channels_last}
WARM_UPS = 2


def relative_error(expected, actual):
    return ((actual.double() - expected.double()).norm() / expected.double().norm()).item()


def base_pass(network, images):
    kept = network.features(images)
    last = network.starts[-1]
    return network.logits(last, kept[last])


def timed(run, repeats):
    for _ in range(WARM_UPS):
        run()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return sorted(seconds)[len(seconds) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--case', required=True, help='directory that deepzero_bench --base --case wrote')
    parser.add_argument('--layout', default='channels-last', choices=list(LAYOUTS))
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeats', type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    model, metadata = read_safetensors(f'{options.case}/model.safetensors')
    tensors, _ = read_safetensors(f'{options.case}/base.safetensors')
    # The layout of the images is the caller's choice, as in training it is made with the batch.
    images = tensors['input'].contiguous(memory_format=LAYOUTS[options.layout])
    training = Network(model, metadata, LAYOUTS[options.layout])
    trained = Network(model, metadata, LAYOUTS[options.layout], statistics='running')
    runs = {
        'basePass': ('outputs/batch', lambda: base_pass(training, images)),
        'evaluation': ('outputs/running', lambda: trained.logits(0, images)),
    }
    result = {'layout': options.layout, 'torch': torch.__version__, 'threads': options.threads, 'check': {}}
    with torch.no_grad():
        for name, (expected, run) in runs.items():
            error = relative_error(tensors[expected], run())
            result['check'][name] = error
            if not error <= TOLERANCE:
                sys.exit(f'peer_base: {name}: the outputs differ by {error:.1e}, more than {TOLERANCE}; nothing was timed')
        for name, (_, run) in runs.items():
            result[name] = timed(run, options.repeats)
    print(json.dumps(result))


if __name__ == '__main__':
    main()
