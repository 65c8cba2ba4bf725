"""Reference numbers of an imported base, from its GGUF file by other means: gguf-py, a BPE in Python, PyTorch.

    pip install gguf==0.19.0 torch==2.13.0 numpy regex jinja2
    python test/references/base.py --gguf MODEL.gguf --folder IMPORTED --text core.valid.jsonl.gz \
        --out test/fixtures/base-reference.json

The imported folder is read for two things only: which pieces its tokenizer has, and the digest that it says it has.
"""

import argparse
import base64
import gzip
import hashlib
import json
import random
from importlib.metadata import version

import gguf
import jinja2
import numpy as np
import regex
import torch

torch.manual_seed(1)
WINDOW = 512

arguments = argparse.ArgumentParser()
for name in ("gguf", "folder", "text", "out"):
    arguments.add_argument(f"--{name}", required=True)
arguments.add_argument("--windows", type=int, default=16, help="of %d tokens, for the perplexity" % WINDOW)
arguments = arguments.parse_args()

reader = gguf.GGUFReader(arguments.gguf)
field = lambda key: reader.fields[key].contents()
layers, width = field("llama.block_count"), field("llama.embedding_length")
heads, kv_heads = field("llama.attention.head_count"), field("llama.attention.head_count_kv")
size, theta = width // heads, field("llama.rope.freq_base")
epsilon = field("llama.attention.layer_norm_rms_epsilon")

# The tokenizer: bytes as letters, the pattern that llama.cpp has for "smollm", merges by rank.

printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
others = [byte for byte in range(256) if byte not in printable]
letter = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
splitters = [
    regex.compile(r"\p{N}"),
    regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
]
assert field("tokenizer.ggml.pre") == "smollm"

pieces = field("tokenizer.ggml.tokens")
vocabulary = json.load(open(f"{arguments.folder}/tokenizer.json"))["model"]["vocab"]
merges = [merge.split(" ") for merge in field("tokenizer.ggml.merges")]
ranks = {
    (left, right): rank
    for rank, (left, right) in enumerate(merges)
    if all(piece in vocabulary for piece in (left, right, left + right))
}
special = [piece for piece, kind in zip(pieces, field("tokenizer.ggml.token_type")) if kind == 3]


def split(text):
    parts = [text]
    for pattern in splitters:
        found = []
        for part in parts:
            at = 0
            for match in pattern.finditer(part):
                if match.start() > at:
                    found.append(part[at : match.start()])
                found.append(match.group())
                at = match.end()
            if at < len(part):
                found.append(part[at:])
        parts = found
    return parts


known_words = {}


