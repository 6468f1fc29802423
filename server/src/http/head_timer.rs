//! How long the head of a request may take. A timer of the runtime for every request would be made
//! and unmade under a lock, so a connection has one, which only makes it look at the time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

/// Looks within the time that a head may take.
const LOOKS: u32 = 4;

/// When a connection looks at the time: a head may take that much longer than allowed.
pub(super) fn looks(head_timeout: Duration) -> Interval {
    let period = (head_timeout / LOOKS).max(Duration::from_millis(1));
    let mut looks = interval_at(tokio::time::Instant::now() + period, period);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// The timer of connections whose tasks are woken by [`looks`].
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadTimer;

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until(deadline))
    }
}

/// Over when it is looked at after its time.
struct Until(Instant);

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Sleep for Until {}
