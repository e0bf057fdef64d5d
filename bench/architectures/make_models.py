"""Makes a text classifier of random weights of each architecture, as a directory and as an ONNX graph.

    python make_models.py TOKENIZER_DIRECTORY OUTPUT_DIRECTORY [ARCHITECTURE…]

Hidden size 384, 6 layers, 12 heads, 1,536 units; ALBERT 768 and 12 layers that share their weights, as it comes. All have one tokenizer,
so that a text has as many tokens whatever the architecture. Graphs are PyTorch's own exports.
"""

import shutil
import sys
import warnings
from pathlib import Path

import torch
import transformers as t

import gated

LENGTH = 128
SIZES = dict(
    vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
    max_position_embeddings=514, num_labels=3, pad_token_id=0, attn_implementation="eager",
)
DEBERTA = dict(
    relative_attention=True, position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type="p2c|c2p",
    position_biased_input=False, max_relative_positions=-1, layer_norm_eps=1e-7, type_vocab_size=0, pooler_hidden_size=384,
)
WITH_TYPES = ("input_ids", "attention_mask", "token_type_ids")
WITHOUT = WITH_TYPES[:2]


def of(config, model, inputs, **options):
    """A model of `transformers` and what its graph takes."""

    def make():
        settings = config(**SIZES | options)
        settings.architectures = [model.__name__]
        return model(settings)

    return make, inputs


def distilbert():
    settings = t.DistilBertConfig(
        vocab_size=30522, dim=384, n_layers=6, n_heads=12, hidden_dim=1536, max_position_embeddings=514, num_labels=3,
        attn_implementation="eager",
    )
    settings.architectures = ["DistilBertForSequenceClassification"]
    return t.DistilBertForSequenceClassification(settings)


ROBERTA = dict(type_vocab_size=1, pad_token_id=1)
ARCHITECTURES = {
    "bert": of(t.BertConfig, t.BertForSequenceClassification, WITH_TYPES),
    "distilbert": (distilbert, WITHOUT),
    "roberta": of(t.RobertaConfig, t.RobertaForSequenceClassification, WITHOUT, **ROBERTA),
    "xlm-roberta": of(t.XLMRobertaConfig, t.XLMRobertaForSequenceClassification, WITHOUT, **ROBERTA),
    "camembert": of(t.CamembertConfig, t.CamembertForSequenceClassification, WITHOUT, **ROBERTA),
    "electra": of(t.ElectraConfig, t.ElectraForSequenceClassification, WITH_TYPES, embedding_size=128),
    "mpnet": of(t.MPNetConfig, t.MPNetForSequenceClassification, WITHOUT, pad_token_id=1),
    "albert": of(
        t.AlbertConfig, t.AlbertForSequenceClassification, WITH_TYPES, embedding_size=128, hidden_size=768,
        num_hidden_layers=12, intermediate_size=3072,
    ),
    "deberta-v2": of(
        t.DebertaV2Config, t.DebertaV2ForSequenceClassification, WITHOUT, **DEBERTA | dict(conv_kernel_size=3, conv_act="gelu")
    ),
    "deberta-v3": of(t.DebertaV2Config, t.DebertaV2ForSequenceClassification, WITHOUT, **DEBERTA),
    "modernbert": of(
        t.ModernBertConfig, t.ModernBertForSequenceClassification, WITHOUT, reference_compile=False, cls_token_id=2,
        sep_token_id=3, bos_token_id=2, eos_token_id=3, max_position_embeddings=8192,
    ),
    "gte": (gated.Gte, WITHOUT),
    "nomic": (gated.Nomic, WITHOUT),
}


class Logits(torch.nn.Module):
    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        result = self.model(**dict(zip(self.names, inputs)))
        return getattr(result, "logits", result)


def spread(model):
    """Weights that texts can be told apart by, which those at the start of a training are not."""
    torch.manual_seed(7)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            parameter.data = torch.randn_like(parameter) * (0.5 if "embedding" in name else parameter.shape[-1] ** -0.5)
    return model.eval()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    tokenizer, output = Path(sys.argv[1]), Path(sys.argv[2])
    for name in sys.argv[3:] or ARCHITECTURES:
        make, inputs = ARCHITECTURES[name]
        folder = output / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        torch.manual_seed(3)
        model = spread(make())
        model.save_pretrained(folder)
        shutil.copy(tokenizer / "tokenizer.json", folder)
        (folder / "tokenizer_config.json").write_text(f'{{"model_max_length": {LENGTH}}}\n')
        # Two texts, one of them padded, so that no size is taken for a constant.
        ids = torch.randint(5, 1000, (2, 17))
        mask = torch.ones_like(ids)
        mask[1, 11:] = 0
        given = dict(zip(WITH_TYPES, (ids, mask, torch.zeros_like(ids))))
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                Logits(model, inputs), tuple(given[name] for name in inputs), str(folder / "model.onnx"),
                input_names=list(inputs), output_names=["logits"], opset_version=17,
                dynamic_axes={name: {0: "batch", 1: "tokens"} for name in inputs} | {"logits": {0: "batch"}},
            )
        (folder / "complete").touch()


if __name__ == "__main__":
    main()
