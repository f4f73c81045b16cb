internal import Foundation
internal import Glibc
internal import Synchronization

/// Keeps the previous generation from growing old: now and then, after a checkpoint, copies the state on a
/// thread of the lowest priority, which takes the time that nobody else wants.
public final class GenerationKeeper: Sendable {
    private struct Progress {
        var isRunning = false
        var lastStart: ContinuousClock.Instant?
        var outcome: Result<Duration, StateStoreError>?
    }

    private let store: StateStore
    private let interval: Duration
    private let progress = Mutex(Progress())

    /// - Parameter interval: from the start of one copy to that of the next; the first is due at once.
    public init(_ store: StateStore, interval: Duration) {
        self.store = store
        self.interval = interval
    }

    /// Starts a copy where one is due and none is being made. Call it after a checkpoint was written.
    public func keepIfDue(now: ContinuousClock.Instant) {
        let isDue = progress.withLock { progress in
            guard !progress.isRunning, progress.lastStart.map({ now - $0 >= interval }) ?? true else { return false }
            (progress.isRunning, progress.lastStart) = (true, now)
            return true
        }
        guard isDue else { return }
        let thread = Thread { [self] in
            // Refused or not, the copy is made.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            let began = ContinuousClock.now
            let outcome = Result { () throws(StateStoreError) in
                try store.keepGeneration()
                return ContinuousClock.now - began
            }
            progress.withLock { ($0.isRunning, $0.outcome) = (false, outcome) }
        }
        thread.name = "freshet-copy"
        thread.start()
    }

    /// How the last copy ended and how long it took, once.
    public func takeOutcome() -> Result<Duration, StateStoreError>? {
        progress.withLock { progress in
            let outcome = progress.outcome
            progress.outcome = nil
            return outcome
        }
    }
}
