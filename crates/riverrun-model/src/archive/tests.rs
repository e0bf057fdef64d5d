use proptest::prelude::*;
use tar::EntryType;

use super::testing::*;
use crate::store::testing::{a_model, import};
use crate::{ArchiveLimits, Error, ExportOptions, ImportOptions, ModelStore};

#[test]
fn a_model_survives_being_exported_and_imported() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let options = ImportOptions::new("bert").version("1").label("stage", "dev").metadata("accuracy", 0.5);
    let original = store.import(a_model().path(), options).unwrap().model;
    let target = tempfile::tempdir().unwrap();
    let exported = store.export(&"bert".parse().unwrap(), target.path(), ExportOptions::new()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let other = ModelStore::at(other.path()).unwrap();

    let imported = other.import(&exported.path, ImportOptions::default()).unwrap();

    assert_eq!(imported.model.metadata(), original.metadata());
    assert_eq!(imported.model.tag().to_string(), "bert:1");
    assert!(imported.warnings.is_empty());
    imported.model.verify().unwrap();
    assert_eq!(exported.path, target.path().join("bert-1.tar.zst"));
    let names: Vec<_> = std::fs::read_dir(target.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["bert-1.tar.zst"], "nothing but the archive is left behind");
}

#[test]
fn the_same_model_gives_the_same_bytes_in_any_store() {
    let archive = an_archive();
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    store.import_archive(archive.as_slice(), "bert.tar.zst", ImportOptions::default()).unwrap();

    let mut again = Vec::new();
    let exported = store.export_to(&"bert".parse().unwrap(), &mut again, ExportOptions::new()).unwrap();

    assert!(again == archive);
    assert_eq!(exported.size, archive.len() as u64);
}

#[test]
fn an_import_can_give_another_tag_and_more_labels() {
    let options = ImportOptions::new("Other").version("2").label("from", "archive");

    let model = try_import_with(&an_archive(), options).unwrap();

    assert_eq!(model.tag().to_string(), "other:2");
    assert_eq!(model.metadata().labels["from"], "archive");
}

#[test]
fn an_export_overwrites_nothing_unless_told_to() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let model = import(&store, a_model().path(), "bert:1");
    let target = home.path().join("bert.tar.zst");
    std::fs::write(&target, "mine").unwrap();
    let tag = model.tag().into();

    let refused = store.export(&tag, &target, ExportOptions::new()).unwrap_err();
    let untouched = std::fs::read(&target).unwrap();
    store.export(&tag, &target, ExportOptions::new().overwrite()).unwrap();

    assert!(matches!(refused, Error::FileExists { .. }), "{refused}");
    assert_eq!(untouched, b"mine");
    assert!(std::fs::read(&target).unwrap() == an_archive_of(&store));
}

fn an_archive_of(store: &ModelStore) -> Vec<u8> {
    let mut archive = Vec::new();
    store.export_to(&"bert".parse().unwrap(), &mut archive, ExportOptions::new()).unwrap();
    archive
}

#[test]
fn a_file_that_was_changed_after_its_import_is_not_exported() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let model = import(&store, a_model().path(), "bert:1");
    let target = tempfile::tempdir().unwrap();
    for content in ["[]", "", "{} and more"] {
        std::fs::write(model.path().join("tokenizer.json"), content).unwrap();

        let error = store.export(&model.tag().into(), target.path(), ExportOptions::new()).unwrap_err();

        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
        assert!(std::fs::read_dir(target.path()).unwrap().next().is_none());
    }
}

#[test]
fn an_archive_that_was_packed_anew_by_tar_is_read() {
    let mut repacked = vec![Member::other(EntryType::Directory, "./", None)];
    repacked.extend(members().into_iter().map(|member| Member { path: format!("./{}", member.path), ..member }));

    let model = try_import(&compress(&tar_of(&repacked))).unwrap();

    assert_eq!(model.tag().to_string(), "bert:1");
}

#[test]
fn paths_too_long_for_a_header_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    let source = a_model();
    let name = format!("{}.json", "x".repeat(180));
    std::fs::write(source.path().join(&name), "{}").unwrap();
    import(&store, source.path(), "bert:1");

    let model = try_import(&an_archive_of(&store)).unwrap();

    assert!(model.file(&name).is_ok());
}

