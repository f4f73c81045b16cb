internal import Foundation
internal import Synchronization

/// Keeps the previous generation from growing old: now and then, after a checkpoint, copies the state on a
/// thread of the lowest priority, which takes the time that nobody else wants.
///
/// A generation from before a user was forgotten still holds them: after a checkpoint that forgets somebody the next copy
/// comes sooner.
public final class GenerationKeeper: Sendable {
    fileprivate struct Progress {
        var interval: Duration
        var isRunning = false
        var lastStart: ContinuousClock.Instant?
        /// Whether somebody was forgotten since the last copy began.
        var isErasureDue = false
        var outcome: Result<Duration, StateStoreError>?
        var priorityRefusal: String?
    }

    private let store: StateStore
    private let progress: Mutex<Progress>
    private let underway = DispatchGroup()

    /// Time from the start of one copy to that of the next at most, after somebody was forgotten.
    public static let erasureInterval = Duration.seconds(60)
    /// A state of this size is copied in a few seconds, also while the daemon ends.
    private static let closingBytesMax = 64 << 20
    private static let niceness: Int32 = 19

    /// - Parameter interval: from the start of one copy to that of the next; the first is due at once.
    public init(_ store: StateStore, interval: Duration) {
        self.store = store
        progress = Mutex(Progress(interval: interval))
    }

    /// Changes the time between copies.
    public func setInterval(_ interval: Duration) { progress.withLock { $0.interval = interval } }

    /// The state has forgotten somebody, the copy has not.
    public func noteErasure() { progress.withLock { $0.isErasureDue = true } }

    /// Starts a copy where one is due and none is being made. Call it after a checkpoint was written.
    public func keepIfDue(now: ContinuousClock.Instant) {
        guard start(now, isDue: { $0.isDue(now) }) else { return }
        underway.enter()
        let thread = Thread { [self] in
            let refusal = ThreadPriority.lower(to: Self.niceness)
            if let refusal { progress.withLock { $0.priorityRefusal = refusal } }
            copy()
            underway.leave()
        }
        thread.name = "freshet-copy"
        thread.start()
    }

    /// Waits for the copy that is being made, and makes one where somebody was forgotten since the last one and the
    /// state is small. Otherwise the next start does, with its first checkpoint.
    ///
    /// - Parameter timeout: what is waited for the copy under way.
    public func close(timeout: Duration) {
        guard underway.wait(timeout: .now() + timeout / .seconds(1)) == .success else { return }
        // The copy was a reader of the log while the last checkpoint was written.
        store.emptyLog()
        let isSmall = StateFile.length(store.directory + "/" + StateStore.fileName) <= Self.closingBytesMax
        guard isSmall, start(.now, isDue: { $0.isErasureDue && !$0.isRunning }) else { return }
        copy()
    }

    /// How the last copy ended and how long it took, once.
    public func takeOutcome() -> Result<Duration, StateStoreError>? {
        progress.withLock { progress in
            defer { progress.outcome = nil }
            return progress.outcome
        }
    }

    /// Why the priority of the last copy could not be lowered, once; nil where it could.
    public func takePriorityRefusal() -> String? {
        progress.withLock { progress in
            defer { progress.priorityRefusal = nil }
            return progress.priorityRefusal
        }
    }

    private func start(_ now: ContinuousClock.Instant, isDue: (Progress) -> Bool) -> Bool {
        progress.withLock { progress in
            guard isDue(progress) else { return false }
            (progress.isRunning, progress.lastStart, progress.isErasureDue) = (true, now, false)
            return true
        }
    }

    private func copy() {
        let began = ContinuousClock.now
        let outcome = Result { () throws(StateStoreError) in
            try store.keepGeneration()
            return ContinuousClock.now - began
        }
        progress.withLock { progress in
            (progress.isRunning, progress.outcome) = (false, outcome)
            // The one that was there stays, with everybody in it: it is tried again as soon.
            if case .failure = outcome { progress.isErasureDue = true }
        }
    }
}

extension GenerationKeeper.Progress {
    fileprivate func isDue(_ now: ContinuousClock.Instant) -> Bool {
        let wait = isErasureDue ? min(interval, GenerationKeeper.erasureInterval) : interval
        return !isRunning && (lastStart.map { now - $0 >= wait } ?? true)
    }
}
