//! One copy of a model's weights per process, whatever is done with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::weights::Weights;
use super::{Arithmetic, Encoder, EncoderConfig};
use crate::InferenceError;

type Loaded = HashMap<(PathBuf, Arithmetic), Weak<Encoder>>;

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

impl Encoder {
    /// As [`load`](Self::load), but the copy that is in use already where there is one. For directories that never change,
    /// such as those of the model store.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_shared(
        directory: &Path, config: EncoderConfig, arithmetic: Arithmetic,
    ) -> Result<Arc<Self>, InferenceError> {
        // Held while a model is loaded, so that a second caller waits for the copy instead of loading another.
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        loaded.retain(|_, encoder| encoder.strong_count() > 0);
        let key = (directory.to_path_buf(), arithmetic.effective());
        if let Some(encoder) = loaded.get(&key).and_then(Weak::upgrade) {
            return Ok(encoder);
        }
        let encoder = Arc::new(Self::load_packed(directory, config, arithmetic)?);
        loaded.insert(key, Arc::downgrade(&encoder));
        Ok(encoder)
    }

    /// As [`load`](Self::load), with weights that all processes of this machine share where the model's directory can be written to.
    fn load_packed(directory: &Path, config: EncoderConfig, arithmetic: Arithmetic) -> Result<Self, InferenceError> {
        let shared = |config: EncoderConfig| {
            let mut weights = Weights::open(directory, &config, arithmetic)?;
            weights.read_packed(directory)?;
            Self::of(&mut weights, config, arithmetic.cpu)
        };
        // Whatever is wrong with the file: it holds nothing that the model's own files do not.
        let not_shared = |error: InferenceError| {
            tracing::debug!(directory = %directory.display(), problem = %error, "packed weights are not shared");
        };
        match shared(config.clone()) {
            Ok(encoder) => return Ok(encoder),
            Err(error) => not_shared(error),
        }
        let mut weights = Weights::open(directory, &config, arithmetic)?;
        if let Err(error) = weights.write_packed(directory) {
            not_shared(error);
        }
        let encoder = Self::of(&mut weights, config.clone(), arithmetic.cpu)?;
        match weights.finish_packed() {
            Ok(true) => Ok(shared(config).map_err(not_shared).unwrap_or(encoder)),
            Ok(false) => Ok(encoder),
            Err(error) => {
                not_shared(error);
                Ok(encoder)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Cpu;

    #[test]
    fn a_model_in_use_is_loaded_once_and_released_with_its_last_user() {
        let fixture = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/distilbert"));
        let directory = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors"] {
            std::fs::copy(fixture.join(file), directory.path().join(file)).unwrap();
        }
        let config = EncoderConfig::read(directory.path()).unwrap();
        let load = || Encoder::load_shared(directory.path(), config.clone(), Cpu::chosen().unwrap().into());

        let first = load().unwrap();
        let second = load().unwrap();
        assert!(Arc::ptr_eq(&first, &second));

        let released = Arc::downgrade(&first);
        drop((first, second));
        assert!(released.upgrade().is_none());
    }
}
