//! Packed weights that processes share: the same bits as without, and never those of a damaged or foreign file.

// Helpers of tests are tests, too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod copied_model;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use copied_model::CopiedModel;
use riverrun_inference::backend::{Backend, Output, PackedBatch, Rows, Tokens};
use riverrun_inference::encoder::{Arithmetic, Encoder, EncoderConfig, Precision};
use riverrun_inference::kernels::{Cpu, CpuLevel};
use riverrun_runner::Compute;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

fn arithmetics() -> impl Iterator<Item = Arithmetic> {
    let cpus = CpuLevel::ALL.into_iter().filter_map(Cpu::new);
    cpus.flat_map(|cpu| Precision::ALL.map(|precision| Arithmetic { cpu, precision }))
}

fn highest(precision: Precision) -> Arithmetic {
    Arithmetic { cpu: Cpu::highest(), precision }
}

fn config(directory: &Path) -> EncoderConfig {
    EncoderConfig::read(directory).unwrap()
}

/// What the model gives, in bits.
fn bits(encoder: &Encoder) -> Vec<u32> {
    let ids: Vec<u32> = (1..8).map(|id| id % encoder.vocabulary() as u32).collect();
    let text = Tokens { type_ids: vec![0; ids.len()], ids };
    let batch = PackedBatch::new([&text, &text]);
    let of = |output| encoder.compute(&batch, output, &Compute::single()).unwrap();
    let outputs = [Output::TextLogits, Output::TokenLogits(Rows::EveryToken), Output::Hidden(Rows::EveryToken)];
    let outputs = outputs.into_iter().filter(|&output| encoder.width(output).is_some());
    outputs.flat_map(of).map(f32::to_bits).collect()
}

/// As a process loads it that finds nothing loaded.
fn shared(directory: &Path, arithmetic: Arithmetic) -> Vec<u32> {
    bits(&Encoder::load_shared(directory, config(directory), arithmetic).unwrap_or_else(|error| panic!("{error}")))
}

fn own(directory: &Path, arithmetic: Arithmetic) -> Vec<u32> {
    bits(&Encoder::load(directory, config(directory), arithmetic).unwrap())
}

