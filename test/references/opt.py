"""A small OPT of random numbers and what it says of a text, by Hugging Face's own class in float64.

    pip install torch==2.13.0 transformers==5.24.0
    python test/references/opt.py --out test/fixtures/opt
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import OPTConfig, OPTForCausalLM

torch.manual_seed(1)
arguments = argparse.ArgumentParser()
arguments.add_argument("--out", required=True)
out = Path(arguments.parse_args().out)

config = OPTConfig(
    vocab_size=300, hidden_size=32, word_embed_proj_dim=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48,
    max_position_embeddings=64, do_layer_norm_before=True, dropout=0.0, pad_token_id=1, bos_token_id=0, eos_token_id=0,
)
model = OPTForCausalLM(config).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        parameter.normal_(1.0 if "norm.weight" in name else 0.0, 0.3)
model.half().save_pretrained(out)
(out / "generation_config.json").unlink()
model.double()
tokens = [(37 * i + 5) % config.vocab_size for i in range(40)]
with torch.no_grad():
    logits = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
# Of the last 24 positions every tenth token's, which shows the rest.
shown = [[round(value, 5) for value in row[::10].tolist()] for row in logits[-24:]]
(out / "reference.json").write_text(json.dumps({"tokens": tokens, "positions": 24, "every": 10, "logProbabilities": shown}))
