//! The provider's flags in `meta.tag`. They are looked for everywhere in a record, contained resources included: a flag that is
//! overlooked shows a patient what the physician has not told yet, so the stricter reading wins.

use inro_contracts::record::ProviderFlags;

use crate::json::Node;

const SYSTEM: &str = "JP_ehrshrs_indication";

/// Every flag that any `meta` in this value carries.
pub(crate) fn of(node: &Node<'_>) -> ProviderFlags {
    let mut flags = 0;
    node.walk(&mut Vec::new(), &mut |node, _| {
        for tag in node.get("meta").into_iter().flat_map(|meta| meta.each("tag")) {
            flags |= of_tag(tag);
        }
    });
    ProviderFlags(flags)
}

/// The flags of this resource's own `meta`, not of what lies inside it.
pub(crate) fn of_meta(resource: &Node<'_>) -> ProviderFlags {
    ProviderFlags(resource.get("meta").into_iter().flat_map(|meta| meta.each("tag")).map(of_tag).fold(0, |all, flag| all | flag))
}

/// Both together.
pub(crate) fn union(one: ProviderFlags, other: ProviderFlags) -> ProviderFlags {
    ProviderFlags(one.0 | other.0)
}

/// Only the list's name is compared: published guides write its address with one slash and with two. A tag without any system
/// counts too; a tag of another system does not.
fn of_tag(tag: &Node<'_>) -> u8 {
    let versionless = |system: &'_ str| system.split('|').next().unwrap_or_default().ends_with(SYSTEM);
    if !tag.text("system").is_none_or(versionless) {
        return 0;
    }
    match tag.text("code").unwrap_or_default().trim() {
        code if code.eq_ignore_ascii_case("UNINFORMED") => ProviderFlags::UNINFORMED.0,
        code if code.eq_ignore_ascii_case("UNDELIVERED") => ProviderFlags::UNDELIVERED.0,
        _ => 0,
    }
}
