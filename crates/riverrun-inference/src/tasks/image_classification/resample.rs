//! Resizing to the very levels that Pillow gives: its two passes, its weights and its rounding.
//!
//! A model sees a level that is off by one as another image: with the weights of 16 bits that faster libraries take, scores would be
//! off by more than 1e-4. The horizontal pass is the first one; the newest versions of Pillow begin with the vertical one where an image is
//! tall, which changes some levels by one.

use image::RgbImage;

/// Bits behind the point of a weight, as Pillow has them: a level has 8, and sums may overshoot by a factor of 4.
const PRECISION: u32 = 32 - 8 - 2;

const CHANNELS: usize = 3;

/// Pillow's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Nearest,
    Box,
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

impl Filter {
    /// By Pillow's numbers, which configurations have.
    pub(super) fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Nearest,
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            4 => Self::Box,
            5 => Self::Hamming,
            _ => return None,
        })
    }

    /// How far it reaches, in pixels of the smaller image.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
        let distance = x.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - distance).max(0.0),
            Self::Hamming if distance < 1.0 => sinc(x) * (0.54 + 0.46 * (std::f64::consts::PI * x).cos()),
            // Keys' cubic convolution with a = -1/2.
            Self::Bicubic if distance < 1.0 => (1.5 * distance - 2.5) * distance * distance + 1.0,
            Self::Bicubic if distance < 2.0 => ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0,
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Hamming | Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

/// What a pixel of the new line is made of: pixels of the old one from `first` on, and their weights.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

/// The image in another size.
pub(super) fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> Option<RgbImage> {
    let (old_width, old_height) = (image.width() as usize, image.height() as usize);
    let (new_width, new_height) = (width as usize, height as usize);
    if old_width == 0 || old_height == 0 {
        return None;
    }
    let levels = image.as_raw();
    let levels = match filter {
        Filter::Nearest => {
            let (rows, columns) = (nearest(old_height, new_height), nearest(old_width, new_width));
            let pixel = |row: usize, column: usize| (row * old_width + column) * CHANNELS;
            let pixels = rows.iter().flat_map(|&row| columns.iter().map(move |&column| pixel(row, column)));
            pixels.flat_map(|at| levels[at..at + CHANNELS].iter().copied()).collect()
        }
        _ => {
            let narrow = across(levels, old_width, &taps(old_width, new_width, filter));
            down(&narrow, new_width * CHANNELS, &taps(old_height, new_height, filter))
        }
    };
    RgbImage::from_raw(width, height, levels)
}

/// The pixel of the old line that each of the new one lies in.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within a line"
)]
fn nearest(old: usize, new: usize) -> Vec<usize> {
    let scale = old as f64 / new as f64;
    (0..new).map(|place| (((place as f64 + 0.5) * scale) as usize).min(old - 1)).collect()
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within a line"
)]
fn taps(old: usize, new: usize, filter: Filter) -> Vec<Taps> {
    let scale = old as f64 / new as f64;
    // A smaller image is a mean of what its pixels cover; a larger one interpolates.
    let stretch = scale.max(1.0);
    let reach = filter.support() * stretch;
    let taps = |place: usize| {
        let center = (place as f64 + 0.5) * scale;
        let first = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(old);
        let weights: Vec<f64> =
            (first..end).map(|x| filter.weight((x as f64 - center + 0.5) * (1.0 / stretch))).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| {
            let weight = if sum == 0.0 { *weight } else { weight / sum } * f64::from(1 << PRECISION);
            // Half away from zero, by cutting.
            (weight + if weight < 0.0 { -0.5 } else { 0.5 }) as i32
        };
        Taps { first, weights: weights.iter().map(fixed).collect() }
    };
    (0..new).map(taps).collect()
}

/// A sum of weighted levels as a level.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Half of a level, so that sums are rounded.
const HALF: i32 = 1 << (PRECISION - 1);

fn across(levels: &[u8], width: usize, taps: &[Taps]) -> Vec<u8> {
    let mut out = Vec::with_capacity(levels.len() / width.max(1) * taps.len());
    for row in levels.chunks_exact(width * CHANNELS) {
        for Taps { first, weights } in taps {
            let mut sums = [HALF; CHANNELS];
            for (pixel, weight) in row[first * CHANNELS..].chunks_exact(CHANNELS).zip(weights) {
                for (sum, &level) in sums.iter_mut().zip(pixel) {
                    *sum = sum.wrapping_add(i32::from(level).wrapping_mul(*weight));
                }
            }
            out.extend(sums.map(level));
        }
    }
    out
}

fn down(levels: &[u8], row: usize, taps: &[Taps]) -> Vec<u8> {
    let mut out = Vec::with_capacity(row * taps.len());
    let mut sums = vec![HALF; row];
    for Taps { first, weights } in taps {
        sums.fill(HALF);
        for (line, weight) in levels[first * row..].chunks_exact(row).zip(weights) {
            for (sum, &level) in sums.iter_mut().zip(line) {
                *sum = sum.wrapping_add(i32::from(level).wrapping_mul(*weight));
            }
        }
        out.extend(sums.iter().map(|&sum| level(sum)));
    }
    out
}
