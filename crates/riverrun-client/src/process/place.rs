//! The directory where programs that share a process meet.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::options::ProcessOptions;
use crate::error::ClientError;

/// What the address of a Unix socket has room for, on the systems that have the least.
const MAX_SOCKET: usize = 103;

/// The directory of one process: its socket, its log, two locks, and the reason why it can't be started, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    directory: PathBuf,
}

impl Place {
    /// Makes the directory, or takes it as it is if nobody else may write in it.
    pub(crate) fn open(runner: &str, options: &ProcessOptions) -> Result<Self, ClientError> {
        let base = options.directory.clone().unwrap_or_else(default_directory);
        let directory = base.join(file_name(options));
        let place = Self { directory };
        let fail =
            |path: &Path, reason: String| ClientError::Socket { runner: runner.into(), path: path.to_owned(), reason };
        let socket = place.socket();
        match socket.to_str() {
            None => {
                return Err(fail(
                    &socket,
                    "its name is not UTF-8; give another directory with `ProcessOptions::directory`".to_owned(),
                ));
            }
            Some(text) if text.contains(":/") => {
                let reason = "`:/` stands between a socket and its route; give another directory with `ProcessOptions::directory`";
                return Err(fail(&socket, reason.to_owned()));
            }
            Some(text) if text.len() > MAX_SOCKET => {
                let reason = format!(
                    "its name has {} bytes, and that of a socket has {MAX_SOCKET} at most; give a shorter directory with \
                     `ProcessOptions::directory`",
                    text.len()
                );
                return Err(fail(&socket, reason));
            }
            Some(_) => {}
        }
        if let Some(parent) = base.parent() {
            std::fs::create_dir_all(parent).map_err(|error| fail(parent, error.to_string()))?;
        }
        // What is inside is private; around it, nobody may put something else in its place.
        for (directory, rights) in [(&base, 0o022), (&place.directory, 0o077)] {
            own(directory, rights).map_err(|reason| fail(directory, reason))?;
        }
        Ok(place)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Held by one program, exclusively: the one that starts the process, for as long as it looks after it.
    pub(super) fn supervisor(&self) -> io::Result<Option<File>> {
        let file = self.lock_file("supervisor")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Held by every program that uses the process, together.
    pub(super) fn users(&self) -> io::Result<File> {
        let file = self.lock_file("users")?;
        file.lock_shared()?;
        Ok(file)
    }

    fn lock_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(self.directory.join(name))
    }

    /// Why nothing can be expected of the process, if its supervisor knows.
    pub(crate) fn failure(&self) -> Option<String> {
        std::fs::read_to_string(self.directory.join("failure")).ok()
    }

    /// Written beside and renamed: whoever reads it reads all of it.
    pub(super) fn set_failure(&self, reason: &str) {
        let (file, staged) = (self.directory.join("failure"), self.directory.join("failure.new"));
        if let Err(error) = std::fs::write(&staged, reason).and_then(|()| std::fs::rename(&staged, &file)) {
            tracing::warn!(path = %file.display(), %error, "other programs are not told why the process fails");
        }
    }

    pub(super) fn clear_failure(&self) {
        // That there is none is what is wanted.
        let _ = std::fs::remove_file(self.directory.join("failure"));
    }

    /// Removes a socket that nobody listens on any more.
    pub(super) fn clear_socket(&self) {
        let _ = std::fs::remove_file(self.socket());
    }
}

/// In the home that is set, which several users may share; else in the session's; else in that for temporary files.
fn default_directory() -> PathBuf {
    let set = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = rustix::process::geteuid().as_raw();
    if let Some(home) = set("RIVERRUN_HOME") {
        return home.join(format!("run-{user}"));
    }
    if let Some(session) = set("XDG_RUNTIME_DIR") {
        return session.join("riverrun");
    }
    std::env::temp_dir().join(format!("riverrun-{user}"))
}

/// Short, since the path of a socket is; the beginning is for people.
fn file_name(options: &ProcessOptions) -> String {
    let readable = options.name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(20);
    let parts =
        std::iter::once(options.name.as_bytes()).chain(options.arguments.iter().map(|one| one.as_encoded_bytes()));
    format!("{}-{:016x}", readable.collect::<String>(), fnv(parts))
}

/// FNV-1a (Fowler, Noll and Vo), each part ended by a byte that is in none: the same in every program, which the standard
/// library's hash does not promise.
fn fnv<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.flat_map(|part| part.iter().copied().chain([0]));
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Makes a directory that nobody but this user may look into, or takes one that is there if none of the `rights` of others are
/// set: whoever could write there could answer in the process's name.
fn own(directory: &Path, rights: u32) -> Result<(), String> {
    const OTHER: &str = "give another with `ProcessOptions::directory`";
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(format!("{error}; {OTHER}")),
    }
    let found = std::fs::symlink_metadata(directory).map_err(|error| error.to_string())?;
    if !found.is_dir() {
        return Err(format!("it is no directory; remove it, or {OTHER}"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("it belongs to another user; {OTHER}"));
    }
    match found.mode() & rights {
        0 => Ok(()),
        _ => Err(format!("other users may use it; take their rights away with `chmod 700`, or {OTHER}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn options(directory: &Path) -> ProcessOptions {
        ProcessOptions::serve("labels:1").directory(directory)
    }

    #[test]
    fn a_directory_that_others_may_write_in_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Place::open("labels", &options(directory.path())).is_ok());
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();

        let error = Place::open("labels", &options(directory.path())).unwrap_err();

        assert!(error.to_string().contains("chmod 700"), "{error}");
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();

        let error = Place::open("labels", &options(&link)).unwrap_err();

        assert!(error.to_string().contains("no directory"), "{error}");
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_refused_before_anything_is_started() {
        let directory = tempfile::tempdir().unwrap();

        let error = Place::open("labels", &options(&directory.path().join("long".repeat(30)))).unwrap_err();

        assert!(error.to_string().contains("shorter directory"), "{error}");
    }

    #[test]
    fn what_differs_in_its_arguments_is_another_process() {
        let directory = tempfile::tempdir().unwrap();
        let place = |options| Place::open("labels", &options).unwrap().socket();

        assert_eq!(place(options(directory.path())), place(options(directory.path())));
        let one = place(options(directory.path()).arguments(["--parallelism", "2"]));
        assert_ne!(one, place(options(directory.path())));
        assert_ne!(one, place(options(directory.path()).arguments(["--parallelism2"])));
    }

    #[test]
    fn one_supervises_and_another_only_once_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::open("labels", &options(directory.path())).unwrap();
        let first = place.supervisor().unwrap();

        assert!(first.is_some() && place.supervisor().unwrap().is_none());
        drop(first);
        assert!(place.supervisor().unwrap().is_some());
    }
}