#[test]
fn every_hostile_archive_is_refused_whole_with_the_reason() {
    let with = |member: Member| {
        let mut members = members();
        members.push(member);
        members
    };
    let listed = |path: &str| edited("path = \"config.json\"", &format!("path = {path:?}"));
    let mut first = members();
    first.rotate_left(1);
    let mut short = members();
    short.pop();
    let mut longer = members();
    longer[1].content.push(b' ');
    let mut changed = members();
    changed[1].content[0] ^= 1;
    let mut twice = members();
    twice.push(twice[1].clone());
    let digest = members()[0].content.clone();
    let cases: Vec<(&str, Vec<Member>, &str)> = vec![
        ("an absolute path", with(Member::file("/tmp/evil", "x")), "is absolute"),
        ("a parent", with(Member::file("../evil", "x")), "leaves the model"),
        ("a parent inside", with(Member::file("a/../../evil", "x")), "leaves the model"),
        ("a backslash", with(Member::file("..\\evil", "x")), "contains"),
        ("a directory elsewhere", with(Member::other(EntryType::Directory, "../evil/", None)), "leaves the model"),
        ("a symbolic link", with(Member::other(EntryType::Symlink, "a", Some("/etc/passwd"))), "a symbolic link"),
        ("a hard link", with(Member::other(EntryType::Link, "a", Some("config.json"))), "a hard link"),
        ("a device", with(Member::other(EntryType::Char, "a", None)), "a device"),
        ("a block device", with(Member::other(EntryType::Block, "a", None)), "a device"),
        ("a pipe", with(Member::other(EntryType::Fifo, "a", None)), "a pipe"),
        ("a sparse file", with(Member::other(EntryType::GNUSparse, "a", None)), "a sparse file"),
        ("a global record", with(Member::other(EntryType::XGlobalHeader, "a", None)), "an unknown kind"),
        ("a file that is not listed", with(Member::file("evil.json", "x")), "not in its model.toml"),
        ("a second model.toml", with(Member::file("model.toml", digest)), "is in it twice"),
        ("a file twice", twice, "is in it twice"),
        ("no model.toml first", first, "its first file is `config.json`"),
        ("a file too few", short, "it ends without `tokenizer.json`"),
        ("another size", longer, "and its model.toml says"),
        ("another content", changed, "the SHA-256 of `config.json`"),
        ("a listed path elsewhere", listed("../config.json"), "leaves the model"),
        ("a listed absolute path", listed("/config.json"), "is absolute"),
        ("a twin in another case", listed("TOKENIZER.json"), "are the same file"),
        ("a twin of model.toml", listed("Model.TOML"), "are the same file"),
        ("a pickle", listed("pytorch_model.bin"), "Python pickle"),
        ("a tag that is none", edited("name = \"bert\"", "name = \"../x\""), "is not a tag"),
        ("a newer form", edited("schema = 1", "schema = 99"), "newer Riverrun"),
        ("a size that overflows", edited("size = 52", "size = 9223372036854775807"), "bytes together"),
    ];
    for (case, members, reason) in cases {
        let message = try_import(&compress(&tar_of(&members))).map(|model| model.tag().to_string()).unwrap_err();

        assert!(message.starts_with("the archive bert.tar.zst was refused"), "{case}: {message}");
        assert!(message.contains(reason), "{case}: {message}");
    }
}

#[test]
fn an_archive_that_is_cut_off_anywhere_is_refused() {
    let archive = an_archive();
    let tar = a_tar();

    for cut in (0..archive.len()).step_by(7) {
        try_import(&archive[..cut]).unwrap_err();
    }
    // What stands after the last entry is padding only.
    for cut in (0..tar.len() - 2048).step_by(211) {
        try_import(&compress(&tar[..cut])).unwrap_err();
    }
}

#[test]
fn what_stands_after_the_end_is_refused() {
    let tar = a_tar();
    let inside = compress(&[tar.as_slice(), b"more"].concat());
    let after = [an_archive(), b"more".to_vec()].concat();
    let second = [an_archive(), compress(b"")].concat();
    let padded = compress(&[tar.as_slice(), &[0; 20_480]].concat());

    assert!(try_import(&inside).unwrap_err().contains("after its end"));
    assert!(try_import(&after).unwrap_err().contains("after its compressed data"));
    assert!(try_import(&second).unwrap_err().contains("after its compressed data"));
    try_import(&padded).unwrap();
}

