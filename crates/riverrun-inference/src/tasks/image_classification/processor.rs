//! From pixels to what a model takes, as the image processors of `transformers` do it: `preprocessor_config.json`.

use std::path::{Path, PathBuf};

use image::RgbImage;
use riverrun_runner::ItemError;
use serde::Deserialize;
use serde_json::Value;

use super::resample::{self, Filter};
use crate::InferenceError;

const FILE: &str = "preprocessor_config.json";

/// The longest edge that an image is resized to: far beyond any model, so that a wrong number is told.
const LONGEST: u32 = 1 << 13;

/// How pixels become what the model takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Processor {
    resize: Option<(Size, Filter)>,
    crop: Option<(u32, u32)>,
    scale: Option<f64>,
    normalize: Option<([f32; 3], [f32; 3])>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Size {
    /// This height and width, whatever the image's.
    Exact(u32, u32),
    /// The shorter edge; the other one in proportion.
    Shortest(u32),
}

#[derive(Deserialize)]
struct Config {
    #[serde(alias = "feature_extractor_type")]
    image_processor_type: Option<String>,
    do_resize: Option<bool>,
    size: Option<Value>,
    resample: Option<u8>,
    crop_pct: Option<f64>,
    do_center_crop: Option<bool>,
    crop_size: Option<Value>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<Channels>,
    image_std: Option<Channels>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Channels {
    One(f32),
    Three([f32; 3]),
}

impl From<Channels> for [f32; 3] {
    fn from(channels: Channels) -> Self {
        match channels {
            Channels::One(value) => [value; 3],
            Channels::Three(values) => values,
        }
    }
}

/// The processors whose steps are these: resize, crop, scale, normalize.
const KNOWN: [&str; 10] =
    ["ViT", "DeiT", "Beit", "ConvNext", "CLIP", "Siglip", "Bit", "MobileNetV1", "MobileNetV2", "Swin"];

/// What some others do besides; a model that was trained with it would see something else without.
const OTHERS: [&str; 4] = ["do_flip_channel_order", "rescale_offset", "include_top", "do_pad"];

impl Processor {
    /// Reads `directory`'s `preprocessor_config.json`.
    pub(super) fn read(directory: &Path) -> Result<Self, InferenceError> {
        let path = directory.join(FILE);
        let bytes = std::fs::read(&path).map_err(|source| InferenceError::Read { path: path.clone(), source })?;
        let json = |source| InferenceError::Json { path: path.clone(), what: "image processor configuration", source };
        let value: Value = serde_json::from_slice(&bytes).map_err(json)?;
        let config = Config::deserialize(&value).map_err(json)?;
        Self::of(&value, config).map_err(|problem| InferenceError::Config { path: PathBuf::from(&path), problem })
    }

