//! Opens image archives: plain or gzip-compressed tar files, and OCI layout directories.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::tar::{self, Source};

/// The files that name the images of an archive.
const NAMING_FILES: [&str; 2] = ["index.json", "manifest.json"];
/// Largest of them that is read.
const NAMING_FILE_MAX: u64 = 16 * 1024 * 1024;

impl Source for File {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let offset = i64::try_from(count).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.seek(SeekFrom::Current(offset)).map(drop)
    }
}

impl Source for GzDecoder<File> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut self.take(count), &mut io::sink()).map(drop)
    }
}

/// Reads the naming files of an archive or directory.
///
/// # Errors
/// As the file system's, and `InvalidData` for what is no archive.
pub(super) fn naming_files(path: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    if path.is_dir() {
        let mut found = Vec::new();
        for name in NAMING_FILES {
            match fs::read(path.join(name)) {
                Ok(content) => found.push((name.to_owned(), content)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        return Ok(found);
    }
    let mut file = File::open(path)?;
    if is_compressed(&mut file)? {
        tar::read_files(&mut GzDecoder::new(file), &NAMING_FILES, NAMING_FILE_MAX)
    } else {
        tar::read_files(&mut file, &NAMING_FILES, NAMING_FILE_MAX)
    }
}

/// Whether a file starts as gzip does; leaves it at its start.
fn is_compressed(file: &mut File) -> io::Result<bool> {
    let mut magic = [0; 2];
    let compressed = file.read(&mut magic)? == 2 && magic == [0x1f, 0x8b];
    file.seek(SeekFrom::Start(0))?;
    Ok(compressed)
}

/// Whether `ctr` can read the path itself: a file, not compressed.
///
/// # Errors
/// Of opening and reading it.
pub(super) fn is_plain_tar(path: &Path) -> io::Result<bool> {
    Ok(!path.is_dir() && !is_compressed(&mut File::open(path)?)?)
}

/// Writes an archive or directory as a plain tar archive.
///
/// # Errors
/// Of reading or of writing.
pub(super) fn stream(path: &Path, out: &mut impl Write) -> io::Result<()> {
    if path.is_dir() {
        stream_directory(path, out)
    } else {
        io::copy(&mut GzDecoder::new(File::open(path)?), out).map(drop)
    }
}

/// Writes an OCI layout directory as a tar archive.
///
/// # Errors
/// Of reading the directory or of writing.
fn stream_directory(dir: &Path, out: &mut impl Write) -> io::Result<()> {
    let mut paths = vec![PathBuf::from("oci-layout"), PathBuf::from("index.json")];
    for algorithm in fs::read_dir(dir.join("blobs"))? {
        let algorithm = algorithm?.file_name();
        for blob in fs::read_dir(dir.join("blobs").join(&algorithm))? {
            paths.push(Path::new("blobs").join(&algorithm).join(blob?.file_name()));
        }
    }
    for path in paths {
        let mut file = File::open(dir.join(&path))?;
        let size = file.metadata()?.len();
        out.write_all(&tar::header(&path.to_string_lossy(), 0o644, size))?;
        if io::copy(&mut (&mut file).take(size), out)? != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let padding = size.next_multiple_of(512) - size;
        io::copy(&mut io::repeat(0).take(padding), out)?;
    }
    out.write_all(&[0; 1024])?;
    out.flush()
}