def encode(text):
    ids = []
    for word in split(text):
        if word not in known_words:
            parts = [letter[byte] for byte in word.encode("utf-8")]
            while len(parts) > 1:
                rank, at = min((ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            known_words[word] = [vocabulary[part] for part in parts]
        ids += known_words[word]
    return ids


def encode_with_special(text):
    parts = regex.split("(" + "|".join(map(regex.escape, special)) + ")", text)
    return [id for part in parts for id in ([vocabulary[part]] if part in special else encode(part))]


# The network: Llama's, in float32.

tensors = {
    tensor.name: torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    for tensor in reader.tensors
}


def half_split(matrix, count):
    """llama.cpp's order of rows has the two halves of a head interleaved."""
    return matrix.reshape(count, size // 2, 2, width).transpose(1, 2).reshape(count * size, width)


for layer in range(layers):
    for name, count in (("attn_q", heads), ("attn_k", kv_heads)):
        key = f"blk.{layer}.{name}.weight"
        tensors[key] = half_split(tensors[key], count)
# A byte that the file has no piece for was given the row of the first control byte.
control = next(letter[byte] for byte in range(9) if letter[byte] in pieces)
position = {piece: i for i, piece in enumerate(pieces)}
by_id = sorted(vocabulary, key=vocabulary.get)
table = tensors["token_embd.weight"] = tensors["token_embd.weight"][
    [position.get(piece, position[control]) for piece in by_id]
]
names = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
imported_names = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"} | {
    f"blk.{layer}.{name}.weight": f"model.layers.{layer}.{to}.weight"
    for layer in range(layers)
    for name, to in names.items()
}


def norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon) * weight


@torch.no_grad()
def logits(ids):
    count = len(ids)
    x = table[torch.tensor(ids)]
    angles = torch.arange(count)[:, None] * theta ** (-torch.arange(0, size, 2) / size)
    cos, sin = angles.cos(), angles.sin()

    def rotated(x):
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    for layer in range(layers):
        weight = lambda name: tensors[f"blk.{layer}.{name}.weight"]
        h = norm(x, weight("attn_norm"))
        q, k, v = (
            (h @ weight(name).T).view(count, -1, size).transpose(0, 1) for name in ("attn_q", "attn_k", "attn_v")
        )
        k, v = (part.repeat_interleave(heads // kv_heads, 0) for part in (rotated(k), v))
        mask = torch.full((count, count), float("-inf")).triu(1)
        weights = (rotated(q) @ k.transpose(1, 2) / size**0.5 + mask).softmax(-1)
        x = x + (weights @ v).transpose(0, 1).reshape(count, width) @ weight("attn_output").T
        h = norm(x, weight("ffn_norm"))
        inner = torch.nn.functional.silu(h @ weight("ffn_gate").T) * (h @ weight("ffn_up").T)
        x = x + inner @ weight("ffn_down").T
    return norm(x, tensors["output_norm.weight"]) @ table.T


def greedy(prompt, count=50):
    """The tokens, and the least lead of a first choice over the second."""
    ids, lead = list(prompt), float("inf")
    for _ in range(count):
        best = logits(ids)[-1].topk(2)
        lead = min(lead, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
    return ids[len(prompt) :], lead


# Mixed lines: words, digits, code, emoji, other scripts, odd spaces.


def mixed_lines(documents, count=10_000):
    choose = random.Random(1)
    words = [word for document in documents[:40] for word in document.split()]
    fragments = [
        "for (let i = 0; i < n; i++) {", "def f(x):\n", "return x ** 2", "SELECT * FROM t WHERE id='7';", "#include <a.h>",
        "\t\tif (a != b) && !c", "https://example.org/a?b=c&d=%20", "foo_bar.bazQux()", "{\"k\": [1, 2.5e-3]}", "<div/>",
        "I'll", "don't", "we've", "THEY'RE", "it’s", "naïve", "Größe", "Ελληνικά", "Привет, мир", "שלום", "مرحبا", "हिन्दी",
        "ไทย", "日本語のテキスト", "中文字符", "한국어", "ქართული", "Tiếng Việt", "ﬁ", "①②③", "Ⅷ", "½", "१२३", "٣٤", "𝟘𝟙",
        "🎉", "👩‍👩‍👧", "🇩🇪", "❤️", "e\u0301", "\u200b", "\u00a0", "\u3000", "\ufeff", "  ", "   ", "\t", "\r", " \t ",
        "<|endoftext|>", "<|im_start|>user", "<repo_name>", "...", "--", "?!", "$3.50", "100%", "\\n", "´`~^", "\x00", "\x7f",
    ]  # fmt: skip
    lines = []
    for _ in range(count):
        parts = []
        for _ in range(choose.randint(1, 9)):
            kind = choose.random()
            if kind < 0.5:
                parts.append(choose.choice(words))
            elif kind < 0.8:
                parts.append(choose.choice(fragments))
            elif kind < 0.9:
                parts.append(str(choose.randrange(10 ** choose.randint(1, 12))))
            else:
                parts.append(chr(choose.choice([choose.randrange(32, 0xD800), choose.randrange(0xE000, 0x110000)])))
        lines.append("".join(part + choose.choice([" ", " ", " ", "", "  "]) for part in parts).replace("\n", " "))
    return lines


def packed(values):
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


documents = [json.loads(line)["text"] for line in gzip.open(arguments.text, "rt", encoding="utf-8")]
end = vocabulary["<|endoftext|>"]

lines = mixed_lines(documents)
line_ids = [encode(line) for line in lines]
lines_file = arguments.out.replace(".json", ".lines.txt.gz")
with open(lines_file, "wb") as file:
    file.write(gzip.compress("\n".join(lines).encode("utf-8"), 9, mtime=0))
print(f"{len(lines)} lines, {sum(map(len, line_ids))} tokens")

stream = [id for document in documents for id in (*encode(document), end)]
held_out = stream[:1000]
answers = logits(held_out)
top = answers.topk(8)
drawn = torch.randint(len(vocabulary), (len(held_out), 8))
sampled_ids = torch.cat([top.indices, drawn], 1)

windows = len(stream) // WINDOW
chosen = [i * windows // arguments.windows * WINDOW for i in range(arguments.windows)]
nats = []
for start in chosen:
    window = stream[start : start + WINDOW]
    nats.append(torch.nn.functional.cross_entropy(logits(window)[:-1], torch.tensor(window[1:])).item())
print(f"{np.mean(nats):.4f} nats a token in {len(chosen)} of {windows} windows")

prompt = encode("The moon is")
messages = [{"role": "user", "content": "What is a queue?"}]
template = jinja2.Environment().from_string(field("tokenizer.chat_template"))
chat_text = template.render(messages=messages, add_generation_prompt=True)
chat = encode_with_special(chat_text)
continuations = [
    {"prompt": ids, "tokens": tokens, "leastLead": lead}
    for ids in (prompt, chat)
    for tokens, lead in [greedy(ids)]
]

index = json.load(open(f"{arguments.folder}/model.safetensors.index.json"))
parts = index["metadata"]["sha256"]
reference = {
    "about": "from test/references/base.py; float32 values are base64 of their little-endian bytes",
    "versions": {name: version(name) for name in ("torch", "gguf", "numpy")},
    "digest": hashlib.sha256("".join(parts[name] for name in sorted(parts)).encode()).hexdigest(),
    # The first 16 digits of the SHA-256 of each tensor's float32 values.
    "tensorDigests": {
        imported_names[name]: hashlib.sha256(tensor.numpy().astype("<f4").tobytes()).hexdigest()[:16]
        for name, tensor in tensors.items()
    },
    # Of 100 lines each: the SHA-256 of their ids, in decimal, a line's joined by spaces, the lines by newlines.
    "lineDigests": [
        hashlib.sha256("\n".join(" ".join(map(str, ids)) for ids in line_ids[i : i + 100]).encode()).hexdigest()
        for i in range(0, len(lines), 100)
    ],
    "chat": {"messages": messages, "ids": chat},
    "heldOut": {
        "ids": held_out,
        # A row a position: the eight of the largest logits, in order, and eight at random.
        "logitIds": sampled_ids.tolist(),
        "logits": packed(answers.gather(1, sampled_ids)),
        "logSumExp": packed(answers.logsumexp(-1)),
    },
    # Nats a token of each window, after its first token; the ids of the first two.
    "perplexity": {"nats": nats, "windows": [stream[start : start + WINDOW] for start in chosen[:2]]},
    "greedy": continuations,
}
with open(arguments.out, "w") as file:
    json.dump(reference, file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
