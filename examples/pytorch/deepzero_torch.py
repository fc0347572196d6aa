"""Weights of deepzero-native in PyTorch, and back. Needs PyTorch alone.

    network, metadata = load_network('runs/a/checkpoints/120/model.safetensors')   a torch.nn.Module in eval mode
    save_weights('start.safetensors', network.state_dict())                        for deepzero train --weights

From the command line:

    python3 examples/pytorch/deepzero_torch.py compare MODEL OUTPUTS       PyTorch's outputs against those of deepzero
    python3 examples/pytorch/deepzero_torch.py finetune MODEL OUTPUTS OUT  some steps of SGD with backpropagation

MODEL is a model file of a run; OUTPUTS is what examples/pytorch/outputs.ts writes of it: images, labels, outputs."""

import argparse
import json
import struct

import torch
import torch.nn.functional as F
from torch import nn

DTYPES = {
    'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16,
    'I64': torch.int64, 'I32': torch.int32, 'I16': torch.int16, 'I8': torch.int8, 'U8': torch.uint8,
    'BOOL': torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
# float32 sums in another order.
TOLERANCE = 1e-5


def read_safetensors(path):
    """Tensors by name, and the metadata; what safetensors.torch.load_file does, with the metadata."""
    with open(path, 'rb') as file:
        (length,) = struct.unpack('<Q', file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header.pop('__metadata__', {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        dtype = DTYPES[entry['dtype']]
        values = torch.frombuffer(data[begin:end], dtype=dtype) if end > begin else torch.empty(0, dtype=dtype)
        tensors[name] = values.reshape(entry['shape'])
    return tensors, metadata


def save_weights(path, state, metadata=None):
    """Writes a state_dict as safetensors; what safetensors.torch.save_file does. `deepzero` takes float32 and float64."""
    header = {'__metadata__': metadata} if metadata else {}
    parts, offset = [], 0
    # Larger elements first, so that each tensor is aligned.
    for name, tensor in sorted(state.items(), key=lambda item: -item[1].element_size()):
        # As bytes, since numpy knows no bfloat16.
        part = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            'dtype': NAMES[tensor.dtype],
            'shape': list(tensor.shape),
            'data_offsets': [offset, offset + len(part)],
        }
        parts.append(part)
        offset += len(part)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(parts))


class ShortcutA(nn.Module):
    """Every stride-th pixel, and zeros on both sides of the channels."""

    def __init__(self, added, stride):
        super().__init__()
        self.added, self.stride = added, stride

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.added // 2, self.added // 2))


class Network(nn.Module):
    """A network as deepzero describes it (`deepzero-network/1`): a list of named ops. Its state_dict has deepzero's names,
    since an op named layer1.0.conv1 becomes a module there. Values are [N, C, H, W]."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        # Modules by the names of their ops; a plain dict, which registers nothing.
        self.ops = {}
        shape = (1, *spec['input'])
        # On no data: only shapes are asked for.
        values = {'input': torch.empty(shape)}
        with torch.no_grad():
            for op in spec['ops']:
                inputs = [values[name] for name in op['inputs']]
                module = make_module(op, inputs[0].shape)
                if module is not None:
                    self.ops[op['name']] = module
                    self._place(op['name'], module)
                values[op['name']] = self._run(op, inputs)

    def _place(self, name, module):
        # Into _modules and not by add_module, which refuses the names of methods: an op may be called half.
        *folders, last = name.split('.')
        parent = self
        for folder in folders:
            parent = parent._modules.setdefault(folder, nn.Module())
        if last in parent._modules:  # An op named block after one named block.conv.
            module._modules.update(parent._modules[last]._modules)
        parent._modules[last] = module

    def _run(self, op, inputs):
        kind = op['op']
        if kind == 'add':
            return inputs[0] + inputs[1]
        if kind == 'concat':
            return torch.cat(inputs, 1)
        if kind == 'linear':
            return self.ops[op['name']](inputs[0].flatten(1))[:, :, None, None]
        return self.ops[op['name']](inputs[0])

    def forward(self, images):
        """[N, K], or [N, C, H, W] where the network ends in an image."""
        values = {'input': images}
        for op in self.spec['ops']:
            values[op['name']] = self._run(op, [values[name] for name in op['inputs']])
        output = values[self.spec['ops'][-1]['name']]
        return output.flatten(1) if output.shape[2:] == (1, 1) else output


def make_module(op, shape):
    """The module of an op whose first input has this shape; None for one that needs none."""
    kind, channels = op['op'], shape[1]
    if kind == 'conv2d':
        return nn.Conv2d(channels, op['out'], op['kernel'], op['stride'], op['padding'], bias=op['bias'])
    if kind == 'batchNorm2d':
        return nn.BatchNorm2d(channels, op['eps'], op['momentum']).eval()
    if kind == 'linear':
        return nn.Linear(shape[1:].numel(), op['out'], op['bias'])
    if kind == 'maxPool2d':
        return nn.MaxPool2d(op['kernel'], op['stride'], op['padding'])
    if kind == 'avgPool2d':
        return nn.AvgPool2d(op['kernel'], op['stride'], op['padding'])
    if kind == 'leakyRelu':
        return nn.LeakyReLU(op['slope'])
    if kind == 'upsample2d':
        return nn.Upsample(scale_factor=op['scale'], mode='nearest')
    if kind == 'shortcutA':
        return ShortcutA(op['out'] - channels, op['stride'])
    plain = {'relu': nn.ReLU, 'tanh': nn.Tanh, 'sigmoid': nn.Sigmoid}
    if kind in plain:
        return plain[kind]()
    if kind == 'globalAvgPool':
        return nn.AdaptiveAvgPool2d(1)
    if kind in ('add', 'concat'):
        return None
    raise ValueError(f'{kind} {op["name"]}: expected an op that this bridge knows')


def load_network(path):
    """The network of a model file, with its weights and in eval mode, and the file's metadata."""
    tensors, metadata = read_safetensors(path)
    network = Network(json.loads(metadata['network']))
    # PyTorch adds its counter of batches, which deepzero does not keep.
    network.load_state_dict(tensors)
    return network.eval(), metadata


def relative_error(actual, expected):
    return ((actual - expected).norm() / expected.norm()).item()


def compare(model, outputs):
    network, _ = load_network(model)
    reference, _ = read_safetensors(outputs)
    with torch.no_grad():
        error = relative_error(network(reference['images']), reference['outputs'])
    print(f'{network.spec["name"]}: {len(reference["images"])} images, relative error {error:.1e}, allowed {TOLERANCE:.0e}')
    return error <= TOLERANCE


def finetune(model, outputs, out, steps=5, lr=0.01):
    """Trains all weights on the labelled images, and writes them with the network and normalisation of the model file."""
    network, metadata = load_network(model)
    reference, _ = read_safetensors(outputs)
    images, labels = reference['images'], reference['labels'].long()
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    network.train()
    for _ in range(steps):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        after = F.cross_entropy(network(images), labels)
    save_weights(out, network.state_dict(), metadata)
    print(f'{network.spec["name"]}: loss {after.item():.6f} after {steps} steps; weights in {out}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    for name, files in (('compare', ['model', 'outputs']), ('finetune', ['model', 'outputs', 'out'])):
        command = commands.add_parser(name)
        for file in files:
            command.add_argument(file)
    options = parser.parse_args()
    if options.command == 'compare':
        raise SystemExit(0 if compare(options.model, options.outputs) else 1)
    finetune(options.model, options.outputs, options.out)


if __name__ == '__main__':
    main()