#[test]
fn a_bomb_is_stopped_before_it_is_written() {
    let limits = ArchiveLimits::default().bytes(1 << 20);
    let options = || ImportOptions::default().limits(limits.clone());
    // 40 MB of zeros in a few kilobytes: as padding, as a path, as metadata, and as a file that is listed.
    let zeros = vec![0; 40 << 20];
    let padding = compress(&[a_tar().as_slice(), &zeros].concat());
    let path = compress(&tar_of(&[Member { kind: EntryType::GNULongName, ..Member::file("x", zeros.clone()) }]));
    let metadata = compress(&tar_of(&[Member::file("model.toml", zeros.clone())]));
    let mut listed = edited("size = 52", &format!("size = {}", zeros.len()));
    listed[1].content = zeros;
    let listed = compress(&tar_of(&listed));

    for (bomb, reason) in [
        (&padding, "something stands after its end"),
        (&path, "a path in it takes 41943040 bytes"),
        (&metadata, "has 41943040 bytes"),
        (&listed, "and the most is 1048576"),
    ] {
        assert!(bomb.len() < 20_000);
        let message = try_import_with(bomb, options()).map(drop).unwrap_err();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_frame_that_asks_for_much_memory_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    std::io::Write::write_all(&mut encoder, &a_tar()).unwrap();

    let message = try_import(&encoder.finish().unwrap()).map(drop).unwrap_err();

    assert!(message.contains("was refused"), "{message}");
}

#[test]
fn more_entries_than_allowed_are_refused() {
    let mut many: Vec<Member> = members();
    many.extend((0..40).map(|number| Member::other(EntryType::Directory, &format!("d{number}/"), None)));
    let archive = compress(&tar_of(&many));
    let options = |entries| ImportOptions::default().limits(ArchiveLimits::default().entries(entries));

    let few = try_import_with(&archive, options(10)).map(drop).unwrap_err();
    let fewer = try_import_with(&archive, options(2)).map(drop).unwrap_err();

    assert!(few.contains("more than 10 entries"), "{few}");
    assert!(fewer.contains("lists 3 files, and the most is 2"), "{fewer}");
    try_import_with(&archive, options(100)).unwrap();
}

#[test]
fn an_archive_over_a_tag_that_is_taken_says_whether_it_is_the_same() {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    import(&store, a_model().path(), "bert:1");

    let error = store.import_archive(an_archive().as_slice(), "a", ImportOptions::default()).unwrap_err();

    assert!(matches!(error, Error::AlreadyExists { identical: true, .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn mutated_archives_are_read_or_refused_and_write_nothing_elsewhere(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut archive = an_archive();
        for (place, byte) in changes {
            let place = place.index(archive.len());
            archive[place] = byte;
        }

        if let Ok(model) = try_import(&archive) {
            prop_assert_eq!(model.tag().to_string(), "bert:1");
        }
    }

    #[test]
    fn mutated_headers_and_metadata_are_read_or_refused_and_write_nothing_elsewhere(
        changes in prop::collection::vec((0_usize..4, any::<prop::sample::Index>(), any::<u8>()), 1..5),
        fix_checksums in any::<bool>(),
    ) {
        let mut tar = a_tar();
        let headers = headers(&tar);
        for (header, place, byte) in changes {
            // Three quarters hit a header, the rest the metadata.
            let start = headers[header % headers.len()];
            let place = if header == 3 { 512 + place.index(1024) } else { start + place.index(512) };
            tar[place] = byte;
        }
        if fix_checksums {
            for start in headers {
                set_checksum(&mut tar[start..start + 512]);
            }
        }

        // What it was found to be is what it says it is: that is looked at in there.
        let _ = try_import(&compress(&tar));
    }

    #[test]
    fn any_path_in_any_kind_of_entry_is_read_or_refused_and_writes_nothing_elsewhere(
        path in "[./\\\\a-bA:\u{e9}]{1,20}|(\\.\\./){1,3}[a-z]{1,5}",
        kind in prop::sample::select(b"0123457LKSxgDMVN\0".to_vec()),
        link in "[./a]{0,10}",
        place in 0_usize..5,
    ) {
        let mut members = members();
        let entry = Member { content: b"x".to_vec(), ..Member::other(EntryType::new(kind), &path, Some(&link)) };
        members.insert(place.min(members.len()), entry);

        let _ = try_import(&compress(&tar_of(&members)));
    }
}

/// Where the headers of a tar are.
fn headers(tar: &[u8]) -> Vec<usize> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries.map(|entry| usize::try_from(entry.unwrap().raw_header_position()).unwrap()).collect()
}

fn set_checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
