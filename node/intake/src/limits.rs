//! How much one input may ask of the machine. Every limit is a parameter; what is over it is refused with its place.

/// The limits of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest JSON input, in bytes; it is held in memory. 256 MiB by default.
    pub json_bytes_max: u64,
    /// Largest input of any other kind, in bytes; it is never held whole. 32 GiB by default.
    pub file_bytes_max: u64,
    /// Deepest nesting of JSON objects and arrays, and of DICOM sequences. 64 by default; never more than
    /// [`Limits::DEPTH_CEILING`].
    pub depth_max: usize,
    /// Most values (objects, arrays, texts, numbers …) in one JSON input. 4,000,000 by default: about 90 bytes of memory each.
    pub values_max: usize,
    /// Most resources in one Bundle or NDJSON file. 100,000 by default.
    pub entries_max: usize,
    /// Most resources that are copied beside one clinical item, because it refers to them. 128 by default.
    pub context_max: usize,
    /// All items of an input together are at most this many times its size, and 1 MiB more. 64 by default.
    pub growth_max: u64,
    /// Most elements and items that are stepped over in one DICOM file. 4,000,000 by default.
    pub elements_max: usize,
}

impl Limits {
    /// Deeper than this nothing is read, whatever `depth_max` says: the reader's stack is finite.
    pub const DEPTH_CEILING: usize = 120;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            json_bytes_max: 256 << 20,
            file_bytes_max: 32 << 30,
            depth_max: 64,
            values_max: 4_000_000,
            entries_max: 100_000,
            context_max: 128,
            growth_max: 64,
            elements_max: 4_000_000,
        }
    }
}
