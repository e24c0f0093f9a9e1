//! Gives back the pages of the executable that only the start needed.
//!
//! The start of a cluster runs a bit of almost everything, and the kernel maps sixteen pages of the executable around each
//! one that is run: what is never run again stays with the process for as long as nobody else wants the memory, and is
//! most of what an idle cluster holds. Given back, a page that is needed after all is mapped again from the page cache,
//! or from the file.

use std::ffi::c_void;
use std::path::Path;
use std::{env, fs, io, ptr};

use rustix::mm::{Advice, madvise};

/// Where a mapping begins and how long it is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: usize,
    length: usize,
}

/// Gives back all pages of the executable that are as they are in the file.
///
/// # Errors
/// The system does not say what is mapped, or will not have it back: then everything stays as it is.
pub(crate) fn give_back() -> io::Result<()> {
    let mappings = fs::read_to_string("/proc/self/smaps")?;
    unwritten(&mappings, &env::current_exe()?).into_iter().try_for_each(drop_pages)
}

#[expect(unsafe_code, reason = "advice about memory is unsafe, for some of it changes what the memory holds")]
fn drop_pages(range: Range) -> io::Result<()> {
    let start = ptr::without_provenance_mut::<c_void>(range.start);
    // SAFETY: the pages are a private mapping of the running executable, which nobody can write to, neither in memory nor
    // in the file, and none of them has ever been written to: mapped again, they hold what they held.
    unsafe { madvise(start, range.length, Advice::LinuxDontNeed) }.map_err(Into::into)
}

/// The mappings of a file that cannot be written, and of which no page is a copy: relocated ones are.
fn unwritten(mappings: &str, file: &Path) -> Vec<Range> {
    let mut found = Vec::new();
    let mut last = None;
    for line in mappings.lines() {
        if let Some((range, is_wanted)) = header(line, file) {
            last = is_wanted.then_some(range);
        } else if line.strip_prefix("Anonymous:").is_some_and(|size| size.trim() == "0 kB") {
            found.extend(last.take());
        }
    }
    found
}

/// The line that a mapping begins with: where it is, and whether it is one of that file that cannot be written.
fn header(line: &str, file: &Path) -> Option<(Range, bool)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    // Permissions, offset, device and inode; the name may hold spaces.
    let mut fields = rest.splitn(5, ' ');
    let is_private = matches!(fields.next(), Some("r--p" | "r-xp"));
    let name = fields.nth(3).unwrap_or_default().trim_start();
    Some((Range { start, length: end.checked_sub(start)? }, is_private && Path::new(name) == file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_or_belongs_to_others_is_kept() {
        let mappings = "\
55d0c0000000-55d0c0200000 r--p 00000000 fe:00 77                         /usr/bin/a b
Rss:                1024 kB
Anonymous:             0 kB
55d0c0200000-55d0c0300000 r-xp 00200000 fe:00 77                         /usr/bin/a b
Anonymous:             0 kB
55d0c0300000-55d0c0400000 r--p 00300000 fe:00 77                         /usr/bin/a b
Anonymous:           512 kB
55d0c0400000-55d0c0500000 rw-p 00400000 fe:00 77                         /usr/bin/a b
Anonymous:             0 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 78                         /usr/lib/libc.so.6
Anonymous:             0 kB
7f0000100000-7f0000200000 rw-p 00000000 00:00 0
Anonymous:             0 kB
";
        let ranges = [
            Range { start: 0x55d0_c000_0000, length: 0x20_0000 },
            Range { start: 0x55d0_c020_0000, length: 0x10_0000 },
        ];
        assert_eq!(unwritten(mappings, Path::new("/usr/bin/a b")), ranges);
    }

    #[test]
    fn the_executable_goes_on_without_its_pages() {
        give_back().unwrap();
        assert_eq!((1..=10).map(|number| number.to_string()).collect::<String>(), "12345678910");
    }
}
