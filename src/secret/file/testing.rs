//! What tests of the readers share.

use super::setting::Setting;

/// Settings as `path/key=value`.
pub(super) fn shown(text: &str, read: impl Fn(&[u8], &mut dyn FnMut(&Setting<'_>))) -> Vec<String> {
    let mut settings = Vec::new();
    read(text.as_bytes(), &mut |setting| {
        assert_eq!(text.as_bytes().get(setting.span.clone()), Some(setting.value), "the span is of the value");
        let path: Vec<_> = setting.path.iter().map(|key| String::from_utf8_lossy(key)).collect();
        settings.push(format!("{}={}", path.join("/"), String::from_utf8_lossy(setting.value)));
    });
    settings
}
