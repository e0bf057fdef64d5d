"""PyTorch with a BERT text classifier of its own modules: `Linear`, `LayerNorm` and fused attention, in inference mode.

In bf16 all weights are rounded ahead: autocast would round them anew in each call. int8 is the dynamic quantization of every
`Linear`.
"""

import json
import warnings

import torch
from make_minilm import read_safetensors
from tokenization import encode, load_tokenizer
from torch import nn
from torch.nn import functional

VERSION = torch.__version__
REMEMBERS_SHAPES = False
PRECISIONS = ("f32", "bf16", "int8")
TYPES = {"F32": torch.float32, "F16": torch.float16}


class Layer(nn.Module):
    def __init__(self, width, wide, heads, epsilon):
        super().__init__()
        self.heads = heads
        # One product for the three of them, which is faster than three.
        self.parts, self.attended = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attended_norm = nn.LayerNorm(width, epsilon)
        self.widen, self.narrow = nn.Linear(width, wide), nn.Linear(wide, width)
        self.norm = nn.LayerNorm(width, epsilon)

    def forward(self, hidden, mask):
        batch, tokens, width = hidden.shape
        parts = self.parts(hidden).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, mask)
        mixed = self.attended(mixed.transpose(1, 2).reshape(batch, tokens, width))
        hidden = self.attended_norm(mixed + hidden)
        return self.norm(self.narrow(functional.gelu(self.widen(hidden))) + hidden)


class Bert(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.types = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, epsilon)
        sizes = width, config["intermediate_size"], config["num_attention_heads"], epsilon
        self.layers = nn.ModuleList(Layer(*sizes) for _ in range(config["num_hidden_layers"]))
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, len(config["id2label"]))

    def forward(self, ids, mask, types):
        hidden = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types(types)
        hidden = self.norm(hidden)
        # Nothing is padded where there is one text.
        mask = None if len(ids) == 1 else mask.bool()[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return self.classifier(torch.tanh(self.pooler(hidden[:, 0])))


def weights(directory, config):
    """The file's tensors under the names of the modules above."""
    tensors = {
        name.removeprefix("bert."): torch.frombuffer(bytearray(data), dtype=TYPES[dtype]).view(shape).float()
        for name, (dtype, shape, data) in read_safetensors((directory / "model.safetensors").read_bytes()).items()
        if dtype in TYPES
    }
    renamed = {
        "words.weight": tensors["embeddings.word_embeddings.weight"],
        "positions.weight": tensors["embeddings.position_embeddings.weight"],
        "types.weight": tensors["embeddings.token_type_embeddings.weight"],
    }

    def add(name, *sources):
        for kind in ("weight", "bias"):
            renamed[f"{name}.{kind}"] = torch.cat([tensors[f"{source}.{kind}"] for source in sources])

    add("norm", "embeddings.LayerNorm")
    add("pooler", "pooler.dense")
    add("classifier", "classifier")
    for index in range(config["num_hidden_layers"]):
        ours, theirs = f"layers.{index}.", f"encoder.layer.{index}."
        add(ours + "parts", *(f"{theirs}attention.self.{part}" for part in ("query", "key", "value")))
        add(ours + "attended", theirs + "attention.output.dense")
        add(ours + "attended_norm", theirs + "attention.output.LayerNorm")
        add(ours + "widen", theirs + "intermediate.dense")
        add(ours + "narrow", theirs + "output.dense")
        add(ours + "norm", theirs + "output.LayerNorm")
    return renamed


class Classifier:
    """A module that any number of threads may call, each of which computes with `threads` of them."""

    def __init__(self, directory, _, threads, callers=1, precision="f32"):
        torch.set_num_threads(threads)
        config = json.loads((directory / "config.json").read_text())
        self.model = Bert(config).eval()
        self.model.load_state_dict(weights(directory, config))
        if precision == "int8":
            warnings.simplefilter("ignore")
            self.model = torch.ao.quantization.quantize_dynamic(self.model, {nn.Linear}, dtype=torch.qint8)
        if precision == "bf16":
            self.model = self.model.bfloat16()
        self.tokenizer = load_tokenizer(directory)

    def logits(self, texts):
        inputs = [torch.from_numpy(array) for array in encode(self.tokenizer, texts).values()]
        with torch.inference_mode():
            return self.model(*inputs).float().numpy()
