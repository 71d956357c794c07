//! The RocksDB database under the store: how it is tuned, opened and recovered.
//!
//! # What happens after a crash
//!
//! A block is one batch, and it is acknowledged only after the batch is synced to the write-ahead log. So after a crash the log
//! holds every acknowledged batch, and perhaps parts of one that nobody was told of. A power cut can leave those parts in any
//! shape: cut off, with holes of zeros, with later pages but not earlier ones.
//!
//! The log is read back to the last batch before the first damage (`PointInTime`). The stricter mode (`AbsoluteConsistency`)
//! would refuse to open after an ordinary power cut. The mode that forgives only a cut-off tail would take a hole in the last,
//! unacknowledged batch for damage. What remains is a prefix of the batches, hence a block boundary. That nothing
//! acknowledged is missing from it is checked elsewhere: the sign guard keeps the highest height this node voted for in a file
//! of its own, and what is missing is fetched with its certificates. That the families agree with each other is checked by a
//! mark in each ([`keys::MARK`]), because a lost log file would leave those that were flushed ahead of those that were not.

use std::path::Path;

use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, LogLevel, Options};

use super::error::StoreError;
use super::{DATABASE, StoreOptions, keys};

const MIB: usize = 1024 * 1024;

/// Opens the database in the store's folder `path`, or makes it if `create` says so.
pub fn open(path: &Path, options: &StoreOptions, create: bool) -> Result<DB, StoreError> {
    let cache = Cache::new_lru_cache(options.block_cache_mib * MIB)
        .map_err(|error| StoreError::Failed { act: "make its cache", cause: error.to_string() })?;
    let families = keys::FAMILIES.map(|name| ColumnFamilyDescriptor::new(name, family_options(name, &cache)));
    DB::open_cf_descriptors(&database_options(create), path.join(DATABASE), families)
        .map_err(|error| StoreError::of_database(path, "open its database", &error))
}

fn database_options(create: bool) -> Options {
    let mut options = Options::default();
    options.create_if_missing(create);
    options.create_missing_column_families(create);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // A recycled log file holds old records after the new ones, which recovery could not tell from damage.
    options.set_recycle_log_file_num(0);
    options.set_paranoid_checks(true);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    // All write buffers together; the memory that a busy node needs for them.
    options.set_db_write_buffer_size(96 * MIB);
    options.set_max_total_wal_size(128 * MIB as u64);
    options.set_bytes_per_sync(MIB as u64);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(4 * MIB);
    // RocksDB writes its messages into a file beside the data. Debian builds it with assertions, and then the second message that
    // finds the disk full aborts the process: at the very moment when the store ought to say so and stop. What matters comes
    // back as an error anyway, and messages about damage hold keys.
    options.set_log_level(LogLevel::Fatal);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

fn family_options(name: &str, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    // Indexes and filters count against the cache, so memory stays bounded however long the ledger grows.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);
    table.set_block_size(if is_read_in_ranges(name) { 32 * 1024 } else { 8 * 1024 });
    if is_asked_for_absent_keys(name) {
        table.set_bloom_filter(10.0, false);
        table.set_whole_key_filtering(true);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_level_compaction_dynamic_level_bytes(true);
    if is_asked_for_absent_keys(name) {
        // The same for what is not flushed yet.
        options.set_memtable_prefix_bloom_ratio(0.05);
        options.set_memtable_whole_key_filtering(true);
    }
    options.set_level_zero_file_num_compaction_trigger(8);
    if is_written_at_random(name) {
        // Many small buffers that are written out together: finding a key's place in a small one costs half as much, and what a
        // later one replaces is not written out at all.
        options.set_write_buffer_size(2 * MIB);
        options.set_min_write_buffer_number_to_merge(6);
        options.set_max_write_buffer_number(16);
    } else {
        options.set_write_buffer_size(if is_large(name) { 16 * MIB } else { 2 * MIB });
    }
    options.set_target_file_size_base(32 * MIB as u64);
    options.set_max_bytes_for_level_base(128 * MIB as u64);
    options.set_paranoid_checks(true);
    options.set_compression_type(if is_random(name) { DBCompressionType::None } else { DBCompressionType::Lz4 });
    options
}

/// Families with several rows for every transaction, in no order.
fn is_written_at_random(name: &str) -> bool {
    matches!(name, keys::STATE | keys::TREE | keys::TRANSACTIONS | keys::JOURNAL)
}

/// The family of whole blocks, and the one through which every proposal passes.
fn is_large(name: &str) -> bool {
    matches!(name, keys::ENTRIES | keys::UNDECIDED)
}

/// Families that are read key after key, and never asked for a key that is not there.
fn is_read_in_ranges(name: &str) -> bool {
    matches!(name, keys::ENTRIES | keys::HEADERS | keys::CERTIFICATES)
}

/// Families that are asked for keys that are not there: a filter answers without reading.
fn is_asked_for_absent_keys(name: &str) -> bool {
    matches!(name, keys::STATE | keys::TRANSACTIONS)
}

/// Families of hashes and ids, which no compression makes smaller.
fn is_random(name: &str) -> bool {
    matches!(name, keys::TREE | keys::HISTORY | keys::TRANSACTIONS | keys::RECENT)
}
