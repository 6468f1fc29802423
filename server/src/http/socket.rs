//! A connection whose client has to take what it is sent: one that asks and does not read would
//! otherwise hold its answer, and the state that the answer is made from, for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A connection with a time in which the client has to take what waits to be sent.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    send_timeout: Duration,
    /// Runs while the client takes nothing.
    timer: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl Socket {
    /// A connection that is open.
    pub(super) fn new(stream: TcpStream, send_timeout: Duration) -> Self {
        Self {
            stream,
            send_timeout,
            timer: Box::pin(sleep(send_timeout)),
            is_waiting: false,
        }
    }

    /// What came of sending, or that it took too long.
    fn within<T>(
        &mut self,
        context: &mut Context<'_>,
        sent: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if sent.is_ready() {
            self.is_waiting = false;
            return sent;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            let end = Instant::now() + self.send_timeout;
            self.timer.as_mut().reset(end);
        }
        ready!(self.timer.as_mut().poll(context));
        let late = io::Error::new(io::ErrorKind::TimedOut, "the client does not read");
        Poll::Ready(Err(late))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.within(context, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(context);
        self.within(context, sent)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within(context, sent)
    }
}