    fn of(value: &Value, config: Config) -> Result<Self, String> {
        let kind = config.image_processor_type.unwrap_or_default();
        let family = ["ImageProcessorFast", "ImageProcessor", "FeatureExtractor"]
            .iter()
            .find_map(|ending| kind.strip_suffix(ending))
            .unwrap_or(&kind);
        if !kind.is_empty() && !KNOWN.contains(&family) {
            return Err(format!(
                "the image processor {kind} is not implemented; there are those of {}",
                KNOWN.join(", ")
            ));
        }
        if let Some(other) =
            OTHERS.iter().find(|name| value.get(**name).is_some_and(|value| *value != Value::Bool(false)))
        {
            return Err(format!(
                "`{other}` is not implemented; export the model with an image processor that does without it"
            ));
        }
        let warps = family == "ConvNext";
        let shortest = warps || ["CLIP", "Bit", "MobileNetV1", "MobileNetV2"].contains(&family);
        let mut size = match &config.size {
            Some(value) => size(value, shortest)?,
            None => Size::Exact(224, 224),
        };
        let mut crop = match (config.do_center_crop.unwrap_or(false), &config.crop_size) {
            (false, _) => None,
            (true, Some(value)) => match self::size(value, false)? {
                Size::Exact(height, width) => Some((height, width)),
                Size::Shortest(edge) => Some((edge, edge)),
            },
            (true, None) => return Err("`do_center_crop` has no `crop_size`; say the size of the crop".to_owned()),
        };
        let mut resizes = config.do_resize.unwrap_or(true);
        if let (true, Size::Shortest(edge)) = (warps, size) {
            // Small images are resized beyond the size and cropped to it, large ones are warped.
            if edge < 384 {
                let share = config.crop_pct.unwrap_or(224.0 / 256.0);
                if !(share > 0.0 && share <= 1.0) {
                    return Err(format!("a crop_pct of {share} is no share; it is between 0 and 1"));
                }
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "truncated as Python does")]
                let larger = (f64::from(edge) / share) as u32;
                size = Size::Shortest(checked(larger.into())?);
                crop = resizes.then_some((edge, edge));
            } else {
                size = Size::Exact(edge, edge);
            }
        }
        if config.size.is_none() && config.do_resize.is_none() && kind.is_empty() {
            resizes = false;
        }
        let number = config.resample.unwrap_or(2);
        let filter = Filter::of(number)
            .ok_or_else(|| format!("resample {number} is none of Pillow's filters, which are 0 to 5"))?;
        let normalize = if config.do_normalize.unwrap_or(true) {
            let [mean, std] = [config.image_mean, config.image_std].map(|value| value.map_or([0.5; 3], Into::into));
            if std.contains(&0.0) {
                return Err("an image_std of 0 divides by nothing; correct it".to_owned());
            }
            Some((mean, std))
        } else {
            None
        };
        Ok(Self {
            resize: resizes.then_some((size, filter)),
            crop,
            scale: config.do_rescale.unwrap_or(true).then(|| config.rescale_factor.unwrap_or(1.0 / 255.0)),
            normalize,
        })
    }

    /// The model's input, `[3, height, width]`, and its height and width.
    pub(super) fn process(&self, image: RgbImage) -> Result<(Vec<f32>, [usize; 2]), ItemError> {
        let image = match self.resize {
            Some((size, filter)) => resized(image, size, filter)?,
            None => image,
        };
        let (height, width) = self.crop.unwrap_or((image.height(), image.width()));
        // The middle; where the image is smaller, black surrounds it.
        let offset = |of: u32, wanted: u32| (i64::from(of) - i64::from(wanted)).div_euclid(2);
        let padding = |of: u32, wanted: u32| i64::from(wanted.saturating_sub(of)) / 2;
        let top = start(offset(image.height(), height), padding(image.height(), height));
        let left = start(offset(image.width(), width), padding(image.width(), width));
        let inside =
            |place: u32, start: i64, of: u32| u32::try_from(i64::from(place) + start).ok().filter(|place| *place < of);
        let mut levels = [[0.0_f32; 256]; 3];
        for (channel, levels) in levels.iter_mut().enumerate() {
            for (level, value) in (0_u16..).zip(levels.iter_mut()) {
                *value = self.value(channel, level);
            }
        }
        let (rows, columns) = (height as usize, width as usize);
        let mut pixels = vec![0.0; 3 * rows * columns];
        for row in 0..height {
            let from = inside(row, top, image.height());
            for column in 0..width {
                let pixel = from.and_then(|y| Some(image.get_pixel(inside(column, left, image.width())?, y).0));
                let pixel = pixel.unwrap_or([0; 3]);
                for (channel, level) in pixel.into_iter().enumerate() {
                    pixels[(channel * rows + row as usize) * columns + column as usize] =
                        levels[channel][usize::from(level)];
                }
            }
        }
        Ok((pixels, [rows, columns]))
    }

    /// What a level of a channel becomes, rounded where `transformers` rounds.
    #[allow(clippy::cast_possible_truncation, reason = "to 32-bit floats, as numpy is told")]
    fn value(&self, channel: usize, level: u16) -> f32 {
        let scaled = self.scale.map_or(f32::from(level), |scale| (f64::from(level) * scale) as f32);
        self.normalize.map_or(scaled, |(mean, std)| (scaled - mean[channel]) / std[channel])
    }
}

/// Where a crop begins in the image, or before it.
fn start(offset: i64, padding: i64) -> i64 {
    if offset < 0 { -padding } else { offset }
}