fn packed(model: &CopiedModel) -> Vec<PathBuf> {
    let entries = fs::read_dir(model.path().join(".packed")).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn architectures() -> Vec<PathBuf> {
    let fixtures: Vec<PathBuf> =
        fs::read_dir(Path::new(FIXTURES).join("architectures")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(fixtures.len() >= 40);
    fixtures
}

#[test]
fn every_architecture_gives_the_same_bits_from_weights_that_are_shared() {
    for fixture in architectures() {
        let model = CopiedModel::of(&fixture);
        for precision in Precision::ALL {
            let expected = own(&fixture, highest(precision));
            let name = format!("{} {precision}", fixture.file_name().unwrap().display());
            assert_eq!(shared(model.path(), highest(precision)), expected, "{name}: packed");
            assert_eq!(shared(model.path(), highest(precision)), expected, "{name}: packed before");
        }
    }
}

#[test]
fn every_kind_of_cpu_and_precision_has_a_file_of_its_own() {
    let model = CopiedModel::new("distilbert");
    let before = packed(&model).len();
    let mut names = std::collections::BTreeSet::new();
    for arithmetic in arithmetics() {
        let expected = own(model.path(), arithmetic);
        for _ in 0..2 {
            assert_eq!(shared(model.path(), arithmetic), expected, "{arithmetic:?}");
        }
        names.extend(packed(&model));
    }
    let cpus = CpuLevel::ALL.into_iter().filter_map(Cpu::new);
    // Half-length floats are computed in full length by a CPU that has none.
    let kinds: usize = cpus.map(|cpu| if cpu.level() < CpuLevel::Avx512Bf16 { 3 } else { 4 }).sum();
    assert_eq!((before, names.len()), (0, kinds));
}

#[cfg(target_os = "linux")]
#[test]
fn weights_and_embeddings_of_the_store_are_the_files_own_pages() {
    let model = CopiedModel::new("distilbert");
    let mapped = || fs::read_to_string("/proc/self/maps").unwrap().matches(&*model.path().to_string_lossy()).count();

    let encoder = Encoder::load_shared(model.path(), config(model.path()), highest(Precision::Int8)).unwrap();
    assert_eq!(mapped(), 2, "the packed weights and the words' embeddings");
    drop(encoder);
    assert_eq!(mapped(), 0);
}

#[test]
fn a_damaged_file_is_not_used_and_made_again() {
    let model = CopiedModel::new("distilbert");
    let arithmetic = highest(Precision::Int8);
    let expected = shared(model.path(), arithmetic);
    let [path] = &packed(&model)[..] else { panic!("one file") };
    let whole = fs::read(path).unwrap();
    let flipped = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        bytes
    };
    let ends = [0, 1, 7, 8, 64, whole.len() / 2, whole.len() - 9, whole.len() - 1];
    let changed = [0, 65, whole.len() / 2, whole.len() - 60, whole.len() - 8, whole.len() - 1].map(flipped);
    let longer = [whole.clone(), vec![0; 4096]].concat();
    let length = u64::MAX.to_le_bytes();
    let boundless = [&whole[..whole.len() - 8], &length].concat();
    let damaged = ends.map(|end| whole[..end].to_vec()).into_iter().chain(changed).chain([longer, boundless]);
    for (index, bytes) in damaged.enumerate() {
        // Another file, since this one may still be mapped.
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();

        assert_eq!(shared(model.path(), arithmetic), expected, "damage {index}");
        assert!(fs::read(path).unwrap() == whole, "damage {index} is mended");
    }
}

#[test]
fn the_file_of_another_cpu_precision_or_model_is_not_used() {
    let model = CopiedModel::new("distilbert");
    let (here, elsewhere) = (highest(Precision::Int8), Cpu::new(CpuLevel::Portable).unwrap());
    let elsewhere = Arithmetic { cpu: elsewhere, precision: Precision::Int8 };
    let other = CopiedModel::new("bert-bf16");
    let arithmetics = [here, elsewhere, highest(Precision::Int8Faithful), highest(Precision::F32)];
    for arithmetic in arithmetics {
        shared(model.path(), arithmetic);
    }
    shared(other.path(), here);
    let expected = own(model.path(), here);
    let own_file = model.path().join(".packed").join(format!("int8-{}", here.cpu.level().name()));
    let foreign = packed(&model).into_iter().chain(packed(&other)).filter(|path| *path != own_file);
    for path in foreign.collect::<Vec<_>>() {
        fs::remove_file(&own_file).unwrap();
        fs::copy(&path, &own_file).unwrap();
        assert_eq!(shared(model.path(), here), expected, "{}", path.display());
    }

    // The same model with other weights, as nobody should change it.
    let mut weights = model.read("model.safetensors");
    let middle = weights.len() / 2;
    weights[middle - 64..middle + 64].fill(0);
    model.write("model.safetensors", weights);
    let file = fs::File::options().write(true).open(model.path().join("model.safetensors")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
    assert_eq!(shared(model.path(), here), own(model.path(), here));
}

#[test]
fn a_model_whose_directory_takes_no_file_is_loaded_all_the_same() {
    let model = CopiedModel::new("distilbert");
    model.write(".packed", "a file where the folder would be");
    assert_eq!(shared(model.path(), highest(Precision::F32)), own(model.path(), highest(Precision::F32)));
    assert_eq!(model.read(".packed"), b"a file where the folder would be");
}

#[test]
fn what_a_killed_process_left_behind_is_removed_and_what_another_writes_is_not() {
    let model = CopiedModel::new("distilbert");
    fs::create_dir(model.path().join(".packed")).unwrap();
    model.write(".packed/.partial-old", "half");
    model.write(".packed/.partial-new", "half");
    let old = fs::File::options().write(true).open(model.path().join(".packed/.partial-old")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();

    shared(model.path(), highest(Precision::F32));

    let names: Vec<String> =
        packed(&model).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, [".partial-new".to_owned(), format!("f32-{}", Cpu::highest().level().name())]);
}
