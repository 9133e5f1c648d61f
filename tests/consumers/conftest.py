"""What the consumers need before they can be imported."""

import os

# What is learned here is tiny: threads that wait for each other take longer than one alone. Read as PyTorch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

pytest_plugins = ["tests.support.hub", "tests.support.servers"]


def _declare_operators_of_torchvision() -> None:
    """`streaming` imports torchvision, whose wheel on PyPI wants CUDA; declared, its operators need not be there."""
    if torch.cuda.is_available():
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    globals()["_library"] = library  # declarations last as long as the object


try:
    import torchvision  # noqa: F401
except RuntimeError:
    _declare_operators_of_torchvision()
