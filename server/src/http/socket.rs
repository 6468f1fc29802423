//! A connection whose client has to take what it is sent: one that asks and does not read would
//! otherwise hold its answer, and the state that the answer is made from, for ever.

use std::io;
use std::mem;
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
    /// Whether something has come since the other connections last had their turn.
    has_read: bool,
}

impl Socket {
    /// A connection that is open.
    pub(super) fn new(stream: TcpStream, send_timeout: Duration) -> Self {
        Self {
            stream,
            send_timeout,
            timer: Box::pin(sleep(send_timeout)),
            is_waiting: false,
            has_read: false,
        }
    }

    /// Whether the other connections that have something to read have to go first, which is so
    /// before each answer. A client that waits is woken by the first answer, which takes the system
    /// longer than to send it; those that follow at once find it awake.
    fn gives_turn(&mut self, context: &Context<'_>) -> bool {
        let gives = mem::take(&mut self.has_read);
        if gives {
            context.waker().wake_by_ref();
        }
        gives
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
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.has_read |= buffer.filled().len() > before;
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gives_turn(context) {
            return Poll::Pending;
        }
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.within(context, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gives_turn(context) {
            return Poll::Pending;
        }
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
