"""One run of Transformers on a checkpoint: prefill of given ids, then greedy steps; times and ids as JSON on stdout.

python transformers_peer.py CHECKPOINT float32|bfloat16 IDS(comma-separated) STEPS THREADS
"""
import json
import sys
import time

folder, dtype, ids, steps, threads = sys.argv[1:6]
started = time.perf_counter()
import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(int(threads))
model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), attn_implementation="sdpa").eval()
loaded = time.perf_counter()
tokens = []
with torch.inference_mode():
    out = model(torch.tensor([[int(i) for i in ids.split(",")]]), use_cache=True)
    prefilled = time.perf_counter()
    for _ in range(int(steps)):
        tokens.append(int(out.logits[0, -1].argmax()))
        out = model(torch.tensor([[tokens[-1]]]), past_key_values=out.past_key_values, use_cache=True)
ended = time.perf_counter()
print(
    json.dumps(
        {"loadS": loaded - started, "prefillS": prefilled - loaded, "decodeS": ended - prefilled, "tokens": tokens}
    )
)
