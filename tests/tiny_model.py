"""A tiny random instruct model, made on the spot: real files that a real vLLM serves, and no meaning in its answers."""

from __future__ import annotations

from pathlib import Path

from examples.tiny_tokenizer import VOCABULARY, train_tokenizer

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QUICK_START = ("--enforce-eager", "--max-model-len", "4096")
"""Arguments with which vLLM starts soonest, for a tiny model."""


def make_tiny_model(folder: Path) -> Path:
    """Write a Qwen2 of 3 million random parameters and its tokenizer into `folder`; the same files every time."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    _make_tokenizer(folder)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    return folder


def _make_tokenizer(folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(SPECIAL_TOKENS),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
    ).save_pretrained(folder)
