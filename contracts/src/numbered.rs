//! Reasons that have a number in the bytes, a code in the documents and a sentence for people. Numbers are never reused.

/// Makes an enum of such reasons: on the ledger one byte, in JSON and for people its code.
macro_rules! numbered {
    ($(#[$meta:meta])* $type:ident: $($(#[$note:meta])* $name:ident = $number:literal, $code:literal, $text:literal;)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, borsh::BorshSerialize, borsh::BorshDeserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum $type {
            $($(#[$note])* #[doc = $text] $name = $number,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [$type] = &[$($type::$name),*];

            /// The code, as it stands in the documents and in errors.
            pub fn code(self) -> &'static str {
                match self { $($type::$name => $code,)* }
            }

            /// What it says, in a sentence.
            pub fn text(self) -> &'static str {
                match self { $($type::$name => $text,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}: {}", self.code(), self.text())
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = <String as serde::Deserialize>::deserialize(deserializer)?;
                let known = Self::ALL.iter().copied().find(|known| known.code() == code);
                known.ok_or_else(|| serde::de::Error::custom(format!("{code:?} is not the code of a {}", stringify!($type))))
            }
        }
    };
}

pub(crate) use numbered;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::access::Denial;
    use crate::rule::Rule;

    #[test]
    fn no_two_rules_and_no_two_denials_share_a_code_or_a_number() {
        let rules: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        let rule_numbers: BTreeSet<_> = Rule::ALL.iter().map(|rule| *rule as u8).collect();
        assert_eq!((rules.len(), rule_numbers.len()), (Rule::ALL.len(), Rule::ALL.len()));
        let denials: BTreeSet<_> = Denial::ALL.iter().map(|denial| denial.code()).collect();
        let denial_numbers: BTreeSet<_> = Denial::ALL.iter().map(|denial| *denial as u8).collect();
        assert_eq!((denials.len(), denial_numbers.len()), (Denial::ALL.len(), Denial::ALL.len()));
    }
}
