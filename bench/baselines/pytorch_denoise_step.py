"""The baseline of `npm run bench`: one denoise step of a decoder like SmolLM2-135M in eager PyTorch. The product never runs it.

A step takes the probabilities of a block's noised tokens, [lanes, rows, vocabulary], times the embedding table, through all
layers, each row seeing its lane's cached context and its whole block, to logits [lanes, rows, vocabulary]. A step of one row is
one from left to right: a token's row of the table takes the place of the first product. Products that share an input are one product, as PyTorch does best. Weights are random. Prints one JSON object, times in milliseconds; `least_cpu` is of all
threads together, which on a busy machine says more.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

LAYERS, WIDTH, HEADS, KEY_VALUE_HEADS, FEED_FORWARD = 30, 576, 9, 3, 1536
HEAD = WIDTH // HEADS
ROTARY_BASE = 100_000.0
EPSILON = 1e-5
SEED = 1


class Decoder:
    def __init__(self, vocabulary, dtype):
        def matrix(rows, columns):
            return (torch.randn(rows, columns) * rows**-0.5).to(dtype)

        self.embedding = matrix(vocabulary, WIDTH)
        self.head = self.embedding.t().contiguous()
        self.norm = torch.ones(WIDTH, dtype=dtype)
        self.layers = [
            {
                "attention_norm": torch.ones(WIDTH, dtype=dtype),
                "qkv": matrix(WIDTH, WIDTH + 2 * KEY_VALUE_HEADS * HEAD),
                "output": matrix(WIDTH, WIDTH),
                "feed_forward_norm": torch.ones(WIDTH, dtype=dtype),
                "gate_up": matrix(WIDTH, 2 * FEED_FORWARD),
                "down": matrix(FEED_FORWARD, WIDTH),
            }
            for _ in range(LAYERS)
        ]

    def step(self, given, cache, rotary):
        """given: probabilities [lanes, rows, vocabulary], or tokens [lanes, rows]."""
        lanes, rows = given.shape[:2]
        cosine, sine = rotary
        x = self.embedding[given] if given.dim() == 2 else given @ self.embedding
        for layer, (context_keys, context_values) in zip(self.layers, cache):
            normed = F.rms_norm(x, (WIDTH,), layer["attention_norm"], EPSILON)
            heads = (normed @ layer["qkv"]).view(lanes, rows, HEADS + 2 * KEY_VALUE_HEADS, HEAD).transpose(1, 2)
            queries, keys, values = heads.split((HEADS, KEY_VALUE_HEADS, KEY_VALUE_HEADS), dim=1)
            keys = torch.cat((context_keys, rotated(keys, cosine, sine)), dim=2)
            values = torch.cat((context_values, values), dim=2)
            mixed = F.scaled_dot_product_attention(rotated(queries, cosine, sine), keys, values, enable_gqa=True)
            x = x + mixed.transpose(1, 2).reshape(lanes, rows, WIDTH) @ layer["output"]
            normed = F.rms_norm(x, (WIDTH,), layer["feed_forward_norm"], EPSILON)
            gate, up = (normed @ layer["gate_up"]).chunk(2, dim=-1)
            x = x + (F.silu(gate) * up) @ layer["down"]
        return F.rms_norm(x, (WIDTH,), self.norm, EPSILON) @ self.head


def rotated(x, cosine, sine):
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine


def rotary_tables(context, rows, dtype):
    frequencies = ROTARY_BASE ** (-torch.arange(0, HEAD, 2, dtype=torch.float32) / HEAD)
    angles = torch.outer(torch.arange(context, context + rows, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def measure(decoder, dtype, context, lanes, rows, seconds):
    vocabulary = decoder.embedding.shape[0]
    if rows == 1:
        given = torch.randint(vocabulary, (lanes, rows))
    else:
        given = torch.softmax(torch.randn(lanes, rows, vocabulary), dim=-1).to(dtype)
    shape = (lanes, KEY_VALUE_HEADS, context, HEAD)
    cache = [(torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)) for _ in range(LAYERS)]
    rotary = rotary_tables(context, rows, dtype)
    times, cpu_times = [], []
    for warm in (True, False):
        end = time.perf_counter() + (seconds / 4 if warm else seconds)
        times.clear()
        cpu_times.clear()
        while len(times) < 3 or time.perf_counter() < end:
            start, cpu_start = time.perf_counter(), time.process_time()
            logits = decoder.step(given, cache, rotary)
            times.append(1000 * (time.perf_counter() - start))
            cpu_times.append(1000 * (time.process_time() - cpu_start))
    assert logits.shape == (lanes, rows, vocabulary) and bool(torch.isfinite(logits).all())
    return {
        "lanes": lanes,
        "rows": rows,
        "median": statistics.median(times),
        "least": min(times),
        "least_cpu": min(cpu_times),
        "runs": len(times),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vocabulary", type=int, default=49_160)
    parser.add_argument("--threads", type=int, help="of PyTorch (default: its own choice)")
    parser.add_argument("--seconds", type=float, default=4, help="for each measurement, at least three runs")
    numbers = lambda text: list(map(int, text.split(",")))
    parser.add_argument("--lanes", type=numbers, default="1,4,16", help="how many at once, with a comma between")
    parser.add_argument("--rows", type=numbers, default="25,1", help="of each lane, with a comma between")
    parser.add_argument("--context", type=int, default=200, help="cached keys of each lane")
    parser.add_argument("--types", default="fp32,bf16", help="with a comma between")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    results = []
    with torch.inference_mode():
        for name in options.types.split(","):
            dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[name]
            decoder = Decoder(options.vocabulary, dtype)
            for rows in options.rows:
                for lanes in options.lanes:
                    measured = measure(decoder, dtype, options.context, lanes, rows, options.seconds)
                    results.append({"type": name, **measured})
    about = {"torch": torch.__version__, "threads": torch.get_num_threads(), "cpu": torch.backends.cpu.get_cpu_capability()}
    print(json.dumps({**about, "context": options.context, "vocabulary": options.vocabulary, "results": results}))


if __name__ == "__main__":
    main()
