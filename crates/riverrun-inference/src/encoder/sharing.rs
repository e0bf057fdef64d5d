//! One copy of a model's weights per process, whatever is done with it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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
        let encoder = Arc::new(Self::load(directory, config, arithmetic)?);
        loaded.insert(key, Arc::downgrade(&encoder));
        Ok(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Cpu;

    #[test]
    fn a_model_in_use_is_loaded_once_and_released_with_its_last_user() {
        let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment"));
        let load =
            || Encoder::load_shared(directory, EncoderConfig::read(directory).unwrap(), Cpu::chosen().unwrap().into());

        let first = load().unwrap();
        let second = load().unwrap();
        assert!(Arc::ptr_eq(&first, &second));

        let released = Arc::downgrade(&first);
        drop((first, second));
        assert!(released.upgrade().is_none());
    }
}
