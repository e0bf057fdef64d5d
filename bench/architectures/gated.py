"""GTE's and Nomic's encoders with a classifier, for batches with padding; their own code lies beside their weights on the hub.

Written from their descriptions (Zhang et al., "mGTE", 2024; Nussbaum et al., "Nomic Embed", 2024), with the names that their checkpoints
have and plain operators, which ONNX Runtime takes well.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as f

HIDDEN, LAYERS, HEADS, UNITS, VOCABULARY, LABELS = 384, 6, 12, 1536, 30522, 3
SIZE = HIDDEN // HEADS


def rotate(x, cosine, sine):
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1)


class Encoder(nn.Module):
    """What both have: rotary positions, and layers that normalise after each residual."""

    def __init__(self, theta):
        super().__init__()
        self.frequencies = theta ** -(torch.arange(0, SIZE, 2).float() / SIZE)

    def encode(self, x, attention_mask):
        positions = torch.cumsum(torch.ones_like(attention_mask), 1)[0] - 1
        angles = positions.float()[:, None] * self.frequencies
        cosine, sine = angles.cos(), angles.sin()
        penalty = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
        for layer in self.layers():
            x = layer(x, lambda qkv: self.attend(qkv, cosine, sine, penalty))
        return x

    @staticmethod
    def attend(qkv, cosine, sine, penalty):
        batch, tokens, _ = qkv.shape
        heads = (part.view(batch, tokens, HEADS, SIZE).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        query, key, value = heads
        scores = rotate(query, cosine, sine) @ rotate(key, cosine, sine).transpose(2, 3) * SIZE**-0.5 + penalty
        return (scores.softmax(dim=-1) @ value).transpose(1, 2).reshape(batch, tokens, HIDDEN)

    def save_pretrained(self, folder):
        self.config |= {"id2label": {str(label): f"LABEL_{label}" for label in range(LABELS)}, "vocab_size": VOCABULARY}
        (Path(folder) / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, Path(folder) / "model.safetensors")


class GteLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict({"qkv_proj": nn.Linear(HIDDEN, 3 * HIDDEN), "o_proj": nn.Linear(HIDDEN, HIDDEN)})
        self.mlp = nn.ModuleDict(
            {"up_gate_proj": nn.Linear(HIDDEN, 2 * UNITS, bias=False), "down_proj": nn.Linear(UNITS, HIDDEN)}
        )
        self.attn_ln, self.mlp_ln = nn.LayerNorm(HIDDEN, 1e-12), nn.LayerNorm(HIDDEN, 1e-12)

    def forward(self, x, attend):
        x = self.attn_ln(x + self.attention["o_proj"](attend(self.attention["qkv_proj"](x))))
        up, gate = self.mlp["up_gate_proj"](x).chunk(2, dim=-1)
        return self.mlp_ln(x + self.mlp["down_proj"](f.gelu(gate) * up))


class Gte(Encoder):
    def __init__(self):
        super().__init__(500_000.0)
        self.new = nn.ModuleDict({
            "embeddings": nn.ModuleDict(
                {"word_embeddings": nn.Embedding(VOCABULARY, HIDDEN), "LayerNorm": nn.LayerNorm(HIDDEN, 1e-12)}
            ),
            "encoder": nn.ModuleDict({"layer": nn.ModuleList(GteLayer() for _ in range(LAYERS))}),
            "pooler": nn.ModuleDict({"dense": nn.Linear(HIDDEN, HIDDEN)}),
        })
        self.classifier = nn.Linear(HIDDEN, LABELS)
        self.config = {
            "architectures": ["NewForSequenceClassification"], "model_type": "new", "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": UNITS, "hidden_act": "gelu",
            "layer_norm_eps": 1e-12, "layer_norm_type": "layer_norm", "max_position_embeddings": 512,
            "position_embedding_type": "rope", "rope_theta": 500_000.0, "rope_scaling": None, "type_vocab_size": 0,
            "pack_qkv": True, "logn_attention_scale": False,
        }

    def layers(self):
        return self.new["encoder"]["layer"]

    def forward(self, input_ids, attention_mask):
        embeddings = self.new["embeddings"]
        x = self.encode(embeddings["LayerNorm"](embeddings["word_embeddings"](input_ids)), attention_mask)
        return self.classifier(torch.tanh(self.new["pooler"]["dense"](x[:, 0])))


class NomicLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.ModuleDict(
            {"Wqkv": nn.Linear(HIDDEN, 3 * HIDDEN, bias=False), "out_proj": nn.Linear(HIDDEN, HIDDEN, bias=False)}
        )
        sizes = {"fc11": (HIDDEN, UNITS), "fc12": (HIDDEN, UNITS), "fc2": (UNITS, HIDDEN)}
        self.mlp = nn.ModuleDict({name: nn.Linear(*size, bias=False) for name, size in sizes.items()})
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN, 1e-12), nn.LayerNorm(HIDDEN, 1e-12)

    def forward(self, x, attend):
        x = self.norm1(x + self.attn["out_proj"](attend(self.attn["Wqkv"](x))))
        return self.norm2(x + self.mlp["fc2"](self.mlp["fc11"](x) * f.silu(self.mlp["fc12"](x))))


class Nomic(Encoder):
    def __init__(self):
        super().__init__(1000.0)
        embeddings = {"word_embeddings": nn.Embedding(VOCABULARY, HIDDEN), "token_type_embeddings": nn.Embedding(2, HIDDEN)}
        self.bert = nn.ModuleDict({
            "embeddings": nn.ModuleDict(embeddings),
            "emb_ln": nn.LayerNorm(HIDDEN, 1e-12),
            "encoder": nn.ModuleDict({"layers": nn.ModuleList(NomicLayer() for _ in range(LAYERS))}),
            "pooler": nn.ModuleDict({"dense": nn.Linear(HIDDEN, HIDDEN)}),
        })
        self.classifier = nn.Linear(HIDDEN, LABELS)
        self.config = {
            "architectures": ["NomicBertForSequenceClassification"], "model_type": "nomic_bert", "activation_function": "swiglu",
            "n_embd": HIDDEN, "n_head": HEADS, "n_inner": UNITS, "n_layer": LAYERS, "n_positions": 512,
            "max_trained_positions": 512, "layer_norm_epsilon": 1e-12, "prenorm": False, "qkv_proj_bias": False,
            "mlp_fc1_bias": False, "mlp_fc2_bias": False, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
            "rotary_emb_interleaved": False, "rotary_scaling_factor": None, "type_vocab_size": 2, "use_rms_norm": False,
        }

    def layers(self):
        return self.bert["encoder"]["layers"]

    def forward(self, input_ids, attention_mask):
        embeddings = self.bert["embeddings"]
        x = embeddings["word_embeddings"](input_ids) + embeddings["token_type_embeddings"].weight[0]
        x = self.encode(self.bert["emb_ln"](x), attention_mask)
        return self.classifier(torch.tanh(self.bert["pooler"]["dense"](x[:, 0])))
