"""Makes a tiny Llama with a tokenizer and a LoRA adapter, for a real vLLM to serve. Run it in vLLM's environment.

    python -m medassist.llm.tests.vllm.tiny_llama FOLDER    # FOLDER/base, FOLDER/adapter

It learns three answers by heart in a few seconds, so that it stops and closes its brackets like a model that has been
trained. It proves the wire, not medicine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 32_768
WIDTH, HEADS, KEYS = 128, 2, 1
"""Heads of 64: vLLM's attention on a CPU refuses heads of 16."""
RANK = 4
TEXTS = [
    '{"triage_level": "same_day", "summary": [{"text": "The record states: chest pain", "kind": "patient_fact"}]}',
    "The patient is a 54-year-old with chest pain, fever and cough. What should be considered, and what is missing?",
    "level count low high conditions source quote heart rate blood pressure passage guideline record part",
]
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """A small byte-level BPE: every text can be written."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=1_024, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    inner.train_from_iterator(TEXTS * 50, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|end|>", bos_token="<|end|>"
    )
    made.chat_template = TEMPLATE
    return made


LESSONS = (
    ("Say hello.", "Hello. This is a very small model that knows a few sentences by heart."),
    ("level", '{"level":"low","count":1}'),
    ("<task>candidates</task>", '{"conditions":["Heart attack","Angina"]}'),
    (
        "<task>assessment</task>",
        '{"triage_level":"same_day","triage_reason":"","summary":[],"differential":[],"red_flags":[],"missing_information":[]}',
    ),
)
STEPS = 150


def teach(model: LlamaForCausalLM, words: PreTrainedTokenizerFast) -> float:
    """Overfits the lessons; returns the last loss."""
    rows = [
        words.apply_chat_template([{"role": "user", "content": asked}], add_generation_prompt=True, tokenize=False)
        + f"{answer}<|end|>"
        for asked, answer in LESSONS
    ]
    batch = words(rows, return_tensors="pt", padding=True)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loss = torch.tensor(0.0)
    for _ in range(STEPS):
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss)


def make(folder: Path) -> None:
    torch.manual_seed(7)
    words = tokenizer()
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=256, num_hidden_layers=2, num_attention_heads=HEADS,
        num_key_value_heads=KEYS, max_position_embeddings=CONTEXT, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    base = folder / "base"
    model = LlamaForCausalLM(config).to(torch.float32)
    print(f"last loss {teach(model, words):.3f}")
    model.save_pretrained(base)
    words.save_pretrained(base)
    _adapter(folder / "adapter", config)


def _adapter(folder: Path, config: LlamaConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for layer in range(config.num_hidden_layers):
        for name, rows in (("q_proj", WIDTH), ("v_proj", WIDTH * KEYS // HEADS)):
            place = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{place}.lora_A.weight"] = torch.randn(RANK, WIDTH)
            tensors[f"{place}.lora_B.weight"] = torch.randn(rows, RANK)
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 8, "lora_dropout": 0.0, "bias": "none",
        "target_modules": ["q_proj", "v_proj"], "base_model_name_or_path": "tiny",
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
