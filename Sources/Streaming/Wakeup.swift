internal import CRdKafka
internal import Glibc

/// What a thread waits on that polls several clients: the wait ends as soon as one of them has something, or somebody
/// rings.
///
/// Backed by an eventfd (eventfd(2)): a ring that comes before the wait ends it too. One thread waits, and after each
/// wait polls every client that it watches.
@safe public final class Wakeup: Sendable {
    private let descriptor: Int32

    /// - Throws: `StreamingError.noResources` where the process has no file descriptor left.
    public init() throws(StreamingError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw .noResources(reason: unsafe "eventfd: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Ends the wait, or the next one. Any thread may.
    public func ring() {
        var one: UInt64 = 1
        // It fails only where the counter is full: then it has rung.
        _ = unsafe write(descriptor, &one, 8)
    }

    /// Waits until something has rung since the last wait, at most `timeout`.
    func wait(_ timeout: Duration) {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&request, 1, timeout.milliseconds) > 0 else { return }
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, 8)
    }

    /// Rings whenever `queue` gets its first element. Watch no more before the queue is let go.
    func watch(_ queue: OpaquePointer) {
        var one: UInt64 = 1
        unsafe rd_kafka_queue_io_event_enable(queue, descriptor, &one, 8)
    }

    func unwatch(_ queue: OpaquePointer) { unsafe rd_kafka_queue_io_event_enable(queue, -1, nil, 0) }
}
