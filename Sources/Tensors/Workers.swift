internal import CWorkers

/// Threads that share the independent parts of a step (fork and join).
///
/// The result of a step does not depend on how many there are: a part reads and writes nothing that
/// another of them writes.
@safe public final class Workers {
    /// Nil where the caller does everything by itself.
    private let crew: OpaquePointer?

    /// - Parameter count: threads that share the parts, the caller's among them; at least 1. There are fewer where
    ///   the system gives no more.
    public init(_ count: Int) {
        precondition(count > 0, "somebody does the work")
        unsafe crew = count > 1 ? cw_crew_create(count - 1) : nil
    }

    deinit {
        if let crew = unsafe crew { unsafe cw_crew_destroy(crew) }
    }

    /// Threads that share the parts, the caller's among them.
    public var count: Int {
        guard let crew = unsafe crew else { return 1 }
        return unsafe 1 + cw_crew_threads(crew)
    }

    /// Calls `part` with each number in 0..<count, in any order and at the same time, and returns when all are done.
    ///
    /// - Parameter part: touches nothing that another part changes, and calls no method of these workers.
    public func forEach(_ count: Int, _ part: (Int) -> Void) {
        guard count > 1, let crew = unsafe crew else {
            for index in 0..<count { part(index) }
            return
        }
        withoutActuallyEscaping(part) { part in
            var call = Call(part: part)
            unsafe withUnsafeMutablePointer(to: &call) { call in
                unsafe cw_crew_run(crew, count, { index, call in
                    guard let call = unsafe call else { return }
                    unsafe call.assumingMemoryBound(to: Call.self).pointee.part(index)
                }, call)
            }
        }
    }

    private struct Call {
        let part: (Int) -> Void
    }
}
