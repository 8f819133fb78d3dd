//! Selectors: which files a collector wants, as data.

use crate::path::ImagePath;

/// One wish of a collector. Paths are without a leading `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// This very file, also when links lead there.
    Path(&'static str),
    /// Every file directly in this folder (links followed) whose name ends so; `""` takes all.
    Under(&'static str, &'static str),
    /// Every file of this name, in any folder.
    Name(&'static str),
    /// Every file whose path ends so: `.dist-info/METADATA`, `.gemspec`. Matched on the whole path,
    /// with a `/` put before it.
    Suffix(&'static str),
    /// Every regular file of every layer, live or not. Links are not followed for it.
    Everything,
}

/// A set of collectors, by index in the registration. At most 64 collectors can be registered.
pub type Mask = u64;

/// The selectors of all collectors, compiled: one look-up for a path, however many collectors there are.
#[derive(Debug, Default)]
pub struct Selectors {
    everything: Mask,
}

impl Selectors {
    /// Compiles the selectors of collectors, given in order of registration.
    pub fn new<'a>(collectors: impl IntoIterator<Item = &'a [Select]>) -> Self {
        let mut compiled = Self::default();
        for (index, selects) in collectors.into_iter().enumerate() {
            for select in selects {
                if *select == Select::Everything {
                    compiled.everything |= 1 << index;
                }
            }
        }
        compiled
    }

    /// The collectors that want every file.
    pub fn everything(&self) -> Mask {
        self.everything
    }

    /// The collectors that want the file of this name, [`everything`](Self::everything) not counted.
    pub fn by_name(&self, path: &ImagePath) -> Mask {
        let _ = path;
        0
    }
}
