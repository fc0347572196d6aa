"""Where the peer computes, and how it rounds there: a device, when its work is done, and the float32, TF32 or half-precision
arithmetic of PyTorch. On the CPU everything is float32."""

import contextlib

import torch

# What a way's name ends with, if not float32.
ROUNDINGS = ('tf32', 'autocast')


def split(way):
    """A way and how it rounds: 'nchw-tf32' is ('nchw', 'tf32'), 'nchw' is ('nchw', 'f32')."""
    for rounding in ROUNDINGS:
        if way.endswith(f'-{rounding}'):
            return way[:-len(rounding) - 1], rounding
    return way, 'f32'


class Device:
    """`name` is cpu or cuda, `rounding` f32, tf32 or autocast (float16)."""

    def __init__(self, name, rounding='f32'):
        self.name = name
        self.rounding = rounding
        if name == 'cuda':
            if not torch.cuda.is_available():
                raise SystemExit('peer_pytorch: expected a CUDA device that PyTorch can use, found none; '
                                 'install a build of PyTorch for CUDA and a driver that it supports')
            torch.backends.cuda.matmul.allow_tf32 = rounding == 'tf32'
            torch.backends.cudnn.allow_tf32 = rounding == 'tf32'
            torch.backends.cudnn.benchmark = True

    @property
    def is_cuda(self):
        return self.name == 'cuda'

    def place(self, tensor):
        return tensor.to(self.name) if self.is_cuda else tensor

    def finish(self):
        """Returns when all work is done, so that a clock can be read."""
        if self.is_cuda:
            torch.cuda.synchronize()

    def arithmetic(self):
        """The context that passes run in."""
        if self.rounding == 'autocast':
            return torch.autocast(self.name, dtype=torch.float16 if self.is_cuda else torch.bfloat16)
        return contextlib.nullcontext()

    def title(self):
        return torch.cuda.get_device_name() if self.is_cuda else 'cpu'

    def memory_peak(self):
        """Bytes that PyTorch has taken at most; None on the CPU."""
        return torch.cuda.max_memory_reserved() if self.is_cuda else None
