//! The architectures that are implemented, by the names that `config.json` has for them.

use std::fmt;
use std::path::Path;

use crate::InferenceError;

/// Models that are built alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Bert,
    DistilBert,
    /// RoBERTa, XLM-RoBERTa and CamemBERT, which differ in their tokenizers alone.
    Roberta,
    Electra,
    MpNet,
    Albert,
    /// DeBERTa of the second and third version.
    DebertaV2,
    ModernBert,
    /// The encoders of GTE, whose classes are called `New…`.
    Gte,
    NomicBert,
}

/// What follows the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadKind {
    /// Nothing: the model gives hidden states.
    None,
    /// Labels of a text.
    Sequence,
    /// Labels of each token.
    Token,
    /// Where an answer starts and ends.
    Questions,
    /// Which token a masked one was.
    Masked,
}

/// A family and a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Architecture {
    pub(crate) family: Family,
    pub(crate) head: HeadKind,
}

/// What the classes of `transformers` are called before `Model` or `For…`.
const FAMILIES: [(&str, Family); 12] = [
    ("Bert", Family::Bert),
    ("DistilBert", Family::DistilBert),
    ("Roberta", Family::Roberta),
    ("XLMRoberta", Family::Roberta),
    ("Camembert", Family::Roberta),
    ("Electra", Family::Electra),
    ("MPNet", Family::MpNet),
    ("Albert", Family::Albert),
    ("DebertaV2", Family::DebertaV2),
    ("ModernBert", Family::ModernBert),
    ("New", Family::Gte),
    ("NomicBert", Family::NomicBert),
];

const HEADS: [(&str, HeadKind); 5] = [
    ("Model", HeadKind::None),
    ("ForSequenceClassification", HeadKind::Sequence),
    ("ForTokenClassification", HeadKind::Token),
    ("ForQuestionAnswering", HeadKind::Questions),
    ("ForMaskedLM", HeadKind::Masked),
];

impl Architecture {
    /// The first of `config.json`'s `architectures` that is implemented.
    pub(crate) fn of(path: &Path, names: &[String]) -> Result<Self, InferenceError> {
        names.iter().find_map(|name| Self::named(name)).ok_or_else(|| InferenceError::Architecture {
            path: path.to_owned(),
            found: if names.is_empty() { "(none: `architectures` is missing)".to_owned() } else { names.join(", ") },
            families: FAMILIES.iter().map(|(name, _)| *name).collect(),
            heads: HEADS.iter().map(|(name, _)| *name).collect(),
        })
    }

    fn named(name: &str) -> Option<Self> {
        FAMILIES.into_iter().find_map(|(prefix, family)| {
            let rest = name.strip_prefix(prefix)?;
            // BERT was trained on two tasks at once, of which this is the first.
            let rest = if rest == "ForPreTraining" && matches!(family, Family::Bert | Family::Albert) {
                "ForMaskedLM"
            } else {
                rest
            };
            let (_, head) = HEADS.into_iter().find(|(suffix, _)| *suffix == rest)?;
            Some(Self { family, head })
        })
    }
}

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bert => "BERT",
            Self::DistilBert => "DistilBERT",
            Self::Roberta => "RoBERTa",
            Self::Electra => "ELECTRA",
            Self::MpNet => "MPNet",
            Self::Albert => "ALBERT",
            Self::DebertaV2 => "DeBERTa-v2",
            Self::ModernBert => "ModernBERT",
            Self::Gte => "GTE",
            Self::NomicBert => "Nomic BERT",
        }
    }

    /// Whether its layers and norms may lack a bias.
    pub(crate) fn does_without_biases(self) -> bool {
        matches!(self, Self::ModernBert | Self::Gte | Self::NomicBert)
    }

    /// What stands before the encoder's tensors in the checkpoint of a model with a head.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Bert | Self::NomicBert => "bert.",
            Self::DistilBert => "distilbert.",
            Self::Roberta => "roberta.",
            Self::Electra => "electra.",
            Self::MpNet => "mpnet.",
            Self::Albert => "albert.",
            Self::DebertaV2 => "deberta.",
            Self::ModernBert => "model.",
            Self::Gte => "new.",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_family_and_a_head() {
        let of = |name: &str| Architecture::named(name).map(|found| (found.family, found.head));
        assert_eq!(of("XLMRobertaForTokenClassification"), Some((Family::Roberta, HeadKind::Token)));
        assert_eq!(of("NewModel"), Some((Family::Gte, HeadKind::None)));
        assert_eq!(of("BertForPreTraining"), Some((Family::Bert, HeadKind::Masked)));
        assert_eq!(of("BertLMHeadModel"), None);
        assert_eq!(of("ElectraForPreTraining"), None);
    }
}
