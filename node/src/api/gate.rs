//! What every request passes: the client's rate, the bound on requests answered at once, the time limit; and what is counted
//! and logged about it: a number, the method, the route's template, the status and the time. Never a path, which may hold a label.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::listen::Client;
use super::problem::Problem;
use super::{Api, WaitedLong};

/// After how many requests addresses that have gone quiet are forgotten.
const FORGET_EVERY: u64 = 8_192;
/// The header that names a request in the log. It counts up from the node's start and says nothing about the client.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The gate's state.
pub(super) struct Gate {
    rates: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
    places: Semaphore,
    time: Duration,
    requests: AtomicU64,
}

impl Gate {
    pub(super) fn new(requests_per_second: u32, concurrent_max: usize, request_ms_max: u64) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN));
        Self {
            rates: RateLimiter::hashmap(quota),
            clock: DefaultClock::default(),
            places: Semaphore::new(concurrent_max),
            time: Duration::from_millis(request_ms_max),
            requests: AtomicU64::new(0),
        }
    }

    /// Lets a request of this client pass, or says in how many milliseconds the next one will.
    fn admit(&self, client: IpAddr, number: u64) -> Result<(), u64> {
        if number.is_multiple_of(FORGET_EVERY) {
            self.rates.retain_recent();
        }
        self.rates.check_key(&whose(client)).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)
        })
    }
}

/// One client may have many IPv6 addresses; they share the first 64 bits.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// The middleware around every route.
pub(super) async fn pass(State(api): State<Api>, request: Request, next: Next) -> Response {
    let gate = &api.0.gate;
    let number = gate.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let start = Instant::now();
    let client = request.extensions().get::<ConnectInfo<Client>>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.0.ip());
    let route = request.extensions().get::<MatchedPath>().map_or("none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    // A document takes as long as it is long; that it keeps coming is looked at where it is read.
    let time = if route == super::INTAKE { Duration::MAX } else { gate.time };
    let mut response = answer(gate, client, number, time, request, next).await;

    let (status, took) = (response.status().as_u16(), start.elapsed());
    api.0.metrics.count_request(&route, status);
    if response.extensions().get::<WaitedLong>().is_none() {
        api.0.metrics.api_seconds.observe(took.as_secs_f64());
    }
    tracing::debug!(request = number, %method, route, status, ms = took.as_millis() as u64, "answered");
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from(number));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn answer(gate: &Gate, client: IpAddr, number: u64, time: Duration, request: Request, next: Next) -> Response {
    if let Err(retry_after_ms) = gate.admit(client, number) {
        return Problem::too_many_requests(retry_after_ms).into_response();
    }
    let Ok(_place) = gate.places.try_acquire() else { return Problem::busy().into_response() };
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::took_too_long().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_client_share_one_rate() {
        let same = |one: &str, two: &str| whose(one.parse().unwrap()) == whose(two.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
