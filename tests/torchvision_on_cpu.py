"""Lets torchvision, built for CUDA, be imported beside a torch without CUDA: for vLLM's environment without a GPU.

`make vllm-cpu` puts this file among that environment's packages, with a .pth file that imports it at every start. When
torchvision is first imported, the operators that its own library would have defined are declared, so that its Python
code, which image processors use, can be read. The operators themselves cannot be called. A torchvision that was built
without CUDA brings them itself, and is left alone. Standard library alone until then: most starts never import it.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.metadata import version

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _Declares(MetaPathFinder):
    """Finds nothing; it only sees the first import of torchvision coming."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            if "+cpu" not in version("torchvision"):
                self._declare()

    def _declare(self) -> None:
        import torch

        _Declares.library = torch.library.Library("torchvision", "DEF")
        for operator in _OPERATORS:
            _Declares.library.define(operator)


sys.meta_path.insert(0, _Declares())
