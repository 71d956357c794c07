//! Measures a cluster of real nodes on this machine and prints one JSON object a line. `scripts/bench` builds and starts it.
//!
//! What is measured and how is said in `inro_tests::bench`. It refuses to name a figure that it did not measure in this run.

use std::process::ExitCode;

use inro_tests::bench::{self, Options};

/// As `inro` and `inro-node` have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    // The bare stream that transfers are compared with is given by a process of its own, which is this program again.
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(bench::GIVE_BARE) {
        bench::give_bare(arguments.next().and_then(|bytes| bytes.parse().ok()).unwrap_or_default()).await;
        return ExitCode::SUCCESS;
    }
    match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => bench::run(&options).await,
        Ok(None) => {
            println!("{}", bench::USAGE);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("inro-bench: {why}\n{}", bench::USAGE);
            ExitCode::from(2)
        }
    }
}
