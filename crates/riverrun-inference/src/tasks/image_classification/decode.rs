//! From the bytes of a file to pixels, within limits.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use riverrun_runner::ItemError;

/// What [`decode`] reads.
pub(super) const MEDIA_TYPES: &[&str] = &["image/jpeg", "image/png", "image/webp"];

/// The most pixels of an image: some 8000 by 8000. A small file can declare more than memory holds.
const MOST_PIXELS: u64 = 1 << 26;

/// The most bytes that decoding takes: eight for each pixel, which is RGBA of 16 bits.
const MOST_BYTES: u64 = MOST_PIXELS * 8;

/// The pixels of a JPEG, PNG or WebP file, turned as it says it was held.
///
/// # Errors
/// It is none of these, is damaged or cut off, or has too many pixels.
pub(super) fn decode(file: &[u8]) -> Result<RgbImage, ItemError> {
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|error| ItemError::new(format!("the image cannot be read: {error}")))?;
    let format = match reader.format() {
        Some(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => format,
        Some(other) => return Err(unknown(&format!("an image in {other:?}"))),
        None => return Err(unknown("something else")),
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let failed = |error: ImageError| match error {
        ImageError::Limits(_) => too_large("it takes too much memory to decode".to_owned()),
        error => ItemError::new(format!("the image is not a whole {format:?}: {error}; give the file as it was saved")),
    };
    let mut decoder = reader.into_decoder().map_err(failed)?;
    // Before anything of this size is asked for.
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(too_large(format!("it has {width} x {height} pixels, and {MOST_PIXELS} are the most")));
    }
    let orientation = decoder.orientation().map_err(failed)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

fn unknown(found: &str) -> ItemError {
    ItemError::new(format!("an image in JPEG, PNG or WebP is wanted, and {found} came"))
}

fn too_large(what: String) -> ItemError {
    ItemError::too_large(format!("the image is too large: {what}; give a smaller one"))
}
