//! What can be changed in an image: a closed vocabulary. Fixers say it, a plan stores it, [`crate::rebuild`] carries it out.
//!
//! Nothing here holds a secret: bytes that must go are named by place and length, never by value.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::secret::masked_path;
use crate::tree::Node;

/// What happens to one image of one platform.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Edits(pub Vec<Edit>);

/// A tar member of the input: which layer, from the bottom, and which member of it in archive order, markers counted, as in
/// [`crate::tree::Node`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Index of the layer.
    pub layer: u32,
    /// Index of the member.
    pub member: u32,
    /// Its cleaned path, escaped as in reports: a check that plan and image belong together. Written without secrets.
    #[serde(serialize_with = "masked")]
    pub path: String,
}

impl Member {
    /// The same in the tree of its image.
    pub fn node(&self) -> Node {
        Node { layer: self.layer, member: self.member }
    }
}

/// A run of bytes: of a member's content, or of a string of a document after its JSON escapes are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Its first byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// A name may be a secret itself.
fn masked<S: Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&masked_path(name))
}

impl Span {
    /// The run itself; `None` where the bytes end before it does.
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let start = usize::try_from(self.offset).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(self.length).ok()?)?)
    }
}

/// A run of bytes of a file that a member holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inner {
    /// Which file, escaped as in reports; those that hold it stand before it, each with a `!` behind: `b.jar!c.yml`.
    /// Written without secrets.
    #[serde(serialize_with = "masked")]
    pub file: String,
    /// Its first byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// One change. Pointers are JSON pointers (RFC 6901) into the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// Leaves a member out of its layer. Hard links to it that stay get its content: the first becomes the file.
    DropMember {
        /// Which.
        member: Member,
        /// Where in it secrets stand, which must then be nowhere in the output.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<Span>,
        /// The same in files that the member holds, where it is an archive or the like.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inside: Vec<Inner>,
    },
    /// Puts `*` in place of bytes of a regular file; size and header stay.
    BlankBytes {
        /// Which file.
        member: Member,
        /// Which bytes; none of them may be anywhere in the output.
        spans: Vec<Span>,
    },
    /// Leaves a regular file with no bytes.
    Truncate {
        /// Which file.
        member: Member,
    },
    /// Writes `!` where `passwd` or `shadow` has an empty password.
    LockPassword {
        /// The file.
        member: Member,
        /// Whose.
        user: String,
    },
    /// Changes fields of a member's header; the content stays.
    SetHeader {
        /// Which.
        member: Member,
        /// The lower twelve bits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<u32>,
        /// Owner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<u32>,
        /// Group.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gid: Option<u32>,
    },
    /// Adds a regular file in a new layer on top; all added members share it, sorted by path.
    AddFile {
        /// Where, with links of folders followed; no slash in front. Written without secrets.
        #[serde(serialize_with = "masked")]
        path: String,
        /// The lower twelve bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Seconds since 1970.
        mtime: i64,
        /// What is in it.
        content: Content,
    },
    /// Adds a folder entry in the layer on top, such as one with other permissions.
    AddFolder {
        /// Where. Written without secrets.
        #[serde(serialize_with = "masked")]
        path: String,
        /// The lower twelve bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Seconds since 1970.
        mtime: i64,
    },
    /// Hides a name of lower layers by a whiteout in the layer on top. Its bytes still ship.
    Whiteout {
        /// The name that goes. Written without secrets.
        #[serde(serialize_with = "masked")]
        path: String,
    },
    /// Sets a value of the configuration, such as `/config/User`; missing objects on the way are made.
    SetConfig {
        /// Where. Written without secrets.
        #[serde(serialize_with = "masked")]
        pointer: String,
        /// The value.
        value: Value,
    },
    /// Takes a member of an object, or an element of a list, out of the configuration.
    RemoveConfig {
        /// Where. Written without secrets.
        #[serde(serialize_with = "masked")]
        pointer: String,
    },
    /// Takes all entries of this name out of `config.Env` (and the classic `container_config.Env`).
    RemoveEnv {
        /// The name before `=`. Written without secrets.
        #[serde(serialize_with = "masked")]
        name: String,
    },
    /// Writes `[REDACTED]` in place of parts of a string of the configuration, such as `/history/3/created_by`.
    RedactConfig {
        /// Where. Written without secrets.
        #[serde(serialize_with = "masked")]
        pointer: String,
        /// Which bytes; none of them may be anywhere in the output.
        spans: Vec<Span>,
    },
    /// Sets an annotation of the manifest.
    SetAnnotation {
        /// Its key. Written without secrets.
        #[serde(serialize_with = "masked")]
        key: String,
        /// Its value.
        value: String,
    },
    /// Writes `[REDACTED]` in place of parts of an annotation's value, wherever it stands: in the manifest, its descriptors
    /// and the indexes above it.
    RedactAnnotation {
        /// Its key. Written without secrets.
        #[serde(serialize_with = "masked")]
        key: String,
        /// Which bytes of the value; none of them may be anywhere in the output.
        spans: Vec<Span>,
    },
    /// Takes an annotation out of the manifest, its descriptors and the indexes above it.
    RemoveAnnotation {
        /// Its key. Written without secrets.
        #[serde(serialize_with = "masked")]
        key: String,
        /// Where in its value secrets stand, which must then be nowhere in the output.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<Span>,
    },
}

/// What an added file holds; whatever comes from the image is read while it is rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Content {
    /// This text.
    Text {
        /// The text.
        text: String,
    },
    /// A file of the image as it is in its layer afterwards.
    File {
        /// Which.
        member: Member,
    },
    /// A file of the image with lines at its end; a last line without line feed gets one.
    Appended {
        /// Which.
        member: Member,
        /// Without line feeds.
        lines: Vec<String>,
    },
    /// Both in one, where several things are to be done to a file such as `shadow`.
    Accounts {
        /// Which.
        member: Member,
        /// Users with `!` in place of an empty password.
        lock: Vec<String>,
        /// Lines at its end, as of [`Content::Appended`].
        append: Vec<String>,
    },
    /// `passwd` or `shadow` of the image with `!` where this user's password is empty.
    Locked {
        /// The file.
        member: Member,
        /// Whose.
        user: String,
    },
}

impl Edit {
    /// The file of the image that the layer on top gets a copy of.
    pub fn copied(&self) -> Option<&Member> {
        match self {
            Self::AddFile { content, .. } => content.member(),
            _ => None,
        }
    }

    /// The member of the input that it changes in its own layer, if it does.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Self::DropMember { member, .. }
            | Self::BlankBytes { member, .. }
            | Self::Truncate { member }
            | Self::LockPassword { member, .. }
            | Self::SetHeader { member, .. } => Some(member),
            _ => None,
        }
    }

    /// Whether it puts something into a layer on top of all others.
    pub fn is_on_top(&self) -> bool {
        matches!(self, Self::AddFile { .. } | Self::AddFolder { .. } | Self::Whiteout { .. })
    }
}

impl Content {
    /// The member of the input that it is read from, if it is.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Self::Text { .. } => None,
            Self::File { member }
            | Self::Appended { member, .. }
            | Self::Accounts { member, .. }
            | Self::Locked { member, .. } => Some(member),
        }
    }
}
