"""A tiny random LLaVA, made on the spot: real files that vLLM serves and transformers loads; its answers are noise."""

from __future__ import annotations

from pathlib import Path

from examples.tiny_tokenizer import VOCABULARY, train_tokenizer

SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<image>")
PIXELS = 56
PATCH = 14
IMAGE_TOKENS = (PIXELS // PATCH) ** 2
CONTEXT = 2048
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\n{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '</s>' if message['role'] == 'assistant' else ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
"""As LLaVA-1.5's: it leaves the first token, <s>, to the tokenizer."""
STRING_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: {{ message['content'] }} {% endfor %}ASSISTANT:"
)
"""A template that knows texts alone, as older models have."""


END_WEIGHT = -3.0
"""What stretches the weights of the ending token, so that it wins now and then: a random model hardly ever ends."""


def make_tiny_llava(folder: Path, *, ends: bool = False) -> Path:
    """Write a LLaVA of 2 million random parameters and its processor into `folder`; the same files every time.

    With `ends` it comes to an end after some words; without, it writes until it is stopped.
    """
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    _make_processor(folder)
    vision = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=PIXELS,
        patch_size=PATCH,
        projection_dim=64,
    )
    text = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=3, vision_feature_layer=-2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlavaForConditionalGeneration(config).to(torch.bfloat16)
    if ends:
        model.lm_head.weight.data[text.eos_token_id] *= END_WEIGHT
    model.save_pretrained(folder)
    _rename_as_published(folder / "model.safetensors")
    return folder


def _rename_as_published(weights: Path) -> None:
    """Published LLaVAs name the vision tower's weights as vLLM expects them; today's transformers reads both names."""
    from safetensors.torch import load_file, save_file

    old, new = "vision_tower.", "vision_tower.vision_model."
    tensors = {
        name if new in name else name.replace(old, new, 1): value.clone() for name, value in load_file(weights).items()
    }
    save_file(tensors, weights, metadata={"format": "pt"})


def _make_processor(folder: Path) -> None:
    """CLIP's image processor and a tokenizer that begins every sequence with <s>, as Llama's does."""
    from tokenizers.processors import TemplateProcessing
    from transformers import CLIPImageProcessorPil, LlavaProcessor, PreTrainedTokenizerFast

    tokenizer = train_tokenizer(SPECIAL_TOKENS)
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
        model_max_length=CONTEXT,
    )
    LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS}
        ),
        tokenizer=fast,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