fn resized(image: RgbImage, size: Size, filter: Filter) -> Result<RgbImage, ItemError> {
    let (width, height) = image.dimensions();
    let (new_height, new_width) = match size {
        Size::Exact(height, width) => (height, width),
        Size::Shortest(edge) => {
            let short = width.min(height).max(1);
            let long = u64::from(edge) * u64::from(width.max(height)) / u64::from(short);
            let long = u32::try_from(long).ok().filter(|long| *long <= LONGEST).ok_or_else(|| {
                ItemError::new(format!(
                    "an image of {width} x {height} pixels is too long for the model; cut it to its subject"
                ))
            })?;
            if width <= height { (long, edge) } else { (edge, long) }
        }
    };
    if (new_width, new_height) == (width, height) {
        return Ok(image);
    }
    resample::resize(&image, new_width, new_height, filter)
        .ok_or_else(|| ItemError::new(format!("an image of {width} x {height} pixels has none to resize")))
}

/// `{"height", "width"}`, `{"shortest_edge"}`, or a number, which older files have.
fn size(value: &Value, shortest: bool) -> Result<Size, String> {
    let number =
        |value: &Value| value.as_u64().ok_or_else(|| format!("{value} is no size of an image")).and_then(checked);
    match value {
        Value::Number(_) if shortest => Ok(Size::Shortest(number(value)?)),
        Value::Number(_) => Ok(Size::Exact(number(value)?, number(value)?)),
        Value::Array(both) => match both.as_slice() {
            [height, width] => Ok(Size::Exact(number(height)?, number(width)?)),
            _ => Err(format!("{value} is no size of an image; write height and width")),
        },
        value => match (value.get("height"), value.get("width"), value.get("shortest_edge")) {
            (Some(height), Some(width), _) => Ok(Size::Exact(number(height)?, number(width)?)),
            (None, None, Some(edge)) if value.get("longest_edge").is_none() => Ok(Size::Shortest(number(edge)?)),
            _ => Err(format!("{value} is no size that is implemented; there is height with width, and shortest_edge")),
        },
    }
}

fn checked(size: u64) -> Result<u32, String> {
    let known = u32::try_from(size).ok().filter(|size| (1..=LONGEST).contains(size));
    known.ok_or_else(|| format!("{size} is no size of an image; it is from 1 to {LONGEST} pixels"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Processor, String> {
        Processor::of(&value, Config::deserialize(&value).unwrap())
    }

    #[test]
    fn what_a_processor_does_besides_is_refused_and_not_passed_over() {
        let refused = |value: Value| read(value).unwrap_err();
        assert!(
            refused(json!({"image_processor_type": "MobileViTImageProcessor"})).contains("MobileViTImageProcessor")
        );
        assert!(refused(json!({"do_flip_channel_order": true})).contains("`do_flip_channel_order`"));
        assert!(refused(json!({"resample": 9})).contains("resample 9"));
        assert!(
            refused(json!({"size": {"longest_edge": 5, "shortest_edge": 3}})).contains("no size that is implemented")
        );
        assert!(refused(json!({"size": 0})).contains("0 is no size"));
        assert!(refused(json!({"size": 1_000_000_000})).contains("from 1 to"));
        assert!(refused(json!({"image_std": [1.0, 0.0, 1.0]})).contains("image_std of 0"));
        assert!(refused(json!({"do_center_crop": true})).contains("no `crop_size`"));
    }

    #[test]
    fn a_crop_that_is_larger_than_the_image_is_surrounded_by_black() {
        let value = json!({"do_resize": false, "do_center_crop": true, "crop_size": 4, "do_rescale": false, "do_normalize": false});
        let image = RgbImage::from_pixel(2, 6, image::Rgb([9, 8, 7]));

        let (pixels, size) = read(value).unwrap().process(image).unwrap();

        assert_eq!(size, [4, 4]);
        assert_eq!(pixels[..4], [0.0, 9.0, 9.0, 0.0]);
        assert_eq!(pixels[16..20], [0.0, 8.0, 8.0, 0.0]);
    }
}
